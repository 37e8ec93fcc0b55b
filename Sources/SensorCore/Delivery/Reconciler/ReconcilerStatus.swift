// SPDX-License-Identifier: Apache-2.0

/// How delivery to a reconciler is at one moment.
package struct ReconcilerStatus: Sendable {
    /// Why nothing gets through, for people; nil: it does.
    package var trouble: String?
    package var troubleSince: ContinuousClock.Instant?
    /// Records that wait in memory; those behind them wait in the log.
    package var queuedRecords = 0
    /// Of their payloads.
    package var queuedBytes = 0
    /// The last record that is acknowledged.
    package var settled: UInt64 = 0
    package var counters = ReconcilerCounters()
    /// From sending a batch until it was known what became of it.
    package var latency = LatencyHistogram()
    /// Why something was left out of a batch that was taken, in the taker's own words; nil: nothing was.
    package var leftOutReason: String?

    package init() {}

    init(
        trouble: String?, troubleSince: ContinuousClock.Instant?, queuedRecords: Int, queuedBytes: Int, settled: UInt64,
        counters: ReconcilerCounters
    ) {
        self.trouble = trouble
        self.troubleSince = troubleSince
        self.queuedRecords = queuedRecords
        self.queuedBytes = queuedBytes
        self.settled = settled
        self.counters = counters
    }
}
