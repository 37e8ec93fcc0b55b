// SPDX-License-Identifier: Apache-2.0

/// On which UTC day something was done for the first time at each hour of the day, in 48 bytes.
///
/// Merging is a join by the earliest: of the same hours, noted by anybody, in any order and as often as you like, comes the
/// same value.
package struct HourFirsts: Sendable, Equatable {
    // 0 for never.
    private var days = InlineArray<24, UInt16>(repeating: 0)

    package init() {}

    /// As it was stored.
    package init(_ days: some Sequence<UInt16>) {
        for (hour, day) in days.prefix(24).enumerated() { take(day, hour) }
    }

    /// UTC, since 1970; nil: never.
    package subscript(hour: Int) -> UInt16? {
        days.indices.contains(hour) && days[hour] != 0 ? days[hour] : nil
    }

    /// The earliest of them.
    package var first: UInt16? { days.indices.compactMap { self[$0] }.min() }

    /// - Parameter hour: UTC, since 1970; one outside of `Sightings.hours` is left out.
    package mutating func note(hour: UInt32) {
        guard Sightings.hours.contains(hour) else { return }
        take(UInt16(hour / 24), Int(hour % 24))
    }

    /// What was not before the end of that day is as if it never was.
    mutating func remove(after day: UInt16) {
        for hour in days.indices where days[hour] > day { days[hour] = 0 }
    }

    package mutating func merge(with other: HourFirsts) {
        for hour in days.indices { take(other.days[hour], hour) }
    }

    /// How many hours lie, around the clock, between this one and the nearest one at which it was done before that day; nil:
    /// it was not done before.
    package func distance(of hour: Int, before day: UInt16) -> Int? {
        days.indices.compactMap { known in
            guard let first = self[known], first < day else { return nil }
            let gap = abs(known - hour)
            return min(gap, 24 - gap)
        }.min()
    }

    private mutating func take(_ day: UInt16, _ hour: Int) {
        guard Sightings.hours.contains(UInt32(day) * 24), days[hour] == 0 || day < days[hour] else { return }
        days[hour] = day
    }

    package static func == (one: Self, other: Self) -> Bool {
        one.days.indices.allSatisfy { one.days[$0] == other.days[$0] }
    }
}
