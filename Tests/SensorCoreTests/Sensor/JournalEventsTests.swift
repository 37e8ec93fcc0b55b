// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOConcurrencyHelpers
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

/// Events among the records of a stream.
@Suite struct JournalEventsTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    /// Takes nothing until it is told to.
    private final class Sink: RecordSink {
        let name: String
        private let state = NIOLockedValueBox((isOpen: false, taken: [RecordEnvelope]()))

        init(_ name: String = "test") { self.name = name }

        var taken: [RecordEnvelope] { state.withLockedValue { $0.taken } }

        func open() { state.withLockedValue { $0.isOpen = true } }

        func offer(_ envelope: RecordEnvelope) -> Bool {
            state.withLockedValue { state in
                if state.isOpen { state.taken.append(envelope) }
                return state.isOpen
            }
        }

        var settled: UInt64 { taken.last?.sequence ?? 0 }
    }

    private func record(_ name: String) -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, "n")
            $0.subject.name = name
        }
    }

    /// So many records of one event of about 50 KiB.
    private func events(_ count: Int) -> [EventRecord] {
        let text = #"{"events":[{"kind":"file.open","via":"\#(String(repeating: "x", count: 50 << 10))"}]}"#
        return (0..<count).map { _ in
            EventRecord(
                content: RecordContent(RecordHead(record("e")), "events", body: Array(text.utf8)[...]), count: 1)
        }
    }

    private func facts(_ name: String) -> RecordContent {
        var message = record(name)
        message.facts = PostureFacts.with { $0.writer = String(repeating: "w", count: 20 << 10) }
        return RecordContent(message)
    }

    private func write(_ batch: JournalBatch, to journal: PostureJournal) throws {
        journal.write(batch)
        try eventually { journal.isReady() }
    }

    private func bodies(_ records: [RecordEnvelope]) throws -> [PostureRecord.OneOf_Body] {
        try records.compactMap { try PostureRecord(jsonUTF8Data: Data($0.payload)).body }
    }

    @Test func `of what comes at a time, what is urgent has the first places in the stream`() throws {
        let sink = Sink()
        sink.open()
        let journal = try PostureJournal(directory: directory.path + "/state", boot: "b", node: "n", sinks: [sink])
        var batch = JournalBatch(records: (0..<5).map { facts("f\($0)") })
        batch.events = events(3)
        batch.events[1].isUrgent = true
        batch.urgent = [facts("anomaly")]
        try write(batch, to: journal)
        #expect(journal.finish())
        let bodies = try bodies(sink.taken)
        #expect(sink.taken.map(\.sequence) == Array(1...9))
        #expect(try PostureRecord(jsonUTF8Data: Data(sink.taken[0].payload)).subject.name == "anomaly")
        let isEvents = bodies.map { if case .events = $0 { true } else { false } }
        #expect(isEvents == [false, true, false, false, false, false, false, true, true])
    }

    @Test func `whoever takes nothing costs nobody else his events, and urgent ones have more room`() throws {
        let (hanging, working) = (Sink("hanging"), Sink("working"))
        working.open()
        var spool = SpoolLimits()
        (spool.bytes, spool.freePercent) = (8 << 20, 0)
        let journal = try PostureJournal(
            directory: directory.path + "/state", boot: "b", node: "n", spool: spool, sinks: [hanging, working])
        // Three times a quarter of the room.
        for _ in 0..<12 {
            var batch = JournalBatch()
            batch.events = events(10)
            try write(batch, to: journal)
        }
        #expect(journal.status.keptEvents == 120 && journal.status.droppedEvents == 0)
        #expect(working.taken.count == 120 && hanging.taken.isEmpty)
        #expect(journal.finish())

        let alone = Sink()
        let other = try PostureJournal(
            directory: directory.path + "/other", boot: "b", node: "n", spool: spool, sinks: [alone])
        for _ in 0..<12 {
            var batch = JournalBatch()
            batch.events = events(10)
            try write(batch, to: other)
        }
        let before = other.status
        #expect(before.droppedEvents > 0)
        var batch = JournalBatch()
        batch.events = events(10)
        for index in batch.events.indices { batch.events[index].isUrgent = true }
        try write(batch, to: other)
        #expect(other.status.keptEvents == before.keptEvents + 10 && other.finish())
    }

    @Test func `a flood of events costs whoever takes nothing none of his calls, while others take them all`() throws {
        let (hanging, working) = (Sink("hanging"), Sink("working"))
        working.open()
        var spool = SpoolLimits()
        (spool.bytes, spool.freePercent) = (8 << 20, 0)
        let journal = try PostureJournal(
            directory: directory.path + "/state", boot: "b", node: "n", spool: spool, sinks: [hanging, working])
        // Three times all of the room.
        for round in 0..<48 {
            var call = record("c\(round)")
            call.toolCall = .with { $0.call.name = "c" }
            var batch = JournalBatch(records: [RecordContent(call)])
            batch.events = events(10)
            try write(batch, to: journal)
        }
        let status = journal.status
        #expect(status.keptEvents + status.droppedEvents >= 480)
        hanging.open()
        #expect(journal.finish())
        let calls = try bodies(hanging.taken).count { if case .toolCall = $0 { true } else { false } }
        #expect(calls == 48)
        for case .gap(let gap) in try bodies(hanging.taken) { #expect(gap.reason != "not_kept", "\(gap)") }
    }

    @Test func `events have a quarter of the room, and what goes is told and costs nothing else`() throws {
        let sink = Sink()
        var spool = SpoolLimits()
        spool.bytes = 8 << 20
        let journal = try PostureJournal(
            directory: directory.path + "/state", boot: "b", node: "n", spool: spool, sinks: [sink])
        for round in 0..<10 {
            var batch = JournalBatch(records: [facts("f\(round)")])
            batch.events = events(10)
            batch.droppedEvents = 1
            try write(batch, to: journal)
        }
        let status = journal.status
        #expect(status.keptEvents + status.droppedEvents == 110 && status.missing == 0)
        // Of 50 KiB each, in a quarter of 8 MiB.
        #expect((36...40).contains(status.keptEvents), "\(status.keptEvents)")
        #expect(status.spooledBytes < 3 << 20)
        sink.open()
        try write(JournalBatch(records: [facts("last")]), to: journal)
        try eventually { journal.isReady() && journal.status.unsettled == 0 }
        var after = JournalBatch()
        after.events = events(1)
        try write(after, to: journal)
        #expect(journal.finish())
        #expect(journal.status.keptEvents == status.keptEvents + 1)

        let told = try PostureJournal(
            directory: directory.path + "/state", boot: "b", node: "n", spool: spool, sinks: [sink])
        #expect(told.finish())
        var (eventCount, factCount, dropped): (UInt64, Int, UInt64) = (0, 0, 0)
        for body in try bodies(sink.taken) {
            switch body {
            case .events(let events): eventCount += UInt64(events.events.count)
            case .facts: factCount += 1
            case .gap(let gap):
                #expect(gap.reason == "events_dropped" && gap.from == 0 && gap.to == 0)
                dropped += gap.count
            default: Issue.record("\(body)")
            }
        }
        #expect(factCount == 11 && eventCount == status.keptEvents + 1 && dropped == status.droppedEvents)
        var verifier = StreamVerifier()
        for envelope in sink.taken { verifier.feed(try #require(envelope.line)) }
        let report = verifier.finish()
        // A gap of no sequences is none of the stream's.
        #expect(report.isWhole && report.streams.first?.gaps == 0 && report.streams.first?.missing == 0)
    }
}
