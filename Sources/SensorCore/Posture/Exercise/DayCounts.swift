// SPDX-License-Identifier: Apache-2.0

/// How often something was done on each UTC day, by one writer: the latest day exactly, the 28 days before it to 1/16, in 36
/// bytes.
///
/// Merging is a join by maximum, day by day: of the same counts, at whatever time they were told, in any order and as often as
/// you like, comes the same value. It is for counts of one and the same writer; those of several are added up by `DaySeries`.
package struct DayCounts: Sendable, Equatable {
    /// Days before the latest that it reaches back.
    package static let reach = 28

    // Codes of `DayScale`; the place of a day is its remainder. That of the day `latest` - 28 is also that of `latest`.
    private var codes = InlineArray<28, UInt8>(repeating: 0)
    private var today: UInt32 = 0
    // Of a plausible clock, so 0 is none.
    private var latestDay: UInt16 = 0

    package init() {}

    /// As it was stored.
    ///
    /// - Parameter earlier: `earlierCodes`.
    package init(latest: UInt16, count: UInt32, earlierCodes: some Sequence<UInt8>) {
        guard Sightings.hours.contains(UInt32(latest) * 24) else { return }
        latestDay = latest
        today = count
        for (index, code) in earlierCodes.prefix(Self.reach).enumerated() {
            codes[Self.place(latest - UInt16(index + 1))] = code
        }
    }

    package var isEmpty: Bool { latestDay == 0 }
    /// UTC, since 1970.
    package var latest: UInt16? { isEmpty ? nil : latestDay }
    /// Of the latest day.
    package var latestCount: UInt32 { today }

    /// Of the days before the latest, the nearest first, without zeros at the end.
    package var earlierCodes: [UInt8] {
        guard !isEmpty else { return [] }
        let all = (1...UInt16(Self.reach)).map { codes[Self.place(latestDay - $0)] }
        return Array(all.prefix((all.lastIndex { $0 != 0 } ?? -1) + 1))
    }

    /// nil: of a day before those that it knows. 0: of one after the latest.
    package func count(on day: UInt16) -> UInt64? {
        if day > latestDay || isEmpty { return 0 }
        if day == latestDay { return UInt64(today) }
        guard latestDay - day <= Self.reach else { return nil }
        return DayScale.level(of: codes[Self.place(day)])
    }

    /// It was done so often in this UTC hour since 1970.
    ///
    /// Hours may come in any order. One outside of `Sightings.hours`, or more than 28 days before the latest, is left out. One
    /// far ahead of the truth makes the days before it be forgotten: the caller must not trust a clock that jumps.
    ///
    /// - Parameter random: is asked only for a day that lies before the latest, whose count is known to 1/16: what is added to
    ///   it is right in the mean. Must differ from one call to the next; the event's time in nanoseconds, mixed, will do.
    package mutating func add(_ count: UInt64, hour: UInt32, random: @autoclosure () -> UInt64) {
        guard count > 0, Sightings.hours.contains(hour) else { return }
        let day = UInt16(hour / 24)
        if day > latestDay { advance(to: day) }
        if day == latestDay {
            today = UInt32(clamping: Saturating.sum(UInt64(today), count))
        } else if latestDay - day <= Self.reach {
            let place = Self.place(day)
            let sum = Saturating.sum(DayScale.level(of: codes[place]), count)
            codes[place] = DayScale.code(of: sum, random: random())
        }
    }

    /// Later days than this are forgotten, which is the latest then.
    mutating func turnBack(to day: UInt16) {
        guard day < latestDay else { return }
        let known = count(on: day)
        var earlier = InlineArray<28, UInt8>(repeating: 0)
        for before in day - min(day, UInt16(Self.reach))..<day where count(on: before) != nil {
            earlier[Self.place(before)] = codes[Self.place(before)]
        }
        (latestDay, today, codes) = (day, UInt32(clamping: known ?? 0), earlier)
    }

    /// Of the same writer.
    package mutating func merge(with other: DayCounts) {
        guard !other.isEmpty else { return }
        var other = other
        if other.latestDay > latestDay { advance(to: other.latestDay) }
        if other.latestDay < latestDay { other.advance(to: latestDay) }
        today = max(today, other.today)
        for place in codes.indices { codes[place] = max(codes[place], other.codes[place]) }
    }

    private static func place(_ day: UInt16) -> Int { Int(day) % reach }

    /// - Precondition: the day lies after the latest.
    private mutating func advance(to day: UInt16) {
        defer { (latestDay, today) = (day, 0) }
        guard !isEmpty else { return }
        if day - latestDay > Self.reach {
            codes = InlineArray(repeating: 0)
            return
        }
        codes[Self.place(latestDay)] = DayScale.code(of: UInt64(today))
        for empty in latestDay + 1..<day { codes[Self.place(empty)] = 0 }
    }

    package static func == (one: Self, other: Self) -> Bool {
        one.latestDay == other.latestDay && one.today == other.today
            && one.codes.indices.allSatisfy { one.codes[$0] == other.codes[$0] }
    }
}
