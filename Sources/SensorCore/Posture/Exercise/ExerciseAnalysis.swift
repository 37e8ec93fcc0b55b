// SPDX-License-Identifier: Apache-2.0

/// Says what a subject does otherwise than before: add all that there is of it, of one node or merged, in any order, then ask.
///
/// The caller numbers what it adds and finds it by that in the report. Takes about 10 µs a fact: for a slow tick.
package struct ExerciseAnalysis: Sendable {
    struct Test {
        var shift: ExerciseShift
        /// It is large enough to be stated, if its chance is small enough.
        var isLarge: Bool
    }

    let watched: WatchedDays
    let rhythm: WeekRhythm?
    let settings: ExerciseSettings
    var rates: [Test] = []
    var mixes: [Test] = []
    var novelties: [ExerciseShift] = []
    /// Days on which there was novelty of a kind. Bit i: the day `today` - i.
    var noveltyDays: [ExerciseShift.Kind: UInt32] = [:]
    var insufficient = 0

    var today: UInt16 { watched.today }

    /// - Parameter rhythm: of the subject; nil: it has none, or too little is known of it.
    package init(
        _ watched: WatchedDays, rhythm: WeekRhythm? = nil, settings: ExerciseSettings = ExerciseSettings()
    ) {
        self.watched = watched
        self.rhythm = rhythm
        self.settings = settings
    }

    package var report: ExerciseReport {
        let families = (rates.isEmpty ? 0 : 1) + (mixes.isEmpty ? 0 : 1)
        var shifts = (Self.strongest(in: rates, families) + Self.strongest(in: mixes, families))
            .filter { $0.isLarge && ($0.shift.correctedChance ?? 1) <= settings.level }.map(\.shift)
            .sorted { Self.order($0) < Self.order($1) }
        shifts += novelties.map { shift in
            var shift = shift
            rate(&shift)
            return shift
        }.sorted { Self.order($0) < Self.order($1) }
        return ExerciseReport(
            shifts: Array(shifts.prefix(settings.limit)), leftOut: max(0, shifts.count - settings.limit),
            tests: rates.count + mixes.count, insufficient: insufficient)
    }

    /// Corrected, and of each fact or mix the window that says most.
    private static func strongest(in tests: [Test], _ families: Int) -> [Test] {
        let corrected = FalseDiscovery.corrected(tests.map { $0.shift.chance ?? 1 }, families: families)
        var strongest: [ExerciseShift.What: Test] = [:]
        for (test, chance) in zip(tests, corrected) {
            var test = test
            test.shift.correctedChance = chance
            if let other = strongest[test.shift.what] {
                let isWeaker = other.isLarge == test.isLarge ? !(order(test.shift) < order(other.shift)) : other.isLarge
                if isWeaker { continue }
            }
            strongest[test.shift.what] = test
        }
        return Array(strongest.values)
    }

    private struct Order: Comparable {
        let corrected: Double
        let chance: Double
        let kind: Int
        let number: Int
        let name: String
        let rest: Int

        static func < (one: Self, other: Self) -> Bool {
            (one.corrected, one.chance, one.kind, one.number, one.name, one.rest)
                < (other.corrected, other.chance, other.kind, other.number, other.name, other.rest)
        }
    }

    private static func order(_ shift: ExerciseShift) -> Order {
        let kind = ExerciseShift.Kind.allCases.firstIndex(of: shift.kind) ?? 0
        let (number, name) =
            switch shift.what {
            case .fact(let number), .mix(let number), .kind(let number): (number, "")
            case .category(let name, of: let number): (number, name)
            }
        return Order(
            corrected: shift.correctedChance ?? 2, chance: shift.chance ?? 2, kind: kind, number: number, name: name,
            rest: (shift.hour ?? 0) * 64 + shift.window)
    }

    // MARK: Novelty

    /// On how many days of the history there was such, and so how likely it is on the latest.
    private func rate(_ shift: inout ExerciseShift) {
        guard let days = noveltyDays[shift.kind] else { return }
        let history = (days >> 2).nonzeroBitCount
        if shift.kind != .newHour { shift.distance = Double(history) }
        // Such could be only where enough was known before.
        let time = max(1, min(DayCounts.reach - 1, shift.historyDays - settings.leastKnownDays))
        shift.chance = NewsTest.tail(1, in: 1, expected: history, over: Double(time))
    }

    /// - Returns: days ago, of those that the counts reach back.
    func ago(_ day: UInt16) -> Int? {
        guard day <= today, today - day <= DayCounts.reach else { return nil }
        return Int(today - day)
    }

    /// Something of a kind was done for the first time so many days ago. It is news if that was today or yesterday.
    mutating func noteNovelty(_ kind: ExerciseShift.Kind, ago: Int) -> Bool {
        noveltyDays[kind, default: 0] |= 1 << UInt32(ago)
        return ago <= 1
    }
}
