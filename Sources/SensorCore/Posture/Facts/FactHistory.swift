// SPDX-License-Identifier: Apache-2.0

/// When a fact was so, as far as `Sightings` does not tell: kept of facts that were so in more than one hour.
struct FactHistory {
    /// By UTC day.
    private(set) var days = DayCounts()
    /// The first day of each UTC hour of the day.
    private(set) var firsts = HourFirsts()
    // By UTC hour of the day, codes of `DayScale`.
    private var codes = InlineArray<24, UInt8>(repeating: 0)

    init() {}

    /// As it was stored.
    init(days: DayCounts, firsts: HourFirsts, hours: some Sequence<UInt32>) {
        self.days = days
        self.firsts = firsts
        for (hour, count) in hours.prefix(24).enumerated() { codes[hour] = DayScale.code(of: UInt64(count)) }
    }

    /// Times by UTC hour of the day, to 1/16 beyond 16.
    var hours: [UInt32] { codes.indices.map { UInt32(clamping: DayScale.level(of: codes[$0])) } }

    /// It is this UTC hour since 1970, not as late as it was noted to be.
    mutating func turnBack(to hour: UInt32) {
        days.turnBack(to: UInt16(clamping: hour / 24))
        firsts.remove(after: UInt16(clamping: hour / 24))
    }

    /// - Parameters:
    ///   - hour: UTC, since 1970.
    ///   - random: different for each call.
    mutating func add(_ count: UInt64, hour: UInt32, random: UInt64) {
        days.add(count, hour: hour, random: random)
        firsts.note(hour: hour)
        let place = Int(hour % 24)
        codes[place] = DayScale.code(of: Saturating.sum(DayScale.level(of: codes[place]), count), random: random)
    }
}
