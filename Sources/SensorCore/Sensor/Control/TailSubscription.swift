// SPDX-License-Identifier: Apache-2.0

/// An attached tail: what it is shown, and what was lost when it began.
struct TailSubscription {
    let sink: TailSink
    let queue: SubscriberQueue
    let ledgerAtStart: LossLedger

    /// Ends the sink and sends the summary.
    func summarise(_ ledger: LossLedger) {
        sink.finish()
        var summary = TailSummary()
        summary.add(ledger, since: ledgerAtStart)
        let dropped = queue.dropped
        if dropped > 0 { summary.lost[LossReason.subscriber.name] = dropped }
        summary.shown = sink.progress.shown - min(dropped, sink.progress.shown)
        queue.append(ControlFrame(.summary, ControlJSON.encode(summary)))
    }
}
