// SPDX-License-Identifier: Apache-2.0

/// How long something took, each time.
package struct LatencyHistogram: Sendable, Equatable {
    /// Upper bounds of the buckets but the last, which has none; seconds.
    package static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    /// Of each bucket alone.
    package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// Of all together.
    package private(set) var sum = Duration.zero

    package init() {}

    mutating func add(_ time: Duration) {
        let seconds = time / .seconds(1)
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += time
    }
}
