// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Shows a tail its events: picks them out of the stream, writes them as lines, and knows when there were enough.
///
/// While the output has no room, events are picked and counted as dropped, but not written.
package final class TailSink: EventSink, Sendable {
    /// What there is to know of it from another thread.
    package struct Progress: Sendable, Equatable {
        /// Events that were handed to the output, those that it dropped among them.
        package var shown: UInt64 = 0
        /// As many as were asked for.
        package var isComplete = false
        /// A socket of the scope has not been closed yet.
        package var hasOpenSockets = false

        package init() {}
    }

    private struct State {
        var formatter: any EventFormatter
        var scope: ProcessScope?
        var sockets = OpenSockets()
        var progress = Progress()
        var isMuted = false
        var buffer: [UInt8] = []
        /// Lines in the buffer.
        var lines = 0
        /// Events that were not written for want of room, and are not counted by the output yet.
        var skipped = 0
        var hasRoom = true
        var lastTime: (boot: UInt64, wall: UInt64) = (0, 0)
    }

    /// So much is handed over at a time, give or take an event.
    private static let batchBytes = 32 << 10

    private let filter: CompiledFilter
    private let isStreaming: Bool
    private let limit: UInt64?
    private let output: any LineOutput
    private let completion: WakeUp
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - scope: only its processes.
    ///   - isStreaming: the kernel sends every event; counts, which come on top of that, are not shown.
    ///   - limit: events after which nothing more is shown.
    ///   - output: not ended by this sink, since its counters are wanted afterwards.
    ///   - completion: signalled when the limit is reached.
    package init(
        filter: CompiledFilter, scope: ProcessScope? = nil, isStreaming: Bool, limit: UInt64? = nil,
        formatter: any EventFormatter, output: any LineOutput, completion: WakeUp
    ) {
        self.filter = filter
        self.isStreaming = isStreaming
        self.limit = limit
        self.output = output
        self.completion = completion
        state = NIOLockedValueBox(State(formatter: formatter, scope: scope))
    }

    package var progress: Progress { state.withLockedValue { $0.progress } }

    /// The scope's processes that have not ended, as far as the events tell. Empty without a scope.
    package var livingProcesses: Set<UInt32> { state.withLockedValue { $0.scope?.living ?? [] } }

    /// Shows nothing more, whatever comes.
    package func mute() { state.withLockedValue { $0.isMuted = true } }

    package func receive(_ events: [Event]) {
        let completed = state.withLockedValue { state in
            let before = state.progress.isComplete
            state.hasRoom = output.hasRoom
            for event in events { take(event, &state) }
            flush(&state)
            state.progress.hasOpenSockets = !state.sockets.isEmpty
            return state.progress.isComplete && !before
        }
        if completed { completion.signal() }
    }

    private func take(_ event: Event, _ state: inout State) {
        state.lastTime = (event.bootTime, event.time)
        // The scope follows every event, shown or not.
        let isInScope = state.scope?.take(event) ?? true
        guard isInScope, isStreaming ? event.isStreamed : true else { return }
        if state.scope != nil, filter.kinds.contains(.networkClose) { state.sockets.take(event) }
        guard filter.matches(event) else { return }
        show(event, &state)
    }

    private func show(_ event: Event, _ state: inout State) {
        if state.isMuted { return }
        if let limit, state.progress.shown >= limit { return }
        state.progress.shown += 1
        if state.progress.shown == limit { state.progress.isComplete = true }
        guard state.hasRoom else {
            state.skipped += 1
            return
        }
        state.formatter.append(event, to: &state.buffer)
        state.lines += 1
        if state.buffer.count >= Self.batchBytes { flush(&state) }
    }

    private func flush(_ state: inout State) {
        if state.skipped > 0 { output.drop(lines: state.skipped) }
        state.skipped = 0
        guard state.lines > 0 else { return }
        state.hasRoom = output.append(state.buffer, lines: state.lines)
        state.lines = 0
        // A tail that is stuck needs no buffer either.
        if state.hasRoom { state.buffer.removeAll(keepingCapacity: true) } else { state.buffer = [] }
    }

    /// Shows the sockets that are still open, as a close that is not final.
    package func finish() {
        state.withLockedValue { state in
            state.hasRoom = output.hasRoom
            let (boot, wall) = state.lastTime
            for event in state.sockets.unfinished(bootTime: boot, time: wall) where filter.matches(event) {
                show(event, &state)
            }
            state.sockets = OpenSockets()
            flush(&state)
        }
    }
}
