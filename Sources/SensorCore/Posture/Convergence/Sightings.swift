// SPDX-License-Identifier: Apache-2.0

/// When a fact was seen, in 32 bytes: what tells rare facts from common ones, and regular ones from those that are over.
///
/// Merging is a join: of the same sightings, noted anywhere, in any order and as often as you like, comes the same value.
package struct Sightings: Sendable, Hashable {
    /// UTC hours since 1970 that can be true: before lies what a clock says that was never set (2015), after what no day
    /// counts. Others are not noted.
    package static var hours: ClosedRange<UInt32> { 394_464...UInt32(UInt16.max) * 24 + 23 }

    /// The UTC hour since 1970 of a time, nanoseconds since 1970.
    package static func hour(of time: UInt64) -> UInt32 { UInt32(clamping: time / hour) }

    /// The times of the same hour.
    static func hour(around time: UInt64) -> Range<UInt64> {
        let start = time - time % hour
        return start..<Saturating.sum(start, hour)
    }

    private static let hour: UInt64 = 3_600_000_000_000

    package private(set) var days = DaySet()
    // The earliest, ascending, 0 for none.
    private var first: UInt32 = 0
    private var second: UInt32 = 0
    private var third: UInt32 = 0

    package init() {}

    /// As it was stored.
    package init(earliestHours: some Sequence<UInt32>, days: DaySet) {
        self.days = days
        for hour in earliestHours where Self.hours.contains(hour) { take(hour) }
    }

    /// It was seen in this UTC hour since 1970. Hours may come in any order; one far ahead of the truth makes the days before it
    /// be forgotten, not the first hours.
    package mutating func note(hour: UInt32) {
        guard Self.hours.contains(hour) else { return }
        days.insert(UInt16(hour / 24))
        take(hour)
    }

    /// Hours after this one were none.
    mutating func remove(after hour: UInt32) {
        let kept = earliestHours.filter { $0 <= hour }
        guard kept.count < earliestHours.count || days.latest.map({ UInt32($0) > hour / 24 }) ?? false else { return }
        days.remove(after: UInt16(clamping: hour / 24))
        (first, second, third) = (0, 0, 0)
        for hour in kept { take(hour) }
    }

    package mutating func merge(with other: Sightings) {
        days.merge(with: other.days)
        take(other.first)
        take(other.second)
        take(other.third)
    }

    package var isEmpty: Bool { first == 0 }
    package var firstHour: UInt32? { first == 0 ? nil : first }

    /// In how many different hours it was seen until `hour` and in it, counted up to three.
    package func hourCount(until hour: UInt32) -> Int {
        (first != 0 && first <= hour ? 1 : 0) + (second != 0 && second <= hour ? 1 : 0)
            + (third != 0 && third <= hour ? 1 : 0)
    }

    /// The three earliest hours, as far as there are so many.
    package var earliestHours: [UInt32] { [first, second, third].filter { $0 != 0 } }

    /// It was seen on a single day.
    package var isOfOneDay: Bool { days.count == 1 && first / 24 == UInt32(days.latest ?? 0) }

    /// It was seen in three hours of its first day or more.
    package func isCommonAtOnce(until hour: UInt32) -> Bool {
        third != 0 && third <= hour && third / 24 == first / 24
    }

    /// Days before `day` that are known: at least so many there were.
    package func dayCount(before day: UInt16) -> Int {
        guard let latest = days.latest.map(Int.init), first / 24 < day else { return 0 }
        var count = (days.bits >> UInt128(max(0, latest - Int(day) + 1))).nonzeroBitCount
        // The set knows all days from here on, the hours some of those before.
        let start = UInt32(max(0, latest - DaySet.span + 1))
        let limit = min(start, UInt32(day))
        let (one, two, three) = (first / 24, second / 24, third / 24)
        if one < limit { count += 1 }
        if two < limit, two > one { count += 1 }
        if three < limit, three > two { count += 1 }
        return count
    }

    /// What the first hours tell of the time before that of `days`; with three of them others may follow that are forgotten.
    var earlyDays: [UInt16] {
        guard let latest = days.latest, latest >= DaySet.span else { return [] }
        let start = latest - UInt16(DaySet.span - 1)
        return earliestHours.map { UInt16($0 / 24) }.filter { $0 < start }
    }

    private mutating func take(_ hour: UInt32) {
        guard hour != 0, hour != first, hour != second, hour != third else { return }
        if first == 0 || hour < first {
            (first, second, third) = (hour, first, second)
        } else if second == 0 || hour < second {
            (second, third) = (hour, second)
        } else if third == 0 || hour < third {
            third = hour
        }
    }
}
