// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// At which hours of the day something is done.
enum Habit: String, CaseIterable {
    /// Around 13:00, two of three within 2.5 hours of it.
    case office
    /// At 02:00 for about an hour.
    case nightly
    /// Any hour, twice as often by day as by night.
    case diurnal

    func hour(_ chance: inout Chance) -> Int {
        switch self {
        case .office: min(23, max(0, Int(13 + 2.5 * chance.normal())))
        case .nightly: min(23, max(0, Int(2.3 + 0.3 * chance.normal())))
        case .diurnal: chance.uniform() < 1.0 / 3 ? Int(12 * chance.uniform()) : 12 + Int(12 * chance.uniform())
        }
    }
}

struct HourSubject {
    var days: [DayCounts]
    var hours: [HourFirsts]
    var sightings: [Sightings]
    var week = HourOfWeek()
    var day = 0

    init(_ facts: Int) {
        days = Array(repeating: DayCounts(), count: facts)
        hours = Array(repeating: HourFirsts(), count: facts)
        sightings = Array(repeating: Sightings(), count: facts)
    }

    mutating func note(_ fact: Int, _ hourOfDay: Int) {
        let hour = (UInt32(firstDay) + UInt32(day)) * 24 + UInt32(hourOfDay)
        days[fact].add(1, hour: hour, random: 0)
        hours[fact].note(hour: hour)
        sightings[fact].note(hour: hour)
        week.note(1, hour: hour)
    }

    var report: ExerciseReport {
        let today = firstDay + UInt16(day)
        var analysis = ExerciseAnalysis(WatchedDays(always: today))
        for fact in days.indices {
            analysis.add(fact: fact, DaySeries(days[fact], today: today), sightings[fact], hours: hours[fact])
        }
        var sum = HourOfWeekSum(week: HourOfWeek.week(of: UInt32(today) * 24))
        sum.add(week)
        analysis.add(kind: 0, sum)
        return analysis.report
    }
}

/// Forty facts of one habit each, for ten weeks. The last day of the first week is the first of a week.
func hours(_ subjects: Int, seed: UInt64) {
    print(
        "| habit | subject-days | facts with a new hour a day | with chance ≤ 5 % | night use found, 1 fact | 5 facts, chance ≤ 5 % | weeks with a shift of hours | 15 % of a week at night found |"
    )
    for habit in Habit.allCases {
        var chance = Chance(seed: seed)
        var (days, facts, rare, found, rareFound, weeks, shiftedWeeks, weeksFound) = (0, 0, 0, 0, 0, 0, 0, 0)
        for _ in 0..<subjects {
            for isShifted in [false, true] {
                let rates = (0..<40).map { _ in 0.5 * (1 + 200 * chance.uniform() * chance.uniform() * chance.uniform())
                }
                var subject = HourSubject(rates.count)
                for day in 0..<70 {
                    for (fact, rate) in rates.enumerated() {
                        for _ in 0..<chance.poisson(rate) { subject.note(fact, habit.hour(&chance)) }
                    }
                    let night = habit == .nightly ? 14 : 22
                    if isShifted, day == 60 { for fact in 0..<5 { subject.note(fact, night) } }
                    let total = rates.reduce(0, +)
                    if isShifted, day >= 63 { for _ in 0..<Int(0.18 * total) { subject.note(6, night) } }
                    if day >= 30, !isShifted || day == 60 || day == 69 {
                        // Yesterday's, so each is counted once; the week's last hours are looked at as they end.
                        subject.day += day == 69 ? 0 : 1
                        let report = subject.report
                        let news = report.shifts.filter { $0.kind == .newHour && $0.window == 1 }
                        let isRare = news.contains { ($0.chance ?? 1) <= 0.05 }
                        if isShifted, day == 60 {
                            found += news.contains { $0.what == .fact(0) } ? 1 : 0
                            rareFound += isRare ? 1 : 0
                        } else if !isShifted {
                            days += 1
                            facts += news.count
                            rare += isRare ? 1 : 0
                        }
                        if day == 69 {
                            let isFound = report.shifts.contains { $0.kind == .hourOfWeek }
                            if isShifted {
                                weeksFound += isFound ? 1 : 0
                            } else {
                                weeks += 1
                                shiftedWeeks += isFound ? 1 : 0
                            }
                        }
                        subject.day -= day == 69 ? 0 : 1
                    }
                    subject.day += 1
                }
            }
        }
        print(
            "| \(habit.rawValue) | \(days) | \(decimal(Double(facts) / Double(days), 3)) |", percent(rare, days), "|",
            percent(found, subjects), "|", percent(rareFound, subjects), "|", percent(shiftedWeeks, weeks), "|",
            percent(weeksFound, subjects), "|")
    }
}
