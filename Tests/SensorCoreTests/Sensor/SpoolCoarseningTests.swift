// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

/// What a spool says in fewer records before anything has to go.
@Suite struct SpoolCoarseningTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    /// Takes nothing until it is told to.
    private final class Sink: RecordSink {
        let name = "test"
        let taken = NIOLockedValueBox<[RecordEnvelope]>([])
        private let isOpen = NIOLockedValueBox(false)

        func begin(_ start: RecordSinkStart) {}

        func offer(_ envelope: RecordEnvelope) -> Bool {
            guard isOpen.withLockedValue({ $0 }) else { return false }
            taken.withLockedValue { $0.append(envelope) }
            return true
        }

        var settled: UInt64 { taken.withLockedValue { $0.last?.sequence ?? 0 } }

        func open() { isOpen.withLockedValue { $0 = true } }
    }

    private func fact(_ path: String, _ count: UInt64) -> PostureFact {
        PostureFact.with {
            ($0.discipline, $0.kind, $0.outcome, $0.count) = ("behavioral", "file", "ok", count)
            $0.key.path = path
        }
    }

    private func record(_ subject: String, _ facts: [PostureFact], last: Bool = false) -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node, $0.boot) = (PostureRecord.currentSchema, "n1", "b")
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: ClockReading.now().wall)
            $0.bootTime = ClockReading.now().boot
            $0.subject.name = subject
            $0.facts = PostureFacts.with { ($0.facts, $0.writer, $0.last) = (facts, "w-\(subject)", last) }
        }
    }

    private func call(_ number: Int) -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, "n1")
            $0.toolCall = PostureToolCallRecord.with { $0.call.id = "c\(number)" }
        }
    }

    private func decoded(_ envelope: RecordEnvelope) throws -> PostureRecord {
        try PostureRecord(jsonUTF8Bytes: envelope.payload)
    }

    private func open(_ sink: Sink, bytes: Int) throws -> PostureJournal {
        var spool = SpoolLimits()
        (spool.bytes, spool.freePercent) = (bytes, 0)
        return try PostureJournal(directory: directory.path + "/state", boot: "b", spool: spool, sinks: [sink])
    }

    /// Waits until it is written.
    private func write(_ records: [PostureRecord], to journal: PostureJournal) throws {
        let before = journal.status.sequence
        journal.write(JournalBatch(records: records.map { RecordContent($0) }))
        try eventually { journal.status.sequence >= before + UInt64(records.count) }
    }

    private func counts(_ envelopes: [RecordEnvelope]) throws -> [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for envelope in envelopes {
            let record = try decoded(envelope)
            for fact in record.facts.facts {
                counts[record.subject.name + fact.key.path, default: 0] = max(
                    counts[record.subject.name + fact.key.path] ?? 0, fact.count)
            }
        }
        return counts
    }

    @Test(arguments: [false, true])
    func `facts that are told again and again take no room of what is told once; the stream is whole`(
        _ restarts: Bool
    ) throws {
        var sink = Sink()
        var journal = try open(sink, bytes: 200_000)
        // Three times of what there is room for, calls among it.
        let rounds = 120
        for round in 1...rounds {
            let facts = (0..<20).map { fact("/a/\($0)", UInt64(round)) }
            try write([record("one", facts), record("two", facts), call(round)], to: journal)
        }
        if restarts {
            #expect(journal.finish())
            let end = ContinuousClock.now
            sink = Sink()
            journal = try open(sink, bytes: 200_000)
            #expect(journal.opening.isWhole, "\(journal.opening)")
            // What waits is no younger for it, though the first of it has gone.
            journal.write(JournalBatch())
            try eventually { journal.status.oldest != nil }
            #expect(try #require(journal.status.oldest) < end)
        }
        let head = journal.status.sequence
        sink.open()
        try write([call(rounds + 1)], to: journal)
        try eventually { sink.settled > head }
        #expect(journal.finish())

        let taken = sink.taken.withLockedValue { $0 }
        let records = try taken.map { try decoded($0) }
        let calls = records.compactMap { record -> String? in
            if case .toolCall(let call)? = record.body { call.call.id } else { nil }
        }
        #expect(calls == (1...(rounds + 1)).map { "c\($0)" })
        let last = try counts(taken)
        #expect(last.count == 40 && last.values.allSatisfy { $0 == UInt64(rounds) }, "\(last)")
        let gaps = records.compactMap { record -> PostureGap? in
            if case .gap(let gap)? = record.body { gap } else { nil }
        }
        #expect(!gaps.isEmpty && gaps.allSatisfy { $0.reason == "coarsened" }, "\(gaps)")
        // Each sequence stands once, in order, and the chain is whole.
        var verifier = StreamVerifier()
        for envelope in taken { verifier.feed(try #require(envelope.line)) }
        let stream = try #require(verifier.finish().streams.first)
        #expect(stream.missing == gaps.reduce(0) { $0 + $1.count } && stream.repeated == 0)
        #expect(zip(taken, taken.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
    }

    @Test func `events go first, and it is told how many`() throws {
        let sink = Sink()
        let journal = try open(sink, bytes: 200_000)
        let long = String(repeating: "x", count: 4000)
        let text = #"{"events":[{"kind":"file.open","via":"\#(long)"},{"kind":"file.open"}]}"#
        let head = PostureRecord.with {
            ($0.schema, $0.node, $0.subject.name) = (PostureRecord.currentSchema, "n1", "e")
        }
        let events = EventRecord(
            content: RecordContent(RecordHead(head), "events", body: Array(text.utf8)[...]), count: 2)
        // A quarter of the room, and then facts that want it.
        for round in 1...100 {
            var batch = JournalBatch(
                records: [RecordContent(record("one", (0..<20).map { fact("/a/\($0)", UInt64(round)) }))])
            if round <= 10 { batch.events = [events] }
            let before = journal.status.sequence
            journal.write(batch)
            try eventually { journal.status.sequence > before && journal.isReady() }
        }
        var taken: [RecordEnvelope] = []
        // What was counted since it was told last is told at the end, which the next one hears of.
        for (sink, journal) in [(sink, journal), (Sink(), nil)] {
            let journal = try journal ?? open(sink, bytes: 200_000)
            let end = journal.status.sequence
            sink.open()
            try write([call(1)], to: journal)
            try eventually { sink.settled > end }
            #expect(journal.finish())
            taken += sink.taken.withLockedValue { $0 }
        }
        let records = try taken.map { try decoded($0) }
        var (kept, dropped): (UInt64, UInt64) = (0, 0)
        for record in records {
            switch record.body {
            case .events(let events)?: kept += UInt64(events.events.count)
            case .gap(let gap)? where gap.reason == "events_dropped": dropped += gap.count
            case .gap(let gap)?: #expect(gap.reason == "coarsened")
            default: break
            }
        }
        #expect(dropped > 0 && kept + dropped == 20)
        #expect(try counts(taken).values.allSatisfy { $0 == 100 })
    }

    @Test func `what went so is remembered, or does not go`() {
        var random = SplitMix(seed: 1)
        var coarsened = CoarsenedRecords(stream: StreamID(using: &random), limit: 2)
        coarsened.insert([1, 3])
        #expect(!coarsened.hasRoom(for: [5]) && coarsened.sequences.ranges == [1...1, 3...3])
        #expect(coarsened.hasRoom(for: [2, 5]))
        coarsened.insert([2, 5])
        #expect(coarsened.sequences.ranges == [1...3, 5...5])
        coarsened.forget(through: 3)
        #expect(coarsened.hasRoom(for: [9]))
        coarsened.insert([9])
        #expect(coarsened.contains(5...5) && !coarsened.contains(3...3))
    }

    @Test func `where there is no room to remember what would go, nothing is told in its place`() throws {
        let sink = Sink()
        let journal = try open(sink, bytes: 4 << 20)
        // Facts between calls: a range each. Those of a stretch would fit, those of three do not.
        let count = 6144
        let known = record("one", [fact("/a", 1)])
        var records: [PostureRecord] = []
        for number in 0..<count { records += [call(number), known] }
        try write(records, to: journal)
        let written = UInt64(records.count)
        // More, until it is nearly full, and then a little at a time.
        let large = PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, "n1")
            $0.toolCall = PostureToolCallRecord.with { $0.call.id = String(repeating: "x", count: 100_000) }
        }
        var wanted = written
        while journal.status.spooledBytes < 7 << 19 {
            try write([large], to: journal)
            wanted += 1
        }
        for number in 0..<40 {
            try write([call(count + number)], to: journal)
            wanted += 1
        }
        // A record for each stretch that has been told anew.
        #expect((1...3).contains(journal.status.sequence - wanted), "\(journal.status.sequence - wanted)")
        #expect(journal.status.missing == 0)
        sink.open()
        try write([call(-1)], to: journal)
        try eventually { sink.settled >= wanted }
        #expect(journal.finish())
        let taken = try sink.taken.withLockedValue { $0 }.map { try decoded($0) }
        let calls = taken.count { if case .toolCall = $0.body { true } else { false } }
        #expect(UInt64(calls) == wanted - UInt64(count) + 1)
        #expect(taken.contains { !$0.facts.facts.isEmpty })
    }

    @Test func `what cannot be said in less goes as before, the oldest first`() throws {
        let sink = Sink()
        let journal = try open(sink, bytes: 100_000)
        for round in 1...100 { try write([record("s\(round)", (0..<20).map { fact("/\($0)", 1) })], to: journal) }
        let head = journal.status.sequence
        #expect(journal.status.spooledBytes <= 110_000)
        sink.open()
        try write([call(1)], to: journal)
        try eventually { sink.settled > head }
        #expect(journal.finish())
        let records = try sink.taken.withLockedValue { $0 }.map { try decoded($0) }
        guard case .gap(let gap)? = records.first?.body else {
            Issue.record("nothing went")
            return
        }
        #expect(gap.reason == "not_kept" && gap.from == 1)
    }

    @Test func `of facts that came in any order the one with most counted stays, of each writer for itself`() throws {
        var merger = FactsMerger()
        var other = record("one", [fact("/a", 9)])
        other.facts.writer = "another"
        for record in [
            record("one", [fact("/a", 7), fact("/b", 1)]), record("one", [fact("/a", 3)], last: true), other,
            record("two", [fact("/a", 2)]),
        ] {
            let isTaken = merger.take(record)
            #expect(isTaken)
        }
        let isTaken = merger.take(call(1))
        #expect(!isTaken)
        let records = merger.records(at: .now(), boot: "b")
        #expect(records.map(\.subject.name) == ["one", "one", "two"])
        #expect(records.map { $0.facts.facts.map(\.count) } == [[7, 1], [9], [2]])
        #expect(records.map(\.facts.last) == [true, false, false] && records[1].facts.writer == "another")
    }

    @Test func `a set of sequences forgets its beginning, and knows whole ranges`() {
        var set = SequenceSet()
        for range in [2...4, 8...9, 12...20] as [ClosedRange<UInt64>] { set.insert(range) }
        #expect(set.contains(2...4) && set.contains(13...20) && !set.contains(4...8) && !set.contains(1...2))
        set.remove(through: 8)
        #expect(set.ranges == [9...9, 12...20])
        set.remove(through: 30)
        #expect(set.isEmpty)
    }
}
