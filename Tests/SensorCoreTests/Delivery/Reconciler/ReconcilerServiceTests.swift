// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOPosix
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

/// From the journal to a reconciler on loopback, without a kernel to watch.
@Suite(.serialized) struct ReconcilerServiceTests {
    private let directory: TestDirectory
    private let reconciler = TestReconciler()

    init() throws { directory = try TestDirectory() }

    /// One run of a daemon, as far as delivery goes.
    private func run(
        _ url: String, batchRecords: Int = 37, queueBytes: Int = 4 << 20, patience: Duration = .seconds(60),
        _ body: (PostureJournal, ReconcilerSink) async throws -> Void
    ) async throws {
        var limits = ReconcilerDelivery.Limits()
        (limits.batchRecords, limits.queueBytes) = (batchRecords, queueBytes)
        limits.backoff = Backoff.Bounds(first: .milliseconds(1), ceiling: .milliseconds(10))
        limits.refusal = limits.backoff
        let sink = ReconcilerSink(endpoints: 1, limits: limits)
        let state = directory.path + "/state"
        let journal = try PostureJournal(directory: state, boot: "b", node: "n", sinks: [sink])
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        var settings = ReconcilerSettings([try #require(ServerURL(url))])
        settings.times.request = patience
        let service = ReconcilerService(
            settings, sink: sink, node: "n", gaps: GapRecord(node: "n", boot: "b"),
            aside: SetAsideFiles(directory: state + "/aside"), group: MultiThreadedEventLoopGroup.singleton, log: quiet)
        let serving = Task { try await service.run() }
        let outcome: Result<Void, any Error>
        do {
            try await body(journal, sink)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        serving.cancel()
        try await serving.value
        // Blocks.
        _ = await Worker.value("finish") { journal.finish() }
        try outcome.get()
    }

    private func wait(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "\(reconciler.kept.count) kept, \(reconciler.violations)")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// - Parameter missing: records that gaps account for.
    private func verify(_ count: Int, missing: UInt64 = 0) throws {
        #expect(reconciler.violations == [])
        var verifier = StreamVerifier()
        for record in reconciler.kept { verifier.feed(try #require(record.line)) }
        let report = verifier.finish()
        #expect(report.firstBreak == nil, "\(String(describing: report.firstBreak))")
        let stream = try #require(report.streams.first)
        // The first batch was the one that was set aside, if any was.
        #expect(stream.first == max(1, missing) && stream.last == UInt64(count) && stream.repeated == 0)
        #expect(stream.missing == missing && report.streams.count == 1)
    }

    @Test func `thousands of records arrive once and in order through faults of all kinds and restarts`() async throws {
        let faults: [TestReconciler.Fault] = [
            .status(500), .status(404), .status(401), .status(429, retryAfter: 0), .hangUp, .lostAnswer,
            .wrongStream, .tooMuch, .again, .duplicate, .byteByByte, .nonsense,
        ]
        var written = 0
        try await reconciler.serve { server in
            for round in 0..<5 {
                try await run(server.url, batchRecords: [1000, 37, 5, 200, 64][round]) { journal, sink in
                    for fault in faults.shuffled() {
                        reconciler.meet(fault)
                        journal.write(.numbered(written..<(written + 40)))
                        written += 40
                        try await wait { journal.isReady() }
                    }
                    // All but the last run end where they are.
                    guard round == 4 else { return }
                    try await wait { reconciler.kept.last?.sequence == UInt64(written) && reconciler.hasMetAll }
                    try await wait { sink.settled == UInt64(written) }
                    #expect(sink.status.trouble == nil && sink.status.queuedBytes == 0)
                }
            }
        }
        #expect(reconciler.kept.count == written && reconciler.repeated > 0)
        try verify(written)
    }

    @Test func `an answer that has no end is given up, and counts as none`() async throws {
        try await reconciler.serve { server in
            try await run(server.url, batchRecords: 10, patience: .milliseconds(500)) { journal, sink in
                for round in 0..<3 {
                    reconciler.meet(.endless)
                    journal.write(.numbered((20 * round)..<(20 * round + 20)))
                    try await wait { sink.settled == UInt64(20 * round + 20) && reconciler.hasMetAll }
                }
                #expect(sink.status.counters.failures >= 3 && sink.status.trouble == nil)
            }
        }
        #expect(reconciler.repeated > 0)
        try verify(60)
    }

    @Test func `a backlog much larger than the queue goes through it`() async throws {
        let count = 3000
        try await run("http://127.0.0.1:1", queueBytes: 20_000) { journal, sink in
            journal.write(.numbered(0..<count))
            try await wait { sink.status.trouble != nil && journal.isReady() }
        }
        try await reconciler.serve { server in
            try await run(server.url, queueBytes: 20_000) { journal, sink in
                try await wait { sink.settled == UInt64(count) }
                #expect(sink.status.counters.resentRecords == UInt64(count))
                #expect(sink.status.counters.acknowledgedRecords == UInt64(count))
                try await wait { journal.isReady() && journal.status.unsettled == 0 }
            }
        }
        #expect(reconciler.repeated == 0)
        try verify(count)
    }

    @Test func `what is refused is set aside once, and a gap stands for all of it`() async throws {
        var missing: UInt64 = 0
        reconciler.meet(.status(422), .lostAnswer, .status(500), .status(400))
        try await reconciler.serve { server in
            try await run(server.url, batchRecords: 10) { journal, sink in
                journal.write(.numbered(0..<40))
                // The gap's answer is lost, and then it is refused as well.
                try await wait { sink.settled == 40 }
                let counters = sink.status.counters
                #expect(counters.rejected == 2 && counters.asideBatches == 1 && counters.asideRecords <= 10)
                missing = counters.asideRecords
            }
        }
        #expect(reconciler.repeated == 1)
        try verify(40, missing: missing)
    }

    @Test func `a reconciler that refuses everything loses one batch, and gets all else when it takes some again`()
        async throws
    {
        var missing: UInt64 = 0
        reconciler.meetAlways(.status(400))
        try await reconciler.serve { server in
            try await run(server.url, batchRecords: 10) { journal, sink in
                journal.write(.numbered(0..<40))
                try await wait { sink.status.counters.rejected > 5 }
                missing = sink.status.counters.asideRecords
                #expect((1...10).contains(missing) && sink.status.counters.asideBatches == 1)
                reconciler.meetAlways(nil)
                try await wait { sink.settled == 40 }
            }
        }
        try verify(40, missing: missing)
    }
}
