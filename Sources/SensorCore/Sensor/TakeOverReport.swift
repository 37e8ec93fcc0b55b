// SPDX-License-Identifier: Apache-2.0

/// What became of the time between the run before and this one, where programs are pinned.
package struct TakeOverReport: Sendable, Equatable {
    package enum State: String, Sendable {
        /// Nothing is missing.
        case complete
        /// What `lost` says is missing.
        case lossy
        /// The run before was killed: what it had read and not kept is missing, too, and what it had remembered.
        case killed
        /// What had gathered could not be taken over.
        case blind
    }

    package var state: State
    /// When the rings were last looked at before, boot clock, ns; nil: not known.
    package var from: UInt64?
    /// When what had gathered had been read, boot clock, ns.
    package var to: UInt64
    /// What had gathered.
    package var records: UInt64 = 0
    /// Of that time. Rows of losses that are none are left out.
    package var lost: [LossLedger.Key: UInt64] = [:]
    package var why: String

    package var lostEvents: UInt64 { lost.values.reduce(0, &+) }
}
