// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import NIOConcurrencyHelpers
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct PostureJournalTests {
    private let directory: TestDirectory
    private var state: String { directory.path + "/state" }

    init() throws { directory = try TestDirectory() }

    /// Takes so many records, and settles so many of them.
    private final class Sink: RecordSink {
        let taken = NIOLockedValueBox<[RecordEnvelope]>([])
        private let room: NIOLockedValueBox<(taken: Int, settled: Int)>

        init(taken: Int = .max, settled: Int = .max) { room = NIOLockedValueBox((taken, settled)) }

        func offer(_ envelope: RecordEnvelope) -> Bool {
            taken.withLockedValue { taken in
                guard taken.count < room.withLockedValue({ $0.taken }) else { return false }
                taken.append(envelope)
                return true
            }
        }

        var settled: UInt64 {
            let count = room.withLockedValue { $0.settled }
            return taken.withLockedValue { $0.prefix(count).last?.sequence ?? 0 }
        }

        func allowAll() { room.withLockedValue { $0 = (.max, .max) } }

        var sequences: [UInt64] { taken.withLockedValue { $0.map(\.sequence) } }
    }

    private func record(_ number: Int, bytes: Int = 0) -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, String(repeating: "n", count: bytes))
            $0.subject.name = "s\(number)"
            $0.profile = PostureProfile()
        }
    }

    private func batch(_ records: [PostureRecord], shares: Range<Int> = 0..<0) -> JournalBatch {
        var batch = JournalBatch(records: records.map { RecordContent($0) })
        for number in shares {
            batch.shares[ShareKey(SubjectKey(kind: "Deployment", name: "s\(number)"))] = record(number)
        }
        return batch
    }

    private func open(_ sink: Sink) throws -> PostureJournal {
        try PostureJournal(directory: state, boot: "b", sink: sink)
    }

    @Test func `what is told is kept, also more than waits for one commit, and goes on after a restart`() throws {
        let sink = Sink()
        let journal = try open(sink)
        journal.write(batch((0..<100).map { record($0, bytes: 100 << 10) }, shares: 0..<3))
        #expect(journal.finish())
        #expect(sink.sequences == (1...100).map { UInt64($0) })
        #expect(journal.status.refused == 0 && journal.status.trouble == nil && journal.status.unsettled == 0)

        let later = Sink()
        let next = try open(later)
        #expect(next.stream == journal.stream && next.opening.isWhole)
        let restored = next.takeRestored()
        #expect(restored.shares.map(\.subject.name) == ["s0", "s1", "s2"] && !restored.wasKilled)
        #expect(restored.unknown == 0 && next.takeRestored().shares.isEmpty)
        var batch = batch([record(1)])
        batch.shares.updateValue(nil, forKey: ShareKey(SubjectKey(kind: "Deployment", name: "s1")))
        batch.wanted = ["s2", "s9"].reduce(into: []) { $0.insert(SubjectKey(kind: "Deployment", name: $1)) }
        next.write(batch)
        #expect(next.finish() && later.sequences == [101])
        let reread = next.takeReread()
        #expect(reread.shares.map(\.subject.name) == ["s2"] && reread.asked == batch.wanted)
        #expect(next.takeReread().asked.isEmpty)
        #expect(try open(Sink()).takeRestored().shares.map(\.subject.name) == ["s0", "s2"])
    }

    @Test func `a record that no commit takes is refused and counted, and the next one is told`() throws {
        let sink = Sink()
        let journal = try open(sink)
        journal.write(batch([record(0, bytes: 5 << 20), record(1)]))
        #expect(journal.finish())
        #expect(journal.status.refused == 1 && sink.sequences == [1])
    }

    @Test func `what is not taken is offered again, also after a restart, and so is what was not settled`() throws {
        let journal = try open(Sink(taken: 5, settled: 3))
        journal.write(batch((0..<8).map { record($0) }))
        #expect(journal.finish())
        #expect(journal.status.unsettled == 5)
        let later = Sink()
        let next = try open(later)
        #expect(next.finish())
        #expect(later.sequences == [4, 5, 6, 7, 8] && next.status.unsettled == 0)
    }

    @Test func `of a sink that takes nothing the oldest records go, and a gap stands for them`() throws {
        let sink = Sink(taken: 0)
        let journal = try open(sink)
        for _ in 0..<7 {
            journal.write(batch((0..<10_000).map { record($0) }))
            while !journal.isReady() { sched_yield() }
        }
        sink.allowAll()
        #expect(journal.finish())
        #expect(journal.status.missing == 35_000 && journal.status.unsettled == 0)
        let first = try #require(sink.taken.withLockedValue { $0.first })
        #expect(sink.sequences.count == 35_001 && first.sequence == 35_000)
        let gap = try PostureRecord(jsonUTF8Data: Data(first.payload)).gap
        #expect(gap.from == 1 && gap.to == 35_000 && gap.count == 35_000 && gap.digest.hasPrefix("sha256:"))
        var verifier = StreamVerifier()
        for envelope in sink.taken.withLockedValue({ $0 }) { verifier.feed(try #require(envelope.line)) }
        let report = verifier.finish()
        #expect(report.firstBreak == nil && report.streams.first?.missing == 35_000)
    }

    @Test func `values of another version are left alone`() throws {
        let first = try open(Sink())
        #expect(first.finish())
        do {
            let log = try StateLog(directory: state, boot: "b")
            _ = log.change([9, 1, 2, 3])
            let outcome = log.close { _ in [1, 2, 3] }
            guard case .committed = outcome else { throw SystemError("close", number: 0) }
        }
        let journal = try open(Sink())
        #expect(journal.takeRestored().unknown == 1)
        journal.write(batch([], shares: 0..<1))
        #expect(journal.finish())
        #expect(try StateLog.values(in: state).map(\.key).contains([9, 1, 2, 3]))
    }
}
