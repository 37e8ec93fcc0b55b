// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOConcurrencyHelpers
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

/// What was set aside gets a new place in the stream, once.
@Suite struct ResendingTests {
    private let directory: TestDirectory
    private var state: String { directory.path + "/state" }
    private var files: SetAsideFiles { SetAsideFiles(of: "reconciler", in: state) }
    private let signer = RecordSigner()

    init() throws { directory = try TestDirectory() }

    /// Takes all records.
    private final class Sink: RecordSink {
        let name = "test"
        private let box = NIOLockedValueBox<[RecordEnvelope]>([])

        var taken: [RecordEnvelope] { box.withLockedValue { $0 } }

        func offer(_ envelope: RecordEnvelope) -> Bool {
            box.withLockedValue { $0.append(envelope) }
            return true
        }

        var settled: UInt64 { taken.last?.sequence ?? 0 }
    }

    /// One run of a daemon, as far as its journal goes.
    private func run(_ sink: Sink = Sink(), _ body: (PostureJournal) throws -> Void = { _ in }) throws
        -> [RecordEnvelope]
    {
        let journal = try PostureJournal(
            directory: state, boot: "b", node: "n", signer: signer, sinks: [sink], aside: [files])
        let outcome = Result { try body(journal) }
        #expect(journal.finish())
        try outcome.get()
        return sink.taken
    }

    private func write(_ numbers: Range<Int>, to journal: PostureJournal) {
        journal.write(.numbered(numbers))
    }

    private func keep(_ records: some Sequence<RecordEnvelope>, at time: UInt64 = 1) throws {
        _ = try files.keep(Array(records), why: ReconcilerRefusal("status 422"), time: time)
    }

    private func markAll() throws {
        for batch in files.batches where !batch.isMarked { try files.mark(batch, true) }
    }

    private func resend(_ journal: PostureJournal) throws -> ResendReport {
        let answer = NIOLockedValueBox<ResendReport?>(nil)
        let isGiven = ConditionLock(value: false)
        journal.resend { report in
            answer.withLockedValue { $0 = report }
            isGiven.lock()
            isGiven.unlock(withValue: true)
        }
        try #require(isGiven.lock(whenValue: true, timeoutSeconds: 60))
        isGiven.unlock()
        return try #require(answer.withLockedValue { $0 })
    }

    private func expectWhole(_ records: [RecordEnvelope]) throws {
        var verifier = StreamVerifier(keys: [signer.publicKey])
        for record in records { verifier.feed(try #require(record.line)) }
        let report = verifier.finish()
        #expect(report.firstBreak == nil && report.streams.first?.last == UInt64(records.count))
    }

    @Test func `it goes to the end of the stream, says which sequence it had, and its file goes`() throws {
        let sink = Sink()
        let told = try run(sink) { journal in
            write(0..<6, to: journal)
            try eventually { sink.taken.count == 6 }
            try keep(sink.taken[1...3])
            #expect(try resend(journal) == ResendReport())
            try markAll()
            let report = try resend(journal)
            #expect(report.batches == 1 && report.records == 3 && report.skipped == 0 && report.kept.isEmpty)
            #expect(files.batches.isEmpty)
            write(6..<7, to: journal)
        }
        #expect(told.map(\.originalSequence) == [nil, nil, nil, nil, nil, nil, 2, 3, 4, nil])
        #expect(told[6...8].map(\.payload) == told[1...3].map(\.payload))
        try expectWhole(told)
        // Who changes what it says of itself is found out.
        var changed = told[6]
        changed.originalSequence = 1
        var verifier = StreamVerifier(keys: [signer.publicKey])
        verifier.feed(try #require(changed.line))
        #expect(verifier.finish().firstBreak?.fault == .wrongSignature(signer.publicKey.id))
    }

    @Test func `files that overlap send each record once, also after restarts and when a file comes back`() throws {
        var all = try run { write(0..<10, to: $0) }
        let first = all
        try keep(first[0..<5], at: 1)
        try keep(first[2..<8], at: 2)
        try markAll()
        // At the start, without anybody asking.
        all += try run { journal in
            #expect(files.batches.isEmpty)
            // As after a kill between the commit and the removal.
            try keep(first[0..<8], at: 3)
            try markAll()
            let report = try resend(journal)
            #expect(report.batches == 1 && report.records == 0 && report.skipped == 8)
        }
        try keep(first[7..<9], at: 4)
        try markAll()
        all += try run()
        let originals: [UInt64?] = Array(repeating: nil, count: 10) + (1...9).map { $0 }
        #expect(all.map(\.originalSequence) == originals)
        try expectWhole(all)
    }

    @Test func `what is refused again keeps the sequence that it had first`() throws {
        var all = try run { write(0..<2, to: $0) }
        for _ in 0..<2 {
            try keep([try #require(all.last)])
            try markAll()
            all += try run()
        }
        #expect(all.map(\.originalSequence) == [nil, nil, 2, 2] && files.batches.isEmpty)
        try expectWhole(all)
    }

    @Test func `what only stands for others is not sent again`() throws {
        let sink = Sink()
        let told = try run(sink) { journal in
            write(0..<4, to: journal)
            try eventually { sink.taken.count == 4 }
            let stream = try #require(sink.taken.first?.stream)
            let gap = GapRecord(node: "n", boot: "b").envelope(
                for: RecordGap(1...2, reason: "not_kept"), in: stream, previous: nil, clock: .now())
            try keep([try #require(gap), sink.taken[2]])
            try markAll()
            let report = try resend(journal)
            #expect(report.records == 1 && report.skipped == 1 && files.batches.isEmpty)
        }
        #expect(told.dropFirst(4).map(\.originalSequence) == [3])
    }

    @Test func `what cannot be sent again stays, and is told`() throws {
        var other = RecordStream()
        let told = try run { write(0..<2, to: $0) }
        let name = "5-\(told[0].stream)-1-1"
        try keep([other.append(Array("{}".utf8))], at: 1)
        try SmallFile.replace("\(files.directory)/\(name).ndjson", with: Array("{\"stream\":\n".utf8))
        try markAll()
        let later = try run { journal in
            try markAll()
            let report = try resend(journal)
            #expect(
                report.records == 0 && report.kept.map(\.reason).map { $0.prefix(9) } == ["it is of ", "its file "])
        }
        #expect(later.isEmpty && files.batches.map(\.isMarked) == [false, false])
    }
}
