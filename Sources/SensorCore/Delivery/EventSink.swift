// SPDX-License-Identifier: Apache-2.0

/// Takes events off the collecting thread.
///
/// All calls come from that one thread, in the order of the stream. A sink must not make it wait: what may block or
/// take long goes to a queue that is bounded, and what finds no room there is counted. It is `Sendable` because another
/// thread than the one that feeds it makes it.
package protocol EventSink: AnyObject, Sendable {
    /// Takes the next events.
    func receive(_ events: [Event])

    /// Takes what was lost since the last tick, if anything was.
    func receive(_ report: LossReport)

    /// Takes what was done for calls that are over, and at the end for those that are not.
    func receive(_ records: [ToolCallRecord])

    /// Takes word, once, of something that went wrong while collecting and did not end it.
    func receive(trouble: String)

    /// Takes word of something that is told less of for having too much to do, or is not any more.
    func receive(_ notice: OverloadNotice)

    /// No more events come. Called once; what was taken before is on its way out when it returns.
    func finish()
}

extension EventSink {
    package func receive(_ report: LossReport) {}

    package func receive(_ records: [ToolCallRecord]) {}

    package func receive(trouble: String) {}

    package func receive(_ notice: OverloadNotice) {}
}
