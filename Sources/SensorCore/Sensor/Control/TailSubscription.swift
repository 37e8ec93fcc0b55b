// SPDX-License-Identifier: Apache-2.0

/// An attached tail: what it is shown, and what was lost when it began.
struct TailSubscription {
    let sink: TailSink
    let queue: SubscriberQueue
    let start: CollectorSummary

    /// Ends the sink and sends the summary.
    func summarise(_ now: CollectorSummary) {
        sink.finish()
        var summary = TailSummary()
        summary.add(now, since: start)
        let dropped = queue.dropped
        if dropped > 0 {
            summary.lost[LossReason.subscriber.name] = dropped
            summary.reasons[LossReason.subscriber.name] = [LossReason.subscriber.name: dropped]
        }
        summary.shown = sink.progress.shown - min(dropped, sink.progress.shown)
        queue.append(ControlFrame(.summary, ControlJSON.encode(summary)))
    }
}
