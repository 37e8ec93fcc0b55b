// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

/// What one node knows of one subject, as it is kept.
package struct PostureShare: Sendable {
    package let profile: SharedProfile
    package let coverage: [PostureCoverage]
    /// Wall clock, nanoseconds since 1970.
    package let time: UInt64
    /// The record's JSON, on one line.
    package let json: String

    /// nil: it is none, or of a version that this one does not know.
    init?(_ bytes: [UInt8], writer: String) {
        guard let record = try? PostureRecord(serializedBytes: bytes), record.schema == PostureRecord.currentSchema,
            case .profile(let share)? = record.body
        else { return nil }
        var profile = SharedProfile(SubjectKey(record.subject))
        profile.merge(share, writer: writer)
        self.profile = profile
        coverage = record.coverage
        time = record.time.nanosecondsSince1970
        json = (try? record.jsonString()) ?? "{}"
    }

    /// What a daemon keeps in a directory, running or not.
    package static func read(from directory: String) throws(StateLogError) -> [PostureShare] {
        try StateLog.values(in: directory).compactMap { PostureShare($0, writer: "") }
            .sorted { $0.profile.subject < $1.profile.subject }
    }
}

extension PostureRecord {
    static let currentSchema = "posture.v1"
}
