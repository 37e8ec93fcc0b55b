// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
internal import NIOCore

/// Writes events as JSON, one a line: first sights at once, at the tick what was counted since, and what was lost; and calls
/// that are over, with what was done for them.
///
/// What is streamed for a `--tail` only is left out: the counts have it. What the output has no room for is told as lost
/// as soon as there is room again, and so are losses whose own lines found none.
package final class NDJSONSink: EventSink, RecordSink, Sendable {
    private let encoder: EventEncoder
    private let writer: LineWriter
    private let state = NIOLockedValueBox(State())

    private struct State {
        var buffer: [UInt8] = []
        /// Losses whose lines have not found room yet.
        var owed: LossReport?
        /// Records that were taken, with the number of their line among all of the writer's, the earliest first.
        var unsettled = CircularBuffer<(line: UInt64, sequence: UInt64)>()
        var settled: UInt64 = 0

        mutating func owe(_ report: LossReport) {
            if owed == nil { owed = report } else { owed?.merge(report) }
        }
    }

    /// - Parameters:
    ///   - stream: the first half of every event's id.
    ///   - writer: belongs to the sink from now on, which ends it.
    package init(stream: String, writer: LineWriter) {
        encoder = EventEncoder(stream: stream)
        self.writer = writer
    }

    package func receive(_ events: [Event]) {
        state.withLockedValue { state in
            if state.owed != nil { settle(&state) }
            state.buffer.removeAll(keepingCapacity: true)
            var (lines, start) = (0, events.startIndex)
            for (index, event) in events.enumerated() where Self.isRecord(event) {
                encoder.encode(event, into: &state.buffer)
                lines += 1
                // Small pieces, so that a full queue refuses no more than it must.
                if state.buffer.count >= 64 << 10 {
                    write(&state, lines, events[start...index])
                    state.buffer.removeAll(keepingCapacity: true)
                    (lines, start) = (0, index + 1)
                }
            }
            write(&state, lines, events[start...])
        }
    }

    package func receive(_ records: [ToolCallRecord]) {
        state.withLockedValue { state in
            if state.owed != nil { settle(&state) }
            for record in records where !writer.append(record.line, lines: 1) {
                owe(&state, 1, kind: "toolCall", from: record.began, to: record.ended ?? record.began)
            }
        }
    }

    package var name: String { "records" }

    package func offer(_ envelope: RecordEnvelope) -> Bool {
        state.withLockedValue { state in
            if state.owed != nil { settle(&state) }
            // What is no line cannot become one.
            guard let line = envelope.line else { return true }
            guard writer.offer(line, lines: 1) else { return false }
            state.unsettled.append((writer.accepted, envelope.sequence))
            return true
        }
    }

    /// What the kernel has taken: a kill does not take it back.
    package var settled: UInt64 {
        state.withLockedValue { state in
            let written = writer.counters.written
            while let first = state.unsettled.first, first.line <= written {
                state.settled = first.sequence
                state.unsettled.removeFirst()
            }
            return state.settled
        }
    }

    package func receive(_ report: LossReport) {
        state.withLockedValue { state in
            state.owe(report)
            settle(&state)
        }
    }

    package func finish() {
        state.withLockedValue { state in
            guard let (bytes, count) = state.owed?.lines() else { return }
            writer.append(bytes, lines: count)
            state.owed = nil
        }
        _ = writer.finish()
    }

    /// What became of the lines.
    package var counters: LineWriter.Counters { writer.counters }

    private static func isRecord(_ event: Event) -> Bool { !event.isCopy }

    private func write(_ state: inout State, _ lines: Int, _ events: ArraySlice<Event>) {
        guard !writer.append(state.buffer, lines: lines) else { return }
        let refused = events.filter(Self.isRecord)
        let times = refused.map(\.time)
        let count = refused.reduce(0) { $0 &+ $1.count }
        owe(&state, count, kind: "", from: times.min() ?? 0, to: times.max() ?? 0)
    }

    private func owe(_ state: inout State, _ count: UInt64, kind: String, from: UInt64, to: UInt64) {
        let loss = LossReport.Loss(hook: Via.daemon.name, reason: "output_full", kind: kind, count: count)
        state.owe(LossReport(from: from, to: to, subjects: [.init(workload: nil, lost: [loss])]))
    }

    /// Not before there is much room: the lines are made anew for each attempt.
    private func settle(_ state: inout State) {
        guard writer.hasMuchRoom, let (bytes, count) = state.owed?.lines() else { return }
        if writer.offer(bytes, lines: count) { state.owed = nil }
    }
}
