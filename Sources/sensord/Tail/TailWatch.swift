// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// Where a `--tail` has its events from: a collector of its own, or the daemon. For the main thread.
protocol TailWatch: AnyObject {
    /// To poll for reading beside others, -1 if there is nothing to poll for.
    var descriptor: Int32 { get }

    /// Shows what has come; returns at once.
    ///
    /// - Throws: if no more events will come.
    func service() throws(CommandFailure)

    /// As many events were shown as were asked for.
    var isComplete: Bool { get }

    /// Shows nothing more, whatever comes.
    func mute()

    /// Whether all went well with what is written beside the events: after `finish`, the recording is whole.
    var isWhole: Bool { get }

    /// Shows what is left, and ends.
    ///
    /// - Parameters:
    ///   - waitsForSockets: up to a second, for those that are still open.
    ///   - isHurried: who has the events gets a second to say what is left.
    ///   - signals: one that ends programs ends the waiting, too.
    func finish(
        waitsForSockets: Bool, isHurried: Bool, signals: borrowing SignalSource
    ) throws(CommandFailure) -> TailSummary
}
