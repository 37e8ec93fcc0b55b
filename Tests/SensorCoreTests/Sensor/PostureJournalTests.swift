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
        let name: String
        let taken = NIOLockedValueBox<[RecordEnvelope]>([])
        private let room: NIOLockedValueBox<(taken: Int, settled: Int)>

        init(_ name: String = "test", taken: Int = .max, settled: Int = .max) {
            self.name = name
            room = NIOLockedValueBox((taken, settled))
        }

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

        private let start = NIOLockedValueBox<RecordSinkStart?>(nil)

        func begin(_ start: RecordSinkStart) { self.start.withLockedValue { $0 = start } }

        var begun: RecordSinkStart? { start.withLockedValue { $0 } }

        func allowAll() { room.withLockedValue { $0 = (.max, .max) } }

        var sequences: [UInt64] { taken.withLockedValue { $0.map(\.sequence) } }
    }

    private func record(_ number: Int, bytes: Int = 0) -> PostureRecord {
        .numbered(number, node: String(repeating: "n", count: bytes))
    }

    private func batch(_ records: [PostureRecord], shares: Range<Int> = 0..<0) -> JournalBatch {
        var batch = JournalBatch(records: records.map { RecordContent($0) })
        for number in shares {
            batch.shares[ShareKey(SubjectKey(kind: "Deployment", name: "s\(number)"))] = record(number)
        }
        return batch
    }

    private func open(_ sinks: Sink..., spool: SpoolLimits = SpoolLimits()) throws -> PostureJournal {
        try PostureJournal(directory: state, boot: "b", spool: spool, sinks: sinks)
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

    @Test func `what cannot be read is told, and handed on when it can be`() throws {
        let journal = try open(Sink(taken: 0))
        journal.write(batch((0..<4).map { record($0) }))
        #expect(journal.finish())

        let sink = Sink(taken: 0)
        let next = try open(sink)
        // From then on it has its file open for writing.
        next.write(batch([record(4)]))
        try eventually { next.status.log.commits > 0 }
        let segments = try FileManager.default.contentsOfDirectory(atPath: state).filter { $0.hasSuffix(".log") }
        for name in segments { #expect(rename("\(state)/\(name)", "\(directory.path)/\(name)") == 0) }
        sink.allowAll()
        next.write(JournalBatch())
        try eventually { next.status.trouble?.contains("cannot be read") ?? false }
        for name in segments { #expect(rename("\(directory.path)/\(name)", "\(state)/\(name)") == 0) }
        next.write(JournalBatch())
        #expect(next.finish() && sink.sequences == [1, 2, 3, 4, 5] && next.status.trouble == nil)
    }

    @Test func `until when all was kept is known after a kill, as of what was committed`() throws {
        var journal: PostureJournal? = try open(Sink())
        #expect(journal?.takeRestored().keptUntil == nil)
        var batch = batch([record(0)], shares: 0..<1)
        batch.keptUntil = KeptUntil(20_000 * 86_400_000_000_000 + 1)
        journal?.write(batch)
        try eventually { journal?.isReady() ?? false }
        var empty = JournalBatch()
        empty.keptUntil = KeptUntil(20_000 * 86_400_000_000_000 + 2)
        journal?.write(empty)
        #expect(journal?.finish() == true)
        journal = nil
        let restored = try open(Sink()).takeRestored()
        #expect(restored.keptUntil == KeptUntil(20_000 * 86_400_000_000_000 + 1) && restored.unknown == 0)
    }

    @Test func `a record that no commit takes is refused, counted and told of, and the next one is told`() throws {
        let sink = Sink()
        let journal = try open(sink)
        journal.write(batch([record(0, bytes: 5 << 20), record(1)]))
        #expect(journal.finish())
        #expect(journal.status.refused == 1 && sink.sequences == [1, 2])
        let told = try sink.taken.withLockedValue { try $0.map { try PostureRecord(jsonUTF8Bytes: $0.payload) } }
        #expect(told[1].gap.reason == "too_large" && told[1].gap.count == 1 && told[1].gap.from == 0)
    }

    @Test func `what is not taken is offered again, also after a restart, and so is what was not settled`() throws {
        let journal = try open(Sink(taken: 5, settled: 3))
        journal.write(batch((0..<8).map { record($0) }))
        #expect(journal.finish())
        #expect(journal.status.unsettled == 5)
        #expect(journal.status.oldest != nil && journal.status.oldest == journal.status.sinks.first?.waitsSince)
        let later = Sink()
        let next = try open(later)
        #expect(next.finish())
        #expect(later.sequences == [4, 5, 6, 7, 8] && next.status.unsettled == 0)
        #expect(next.status.oldest == nil && next.status.sinks.first?.waitsSince == nil)
    }

    @Test func `of a sink that takes nothing the oldest records go, and a gap stands for them`() throws {
        let (sink, other) = (Sink(taken: 0), Sink("other"))
        var spool = SpoolLimits()
        // What goes is what does not fit.
        spool.bytes = 4 << 20
        let journal = try open(sink, other, spool: spool)
        for _ in 0..<6 {
            journal.write(batch((0..<10).map { record($0, bytes: 100 << 10) }))
            while !journal.isReady() { sched_yield() }
        }
        #expect(journal.status.spooledBytes <= 4 << 20 && journal.status.spooledBytes > 3 << 20)
        sink.allowAll()
        #expect(journal.finish())
        #expect(other.sequences == (1...60).map { UInt64($0) })
        let missing = try #require(journal.status.sinks.first { $0.name == "test" }).missing
        #expect((20...30).contains(missing) && journal.status.missing == missing && journal.status.unsettled == 0)
        let first = try #require(sink.taken.withLockedValue { $0.first })
        #expect(sink.sequences == Array(missing...60) && first.sequence == missing)
        let gap = try PostureRecord(jsonUTF8Data: Data(first.payload)).gap
        #expect(gap.from == 1 && gap.to == missing && gap.count == missing && gap.digest.hasPrefix("sha256:"))
        for taken in [sink, other] {
            var verifier = StreamVerifier()
            for envelope in taken.taken.withLockedValue({ $0 }) { verifier.feed(try #require(envelope.line)) }
            let report = verifier.finish()
            #expect(report.firstBreak == nil && report.streams.first?.missing == (taken === sink ? missing : 0))
        }
    }

    @Test(arguments: [false, true])
    func `what is too old goes as well, also behind what does not say when it was made`(_ isUndated: Bool) throws {
        let sink = Sink(taken: 0)
        var spool = SpoolLimits()
        spool.age = .seconds(3600)
        let journal = try open(sink, spool: spool)
        let now = ClockReading.now()
        let old = (0..<10).map { number in
            var record = record(number)
            // Of this boot by its own clock, of another one by the time of day.
            (record.boot, record.bootTime) = number < 5 ? ("b", now.boot &- 7_200_000_000_000) : ("a", now.boot)
            record.time = Google_Protobuf_Timestamp(
                nanosecondsSince1970: number < 5 ? now.wall : now.wall - 7_200_000_000_000)
            if isUndated, number % 4 == 0 {
                record.clearTime()
                record.bootTime = 0
            }
            return record
        }
        var young = record(10)
        (young.boot, young.bootTime) = ("b", now.boot)
        journal.write(batch(old + [young]))
        while !journal.isReady() { sched_yield() }
        sink.allowAll()
        #expect(journal.finish())
        #expect(sink.sequences == [10, 11] && journal.status.missing == 10)
    }

    @Test func `each sink goes on where it was, whatever the others do`() throws {
        let names = ["hanging", "quick", "slow"]
        let journal = try open(Sink(names[0], taken: 0), Sink(names[1]), Sink(names[2], settled: 3))
        journal.write(batch((0..<8).map { record($0) }))
        #expect(journal.finish())
        #expect(journal.status.sinks.map(\.unsettled) == [8, 0, 5])

        let later = names.map { Sink($0) }
        let next = try open(later[0], later[1], later[2])
        #expect(later.map { $0.begun?.settled } == [0, 8, 3] && later.allSatisfy { $0.begun?.offered == 8 })
        #expect(next.takeRestored().unknown == 0)
        next.write(batch([record(8)]))
        #expect(next.finish())
        #expect(later.map(\.sequences) == [Array(1...9), [9], Array(4...9)])
        #expect(next.status.unsettled == 0)
    }

    @Test func `a sink that comes back late is told what it missed, and one that is new begins with what is there`()
        throws
    {
        #expect(try open(Sink("gone", settled: 2), Sink("here")).write(then: batch((0..<4).map { record($0) })))
        #expect(try open(Sink("here")).write(then: batch((4..<6).map { record($0) })))
        let (back, new) = (Sink("gone"), Sink("new"))
        #expect(try open(back, new, Sink("here")).write(then: batch([record(6)])))
        #expect(back.sequences == [6, 7] && new.sequences == [7])
        let gap = try PostureRecord(jsonUTF8Data: Data(try #require(back.taken.withLockedValue { $0.first }).payload))
            .gap
        #expect(gap.from == 3 && gap.to == 6)
    }

    @Test func `a sink that has room again is offered more at once`() throws {
        let sink = Sink(taken: 2)
        let journal = try open(sink)
        journal.write(batch((0..<5).map { record($0) }))
        while sink.sequences.count < 2 { sched_yield() }
        sink.allowAll()
        sink.begun?.wake()
        try eventually { sink.sequences == [1, 2, 3, 4, 5] }
        #expect(journal.finish())
    }

    @Test func `a tenth of the file system stays free, and somewhat is kept all the same`() {
        var limits = SpoolLimits()
        limits.bytes = 100 << 20
        let total = 1000 << 20
        #expect(limits.allowance(taken: 0, garbage: 0, space: nil) == 100 << 20)
        #expect(limits.allowance(taken: 0, garbage: 0, space: (500 << 20, total)) == 100 << 20)
        #expect(limits.allowance(taken: 50 << 20, garbage: 0, space: (120 << 20, total)) == 70 << 20)
        #expect(limits.allowance(taken: 50 << 20, garbage: 10 << 20, space: (80 << 20, total)) == 40 << 20)
        #expect(limits.allowance(taken: 50 << 20, garbage: 0, space: (0, total)) == 4 << 20)
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

extension PostureJournal {
    fileprivate func write(then batch: JournalBatch) -> Bool {
        write(batch)
        return finish()
    }
}
