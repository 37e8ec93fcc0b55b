// SPDX-License-Identifier: Apache-2.0

/// How often one kind of things was done, by hour of the week in UTC, Monday 00:00 first; and which of these hours were watched.
struct WeekHours: Equatable {
    let kind: FactKind
    /// nil: never watched.
    let counts: [UInt64?]
    let total: UInt64

    /// Kinds that were counted, what was done most first: each has a rhythm of its own.
    static func of(_ counts: [FactKind: [UInt64]], _ observed: HourSet) -> [WeekHours] {
        var isWatched = [Bool](repeating: false, count: HourOfWeek.cells)
        for day in observed.days ?? 0...0 {
            let hours = observed.hours(of: day)
            for hour in 0..<24 as Range<UInt32> where hours >> hour & 1 != 0 {
                isWatched[HourOfWeek.cell(of: UInt32(day) * 24 + hour)] = true
            }
        }
        return counts.compactMap { kind, counts in WeekHours(kind, counts, isWatched) }
            .sorted { ($1.total, $0.kind.rawValue) < ($0.total, $1.kind.rawValue) }
    }

    /// nil: nobody has counted anything.
    private init?(_ kind: FactKind, _ counts: [UInt64], _ isWatched: [Bool]) {
        total = counts.reduce(0, &+)
        guard counts.count == HourOfWeek.cells, total > 0 else { return nil }
        self.kind = kind
        // What was counted was seen, whatever else is known of the hour.
        self.counts = zip(counts, isWatched).map { $0 > 0 || $1 ? $0 : nil }
    }

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
