// SPDX-License-Identifier: Apache-2.0

/// How often something was done, by hour of the week in UTC, Monday 00:00 first; and which of these hours were watched.
struct WeekHours: Equatable {
    /// nil: never watched.
    let counts: [UInt64?]

    static let span = 168

    /// nil: nobody has counted.
    init?(_ counts: [FactKind: [UInt64]], _ observed: HourSet) {
        let known = counts.values.filter { $0.count == Self.span }
        if known.isEmpty { return nil }
        var isWatched = [Bool](repeating: false, count: Self.span)
        for day in observed.days ?? 0...0 {
            let hours = observed.hours(of: day)
            for hour in 0..<24 where hours >> UInt32(hour) & 1 != 0 {
                isWatched[Self.weekday(day) * 24 + hour] = true
            }
        }
        self.counts = (0..<Self.span).map { hour in
            let count = known.reduce(0) { $0 &+ $1[hour] }
            // What was counted was seen, whatever else is known of the hour.
            return count > 0 || isWatched[hour] ? count : nil
        }
    }

    /// 0: Monday. The first day of 1970 was a Thursday.
    static func weekday(_ day: UInt16) -> Int { (Int(day) + 3) % 7 }

    static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    var most: UInt64 { counts.reduce(0) { max($0, $1 ?? 0) } }

    /// 0: nothing; 1 to 5 in steps of the square root, since the busiest hours are many times the others.
    func level(_ hour: Int) -> Int? {
        guard let count = counts[hour] else { return nil }
        if count == 0 { return 0 }
        return min(5, 1 + Int((Double(count) / Double(max(1, most))).squareRoot() * 5))
    }

    static func name(_ hour: Int) -> String { "\(days[hour / 24]) \(hour % 24 < 10 ? "0" : "")\(hour % 24):00" }
}
