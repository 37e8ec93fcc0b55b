// SPDX-License-Identifier: Apache-2.0

/// How often something was done at each UTC hour of the week, Monday 00:00 first, by one writer: in all, and until the latest
/// week began. 1.4 KB once there is anything.
///
/// Both numbers of a cell only grow, and of two values the one of the earlier week says what was known when the later one began;
/// so merging is a join by maximum. It is for counts of one and the same writer; those of several are added up by `HourOfWeekSum`.
package struct HourOfWeek: Sendable, Equatable {
    package static let cells = 168

    // In all, then those before the latest week; empty until there is something.
    private var counts: [UInt32] = []
    /// Weeks since the Monday before 1970 began.
    package private(set) var latestWeek: UInt16 = 0
    /// Different weeks that went in, one that came after a later one left out.
    package private(set) var weeks: UInt16 = 0

    package init() {}

    /// As it was stored.
    package init(total: [UInt32], before: [UInt32], latestWeek: UInt16, weeks: UInt16) {
        guard total.count == Self.cells, before.count == Self.cells else { return }
        counts = zip(total, before).map(max) + before
        self.latestWeek = latestWeek
        self.weeks = max(weeks, 1)
    }

    package var isEmpty: Bool { counts.isEmpty }
    package var total: ArraySlice<UInt32> { counts.prefix(Self.cells) }
    /// Before the latest week.
    package var before: ArraySlice<UInt32> { counts.dropFirst(Self.cells) }

    package static func cell(of hour: UInt32) -> Int { Int((UInt64(hour) + thursday) % UInt64(cells)) }

    package static func week(of hour: UInt32) -> UInt16 {
        UInt16(clamping: (UInt64(hour) + thursday) / UInt64(cells))
    }

    // The first day of 1970, in hours of its week.
    private static let thursday: UInt64 = 72

    /// - Parameter hour: UTC, since 1970; one outside of `Sightings.hours` is left out. What belongs to an earlier week than the
    ///   latest goes to those before.
    package mutating func note(_ count: UInt64, hour: UInt32) {
        guard count > 0, Sightings.hours.contains(hour) else { return }
        let week = Self.week(of: hour)
        if counts.isEmpty { counts = Array(repeating: 0, count: 2 * Self.cells) }
        if week > latestWeek {
            advance(to: week)
            weeks = Saturating.sum(weeks, 1)
        }
        let cell = Self.cell(of: hour)
        let added = UInt32(clamping: count)
        counts[cell] = Saturating.sum(counts[cell], added)
        if week < latestWeek { counts[cell + Self.cells] = Saturating.sum(counts[cell + Self.cells], added) }
    }

    /// This UTC hour since 1970 is in the latest week, whatever was noted.
    mutating func turnBack(to hour: UInt32) {
        guard Self.week(of: hour) < latestWeek else { return }
        advance(to: Self.week(of: hour))
    }

    /// Of the same writer.
    package mutating func merge(with other: HourOfWeek) {
        guard !other.isEmpty else { return }
        guard !isEmpty else {
            self = other
            return
        }
        var other = other
        if other.latestWeek > latestWeek { advance(to: other.latestWeek) }
        if other.latestWeek < latestWeek { other.advance(to: latestWeek) }
        weeks = max(weeks, other.weeks)
        for index in counts.indices { counts[index] = max(counts[index], other.counts[index]) }
    }

    private mutating func advance(to week: UInt16) {
        latestWeek = week
        for cell in 0..<Self.cells { counts[cell + Self.cells] = counts[cell] }
    }
}

/// Of any number of writers together, as of a week.
package struct HourOfWeekSum: Sendable, Equatable {
    package let week: UInt16
    package private(set) var before = [UInt64](repeating: 0, count: HourOfWeek.cells)
    /// Of the week.
    package private(set) var current = [UInt64](repeating: 0, count: HourOfWeek.cells)
    /// Different weeks before it, of the writer that knows most.
    package private(set) var weeks = 0

    package init(week: UInt16) { self.week = week }

    package mutating func add(_ other: HourOfWeek) {
        guard !other.isEmpty else { return }
        // Of a week to come nothing is said.
        let isCurrent = other.latestWeek == week
        weeks = max(weeks, Int(other.weeks) - (other.latestWeek >= week ? 1 : 0))
        for (cell, counts) in zip(other.total, other.before).enumerated() {
            let earlier = UInt64(other.latestWeek < week ? counts.0 : counts.1)
            before[cell] = Saturating.sum(before[cell], earlier)
            if isCurrent { current[cell] = Saturating.sum(current[cell], UInt64(counts.0 - counts.1)) }
        }
    }
}
