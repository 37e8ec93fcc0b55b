// SPDX-License-Identifier: Apache-2.0

/// What was sent to a reconciler since the start, and what became of it.
package struct ReconcilerCounters: Sendable, Equatable {
    package var requests: UInt64 = 0
    package var sentRecords: UInt64 = 0
    /// Of these, those that may have been sent before.
    package var resentRecords: UInt64 = 0
    package var acknowledgedRecords: UInt64 = 0
    /// Requests without an answer, or with one that says nothing of the batch.
    package var failures: UInt64 = 0
    /// Answers that asked for a pause.
    package var throttled: UInt64 = 0
    /// Answers that did not believe who sent.
    package var unauthorized: UInt64 = 0
    /// Batches that were too large.
    package var splits: UInt64 = 0
    /// Batches that were refused for what they are.
    package var rejected: UInt64 = 0
    /// Of these, what was set aside.
    package var asideBatches: UInt64 = 0
    package var asideRecords: UInt64 = 0
    /// Files of earlier ones that had to go for them.
    package var droppedAsideFiles: UInt64 = 0
    /// Acknowledgements that were not believed: of another stream, or of what was never sent.
    package var disbelieved: UInt64 = 0
    /// What was left out of batches that were taken, for good: the taker does not say what it was.
    package var leftOut: UInt64 = 0
    /// Acknowledgements of nothing new.
    package var stale: UInt64 = 0

    package init() {}
}
