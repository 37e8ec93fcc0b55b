// SPDX-License-Identifier: Apache-2.0

extension ExerciseAnalysis {
    /// A fact, or all of a kind together.
    ///
    /// - Parameters:
    ///   - sightings: its first hour says when its history begins.
    ///   - hours: nil: it was done at one hour of the day only.
    package mutating func add(fact number: Int, _ days: DaySeries, _ sightings: Sightings, hours: HourFirsts? = nil) {
        guard days.today == today, let first = sightings.firstHour.map({ UInt16(clamping: $0 / 24) }), first <= today
        else { return }
        // On the first day it was done, which says nothing of how often it is.
        let known = min(days.reach, Int(today - first) - 1)
        // It ends before the longest window, or a shift would hide itself.
        let start = (settings.windows.max() ?? 0) + 1
        var isTested = false
        if known >= start, self.days(in: days, start...known).count >= settings.leastDays {
            let (history, rhythm) = history(of: days, start...known)
            for window in [0] + settings.windows.filter({ $0 > 0 }) {
                let recent = self.days(in: days, window == 0 ? 0...0 : 1...window, rhythm)
                guard recent.count == max(1, window) else { continue }
                isTested = true
                if let history {
                    test(number, history, recent, window)
                } else if window <= 1 {
                    resume(number, window, days, sightings, known)
                }
            }
        }
        if !isTested { insufficient += 1 }
        if let hours { note(hours, of: number, days, sightings, known: Int(today - first)) }
    }

    private mutating func test(_ number: Int, _ history: RateHistory, _ recent: [RateHistory.Day], _ window: Int) {
        guard let test = RateTest(history, recent: recent) else { return }
        // Today is not over: there may be more, and has been no less.
        let isMore = window == 0 || test.more < test.less
        let shift = ExerciseShift(
            kind: isMore ? .more : test.recent == 0 ? .ceased : .less, what: .fact(number), window: window,
            historyDays: history.days, baseline: test.baseline, recent: test.recent,
            distance: test.recent / test.baseline, chance: window == 0 ? test.more : test.chance)
        let ratio = isMore ? shift.distance : 1 / shift.distance
        rates.append(Test(shift: shift, isLarge: ratio >= settings.leastRatio))
    }

    /// - Returns: by the subject's rhythm, if the fact goes by it; it need not because the subject does. No history: not once in
    ///   all of these days, so there is no rate.
    private func history(of days: DaySeries, _ range: ClosedRange<Int>) -> (RateHistory?, WeekRhythm?) {
        let flat = RateHistory(self.days(in: days, range))
        guard let flat, let rhythm, let weekly = RateHistory(self.days(in: days, range, rhythm)),
            weekly.dispersion < Self.weeklyGain * flat.dispersion
        else { return (flat, nil) }
        return (weekly, rhythm)
    }

    /// By which the days must vary less for the week's rhythm to be taken to explain it.
    private static let weeklyGain = 0.8

    /// The earliest first, those left out that were not watched for long enough.
    private func days(in series: DaySeries, _ range: ClosedRange<Int>, _ rhythm: WeekRhythm? = nil) -> [RateHistory.Day]
    {
        range.reversed().compactMap { ago in
            guard watched.shares.indices.contains(ago), watched.shares[ago] >= settings.leastShare else { return nil }
            let factor = rhythm?.factor(of: today - UInt16(ago)) ?? 1
            return RateHistory.Day(count: Double(series[ago]), share: watched.shares[ago] * factor)
        }
    }

    /// - Parameter window: today or yesterday.
    private mutating func resume(
        _ number: Int, _ window: Int, _ days: DaySeries, _ sightings: Sightings, _ known: Int
    ) {
        let quiet = window + 1...DayCounts.reach
        guard known >= DayCounts.reach, days[window] > 0, days.sum(quiet) == 0 else { return }
        let day = today - UInt16(window)
        let seen = sightings.dayCount(before: day)
        let all = min(DaySet.span, Int(day) - Int((sightings.firstHour ?? 0) / 24))
        novelties.append(
            ExerciseShift(
                kind: .resumed, what: .fact(number), window: window, historyDays: self.days(in: days, quiet).count,
                baseline: 0, recent: Double(days[window]), distance: Double(seen),
                chance: NewsTest.tail(1, in: 1, expected: seen, over: Double(all))))
    }

    private mutating func note(
        _ hours: HourFirsts, of number: Int, _ days: DaySeries, _ sightings: Sightings, known: Int
    ) {
        for hour in 0..<24 {
            guard let first = hours[hour], let ago = ago(first), known - ago >= settings.leastKnownDays,
                let distance = hours.distance(of: hour, before: first), distance >= settings.leastHours
            else { continue }
            let seen = sightings.dayCount(before: first)
            guard seen >= settings.leastSeenDays, noteNovelty(.newHour, ago: ago) else { continue }
            novelties.append(
                ExerciseShift(
                    kind: .newHour, what: .fact(number), window: ago, historyDays: seen,
                    baseline: Double(days.sum(ago + 1...DayCounts.reach)), recent: Double(days[ago]),
                    distance: Double(distance), hour: hour))
        }
    }

    /// A sequence of tools.
    ///
    /// - Parameter knownDays: since when the subject's tool calls are known; before two weeks of them all sequences are new.
    package mutating func add(sequence number: Int, _ sightings: Sightings, count: UInt64, knownDays: Int) {
        guard let first = sightings.firstHour, let ago = ago(UInt16(clamping: first / 24)),
            knownDays - ago >= settings.leastKnownDays, noteNovelty(.newSequence, ago: ago)
        else { return }
        novelties.append(
            ExerciseShift(
                kind: .newSequence, what: .fact(number), window: ago, historyDays: knownDays - ago, baseline: 0,
                recent: Double(count), distance: 0))
    }
}
