// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// An attached tail, between the threads that serve it: the collecting one and that of the control socket.
final class TailSubscription: Sendable {
    private struct State {
        var ledgerAtStart: LossLedger?
        var isDrained = false
        var isSummarised = false
    }

    let sink: TailSink
    let queue: SubscriberQueue
    private let state = Mutex(State())

    init(sink: TailSink, queue: SubscriberQueue) {
        self.sink = sink
        self.queue = queue
    }

    /// The kernel sends what was asked for, from now on.
    func begin(_ ledger: LossLedger) {
        state.withLock { $0.ledgerAtStart = ledger }
        queue.append(ControlFrame(.accepted, ControlJSON.encode(TailAcceptance())))
    }

    /// What the kernel had written when the end was asked for has been handed on.
    func markDrained() { state.withLock { $0.isDrained = true } }
    var isDrained: Bool { state.withLock { $0.isDrained } }

    /// Sends the summary, once.
    func summarise(_ ledger: LossLedger) {
        let start: LossLedger? = state.withLock { state in
            if state.isSummarised { return nil }
            state.isSummarised = true
            return state.ledgerAtStart ?? ledger
        }
        guard let start else { return }
        sink.finish()
        var summary = TailSummary()
        summary.add(ledger, since: start)
        let dropped = queue.dropped
        if dropped > 0 { summary.lost[LossReason.subscriber.name] = dropped }
        summary.shown = sink.progress.shown - min(dropped, sink.progress.shown)
        queue.append(ControlFrame(.summary, ControlJSON.encode(summary)))
    }

    var isSummarised: Bool { state.withLock { $0.isSummarised } }
}
