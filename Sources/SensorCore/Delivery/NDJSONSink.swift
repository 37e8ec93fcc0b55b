// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Writes events as JSON, one a line: first sights at once, and at the tick what was counted since, and what was lost.
///
/// What is streamed for a `--tail` only is left out: the counts have it.
package final class NDJSONSink: EventSink, Sendable {
    private let encoder: EventEncoder
    private let writer: LineWriter
    private let buffer = NIOLockedValueBox<[UInt8]>([])

    /// - Parameters:
    ///   - stream: the first half of every event's id.
    ///   - writer: belongs to the sink from now on, which ends it.
    package init(stream: String, writer: LineWriter) {
        encoder = EventEncoder(stream: stream)
        self.writer = writer
    }

    package func receive(_ events: [Event]) {
        buffer.withLockedValue { buffer in
            buffer.removeAll(keepingCapacity: true)
            var lines = 0
            for event in events where event.isFirstSeen || !event.isStreamed {
                encoder.encode(event, into: &buffer)
                lines += 1
                // Small pieces, so that a full queue refuses no more than it must.
                if buffer.count >= 64 << 10 {
                    writer.append(buffer, lines: lines)
                    buffer.removeAll(keepingCapacity: true)
                    lines = 0
                }
            }
            writer.append(buffer, lines: lines)
        }
    }

    package func receive(_ report: LossReport) {
        let (bytes, count) = report.lines()
        writer.append(bytes, lines: count)
    }

    package func finish() {
        _ = writer.finish()
    }

    /// What became of the lines.
    package var counters: LineWriter.Counters { writer.counters }
}
