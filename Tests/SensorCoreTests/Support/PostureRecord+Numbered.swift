// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

@testable import SensorCore

extension PostureRecord {
    /// The profile of a subject that is called by its number.
    static func numbered(_ number: Int, node: String = "n") -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, node)
            $0.subject.name = "s\(number)"
            $0.profile = PostureProfile()
        }
    }
}

extension JournalBatch {
    /// Profiles of as many subjects.
    static func numbered(_ numbers: Range<Int>) -> JournalBatch {
        JournalBatch(records: numbers.map { RecordContent(.numbered($0)) })
    }
}
