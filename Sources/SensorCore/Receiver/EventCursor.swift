// SPDX-License-Identifier: Apache-2.0

/// How far somebody has read the events that are kept: `SERIES.NUMBER` in text.
struct EventCursor: Sendable, Equatable, CustomStringConvertible {
    /// In which numbers are never used again. Another begins where some that were given may have been lost.
    var series: StreamID
    /// Of the last one that was read.
    var number: UInt64

    init(_ series: StreamID, _ number: UInt64) { (self.series, self.number) = (series, number) }

    /// nil: the text is none.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let series = StreamID(parts[0].utf8), let number = UInt64(parts[1]) else { return nil }
        self.init(series, number)
    }

    var description: String { "\(series).\(number)" }
}
