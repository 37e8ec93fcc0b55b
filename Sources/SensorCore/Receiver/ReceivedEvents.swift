// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Which records of calls, anomalies and nodes are kept: the latest. What they say stays on disk.
struct ReceivedEvents {
    struct Entry: Equatable {
        /// From 1, in the order in which they were taken; never used again.
        var number: UInt64
        var node: String
        /// The name of the payload's body.
        var body: String
        var bytes: Int
    }

    /// The earliest first.
    private(set) var entries = CircularBuffer<Entry>()
    private(set) var bytes = 0
    /// Records that had to make room since the receiver was started.
    private(set) var dropped: UInt64 = 0
    private var next: UInt64 = 1
    private let limits: ReceiverLimits

    init(limits: ReceiverLimits) { self.limits = limits }

    /// - Returns: the number of the new one, and those that make room.
    mutating func add(node: String, body: String, bytes: Int) -> (number: UInt64, dropped: [UInt64]) {
        let number = next
        next += 1
        append(Entry(number: number, node: node, body: body, bytes: bytes))
        var count = 0
        while entries.count - count > limits.events || self.bytes > limits.eventBytes, count < entries.count - 1 {
            self.bytes -= entries[offset: count].bytes
            count += 1
        }
        let gone = entries.prefix(count).map(\.number)
        entries.removeFirst(count)
        dropped += UInt64(count)
        return (number, gone)
    }

    /// As it was kept. In any order; `sort` comes after the last.
    mutating func restore(_ entry: Entry) { append(entry) }

    mutating func sort() {
        entries.sort { $0.number < $1.number }
        next = (entries.last?.number ?? 0) + 1
    }

    private mutating func append(_ entry: Entry) {
        entries.append(entry)
        bytes += entry.bytes
    }
}
