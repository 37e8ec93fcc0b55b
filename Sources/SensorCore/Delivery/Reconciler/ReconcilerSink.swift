// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers

/// Between the thread that keeps records and the service that sends them: a bounded queue, so that neither waits for the
/// other.
package final class ReconcilerSink: RecordSink, Sendable {
    package let name: String
    private let state: NIOLockedValueBox<State>
    /// One element for however many reasons there were to look again.
    private let news: AsyncStream<Void>
    private let newsSource: AsyncStream<Void>.Continuation

    private struct State {
        var delivery: ReconcilerDelivery
        var start: RecordSinkStart?
    }

    /// - Parameters:
    ///   - name: see `RecordSink`.
    ///   - endpoints: how many URLs the reconciler has.
    package convenience init(name: String = "reconciler", endpoints: Int) {
        self.init(name: name, endpoints: endpoints, limits: .init())
    }

    init(name: String = "reconciler", endpoints: Int, limits: ReconcilerDelivery.Limits) {
        self.name = name
        state = NIOLockedValueBox(State(delivery: ReconcilerDelivery(endpoints: endpoints, limits: limits)))
        (news, newsSource) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func begin(_ start: RecordSinkStart) {
        state.withLockedValue { state in
            state.delivery.begin(start.stream, settled: start.settled, offered: start.offered)
            state.start = start
        }
        newsSource.yield()
    }

    package func offer(_ envelope: RecordEnvelope) -> Bool {
        let isTaken = state.withLockedValue { $0.delivery.offer(envelope) }
        if isTaken { newsSource.yield() }
        return isTaken
    }

    package var settled: UInt64 { state.withLockedValue { $0.delivery.settled } }

    package var isHanging: Bool { state.withLockedValue { $0.delivery.trouble != nil } }

    package var status: ReconcilerStatus {
        state.withLockedValue { state in
            let delivery = state.delivery
            var status = ReconcilerStatus(
                trouble: delivery.trouble?.reason, troubleSince: delivery.trouble?.since,
                queuedRecords: delivery.queuedRecords, queuedBytes: delivery.queuedBytes, settled: delivery.settled,
                counters: delivery.counters)
            status.leftOutReason = delivery.leftOutReason
            status.latency = delivery.latency
            return status
        }
    }

    // MARK: For the service

    var stream: StreamID? { state.withLockedValue { $0.start?.stream } }

    func next() -> ReconcilerDelivery.Step { state.withLockedValue { $0.delivery.next(now: .now) } }

    func finish(_ outcome: ReconcilerOutcome) {
        let wake = state.withLockedValue { state -> (@Sendable () -> Void)? in
            let isNews = state.delivery.finish(outcome, now: .now)
            return isNews && state.delivery.hasRoom ? state.start?.wake : nil
        }
        wake?()
    }

    func replace(with gap: RecordEnvelope, droppedFiles: Int) {
        state.withLockedValue { $0.delivery.replace(with: gap, droppedFiles: droppedFiles) }
    }

    func keep(_ reason: String) { state.withLockedValue { $0.delivery.keep(reason, now: .now) } }

    /// Waits until there is a reason to look again, or until that time. For one caller at a time.
    func wait(until time: ContinuousClock.Instant?) async {
        let alarm = time.map { time in
            Task { [newsSource] in
                // One that is called off must not ring: it would end the next wait, whose own alarm would end the one after.
                do { try await Task.sleep(until: time, clock: .continuous) } catch { return }
                newsSource.yield()
            }
        }
        var reasons = news.makeAsyncIterator()
        _ = await reasons.next()
        alarm?.cancel()
    }
}
