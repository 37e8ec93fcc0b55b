// SPDX-License-Identifier: Apache-2.0

/// Counts of today and of the 28 days before it, of any number of writers together.
package struct DaySeries: Sendable {
    /// UTC, since 1970.
    package let today: UInt16
    /// Days before today of which every writer still knew its counts.
    package private(set) var reach = DayCounts.reach

    // Index i: the day `today` - i.
    private var counts = InlineArray<29, UInt64>(repeating: 0)

    package init(today: UInt16) { self.today = today }

    package init(_ counts: DayCounts, today: UInt16) {
        self.init(today: today)
        add(counts)
    }

    package subscript(ago: Int) -> UInt64 {
        counts.indices.contains(ago) ? counts[ago] : 0
    }

    /// What one writer counted. Of days after today, nothing.
    package mutating func add(_ other: DayCounts) {
        guard let latest = other.latest else { return }
        reach = max(0, min(reach, DayCounts.reach - (Int(latest) - Int(today))))
        for ago in 0...min(DayCounts.reach, Int(today)) {
            counts[ago] = Saturating.sum(counts[ago], other.count(on: today - UInt16(ago)) ?? 0)
        }
    }

    package mutating func add(_ other: DaySeries) {
        reach = min(reach, other.reach)
        for ago in counts.indices { counts[ago] = Saturating.sum(counts[ago], other.counts[ago]) }
    }

    package func sum(_ days: ClosedRange<Int>) -> UInt64 {
        days.clamped(to: 0...DayCounts.reach).reduce(0) { Saturating.sum($0, counts[$1]) }
    }

    /// Days with anything.
    package func activeDays(_ days: ClosedRange<Int>) -> Int {
        days.clamped(to: 0...DayCounts.reach).count { counts[$0] > 0 }
    }
}
