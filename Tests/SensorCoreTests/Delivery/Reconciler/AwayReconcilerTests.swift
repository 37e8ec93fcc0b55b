// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import SensorTestSupport
import Testing

@testable import SensorCore

/// A reconciler that nobody reaches for an hour, which passes as fast as it can be reckoned.
@Suite struct AwayReconcilerTests {
    /// What sends from the journal, by a clock of the test's own.
    private final class Sink: RecordSink {
        let name = "reconciler"
        private let state: NIOLockedValueBox<(delivery: ReconcilerDelivery, start: RecordSinkStart?)>

        init(_ limits: ReconcilerDelivery.Limits) {
            state = NIOLockedValueBox((ReconcilerDelivery(endpoints: 1, limits: limits), nil))
        }

        func begin(_ start: RecordSinkStart) {
            state.withLockedValue { state in
                state.delivery.begin(start.stream, settled: start.settled, offered: start.offered)
                state.start = start
            }
        }

        func offer(_ envelope: RecordEnvelope) -> Bool { state.withLockedValue { $0.delivery.offer(envelope) } }

        var settled: UInt64 { state.withLockedValue { $0.delivery.settled } }

        var counters: ReconcilerCounters { state.withLockedValue { $0.delivery.counters } }

        func next(at now: ContinuousClock.Instant) -> ReconcilerDelivery.Step {
            state.withLockedValue { $0.delivery.next(now: now) }
        }

        func finish(_ outcome: ReconcilerOutcome, at now: ContinuousClock.Instant) {
            state.withLockedValue { _ = $0.delivery.finish(outcome, now: now) }
            state.withLockedValue { $0.start }?.wake()
        }
    }

    private let directory: TestDirectory
    private let start = ContinuousClock.now

    init() throws { directory = try TestDirectory() }

    @Test
    func
        `after an hour all of it arrives, once and in order, and within a minute it is noticed that there is somebody`()
        throws
    {
        var limits = ReconcilerDelivery.Limits()
        // Little of it is in memory.
        limits.queueBytes = 64 << 10
        let sink = Sink(limits)
        let journal = try PostureJournal(directory: directory.path + "/state", boot: "b", node: "n", sinks: [sink])
        // Of ten seconds each.
        let (steps, records) = (360, 30)
        var attempts: [Int] = []
        for step in 0..<steps {
            journal.write(.numbered((records * step)..<(records * (step + 1))))
            try eventually { journal.isReady() }
            for second in (10 * step)..<(10 * step + 10) {
                let now = start + .seconds(second)
                guard case .send(let batch) = sink.next(at: now) else { continue }
                #expect(batch.records.first?.sequence == 1)
                attempts.append(second)
                sink.finish(.unavailable("nobody is there"), at: now)
            }
        }
        let total = UInt64(steps * records)
        // Seldom, but never with a pause of more than a minute.
        #expect((60...400).contains(attempts.count), "\(attempts.count)")
        #expect(zip(attempts, attempts.dropFirst() + [3600]).allSatisfy { $1 - $0 <= 61 }, "\(attempts)")
        #expect(journal.status.unsettled == total && journal.status.missing == 0)
        let resent = sink.counters.sentRecords

        // Somebody is.
        var kept: [RecordEnvelope] = []
        var (now, noticed) = (start + .seconds(3600), ContinuousClock.Instant?.none)
        try eventually {
            switch sink.next(at: now) {
            case .send(let batch):
                noticed = noticed ?? now
                kept += batch.records
                let last = batch.records.last?.sequence ?? 0
                sink.finish(.acknowledged(stream: "\(journal.stream)", sequence: last), at: now)
            case .wait(let time?): now = max(now, time)
            case .wait(nil), .setAside: break
            }
            return sink.settled == total
        }
        #expect(try #require(noticed) <= start + .seconds(3660))
        #expect(kept.map(\.sequence) == Array(1...total))
        #expect(sink.counters.acknowledgedRecords == total && sink.counters.sentRecords == resent + total)
        var verifier = StreamVerifier()
        for record in kept { verifier.feed(try #require(record.line)) }
        let report = verifier.finish()
        #expect(report.isWhole && report.streams.count == 1 && report.streams.first?.missing == 0)
        #expect(journal.finish() && journal.status.unsettled == 0)
    }
}
