// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct PostureJournalTests {
    private let directory: TestDirectory
    private var state: String { directory.path + "/state" }

    init() throws { directory = try TestDirectory() }

    private func record(_ number: Int, bytes: Int = 0) -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, String(repeating: "n", count: bytes))
            $0.subject.name = "s\(number)"
            $0.profile = PostureProfile()
        }
    }

    @Test func `what is told is kept, also more than waits for one commit, and goes on after a restart`() throws {
        let told = NIOLockedValueBox<[RecordEnvelope]>([])
        let journal = try PostureJournal(directory: state, boot: "b") { records in
            told.withLockedValue { $0 += records }
        }
        var batch = PostureBatch()
        batch.records = (0..<100).map { record($0, bytes: 100 << 10) }
        batch.shares = (0..<3).map { (SubjectKey(kind: "Deployment", name: "s\($0)"), record($0)) }
        journal.write(batch)
        #expect(journal.finish())
        #expect(told.withLockedValue { $0.map(\.sequence) } == (1...100).map { UInt64($0) })
        #expect(journal.status.refused == 0 && journal.status.trouble == nil)

        let next = try PostureJournal(directory: state, boot: "b") { records in told.withLockedValue { $0 += records } }
        #expect(next.stream == journal.stream && next.opening.isWhole)
        #expect(next.takeRestored().map(\.subject.name).sorted() == ["s0", "s1", "s2"] && next.takeRestored().isEmpty)
        next.write(PostureBatch(records: [record(1)], shares: []))
        #expect(next.finish())
        #expect(told.withLockedValue { $0.last?.sequence } == 101)
    }

    @Test func `a record that no commit takes is refused and counted, and the next one is told`() throws {
        let told = NIOLockedValueBox<[RecordEnvelope]>([])
        let journal = try PostureJournal(directory: state, boot: "b") { records in
            told.withLockedValue { $0 += records }
        }
        journal.write(PostureBatch(records: [record(0, bytes: 5 << 20), record(1)], shares: []))
        #expect(journal.finish())
        #expect(journal.status.refused == 1)
        #expect(told.withLockedValue { $0.map(\.sequence) } == [1])
    }
}
