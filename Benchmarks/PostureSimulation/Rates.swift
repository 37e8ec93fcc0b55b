// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

let firstDay: UInt16 = 20_003

/// Counts of one subject's facts, day by day.
struct RateSubject {
    var counts: [DayCounts]
    var sightings: [Sightings]
    private var hours = HourOfWeek()
    private(set) var day = 0

    init(_ facts: Int) {
        counts = Array(repeating: DayCounts(), count: facts)
        sightings = Array(repeating: Sightings(), count: facts)
    }

    mutating func live(_ rates: [Double], _ chance: inout Chance) {
        let hour = (UInt32(firstDay) + UInt32(day)) * 24 + 12
        for fact in rates.indices {
            let count = chance.poisson(rates[fact])
            guard count > 0 else { continue }
            counts[fact].add(count, hour: hour, random: 0)
            sightings[fact].note(hour: hour)
            hours.note(count, hour: hour)
        }
        day += 1
    }

    /// As the first hour of the next day begins, or at the end of the last.
    func report(isOver: Bool = true, settings: ExerciseSettings = ExerciseSettings()) -> ExerciseReport {
        let today = firstDay + UInt16(isOver ? day : day - 1)
        var week = HourOfWeekSum(week: HourOfWeek.week(of: UInt32(today) * 24))
        week.add(hours)
        var analysis = ExerciseAnalysis(
            WatchedDays(always: today), rhythm: WeekRhythm(week), settings: settings)
        for fact in counts.indices {
            analysis.add(fact: fact, DaySeries(counts[fact], today: today), sightings[fact])
        }
        return analysis.report
    }
}

func falseRates(_ subjects: Int, seed: UInt64) {
    print(
        "| workload | subject-days | any shift | facts a subject-day | more | less | ceased | resumed a subject-day | tests |"
    )
    for workload in Workload.allCases {
        var chance = Chance(seed: seed)
        var (days, any, facts, tests) = (0, 0, 0, 0)
        var kinds: [ExerciseShift.Kind: Int] = [:]
        for _ in 0..<subjects {
            let rates = zipfRates(Int.random(in: 30...500, using: &chance), &chance)
            var subject = RateSubject(rates.count)
            for (day, rates) in workload.rates(rates, days: 59, &chance).enumerated() {
                subject.live(rates, &chance)
                guard day >= 29 else { continue }
                // At the end of the day and at the start of the next one.
                let report = subject.report()
                let shifts = report.shifts.filter { $0.correctedChance != nil }
                days += 1
                tests += report.tests
                any += shifts.isEmpty ? 0 : 1
                facts += shifts.count
                for shift in report.shifts { kinds[shift.kind, default: 0] += 1 }
            }
        }
        let share = { (kind: ExerciseShift.Kind) in percent(kinds[kind, default: 0], days) }
        print(
            "| \(workload.rawValue) | \(days) | \(percent(any, days)) | \(decimal(Double(facts) / Double(days), 3)) |",
            share(.more), "|", share(.less), "|", share(.ceased), "|",
            decimal(Double(kinds[.resumed, default: 0]) / Double(days), 3), "|", tests / max(1, days), "|")
    }
}

/// One fact's rate is multiplied from a day on.
func ratePower(_ subjects: Int, seed: UInt64) {
    print("| workload | a day | factor | same day | after 1 day | after 3 days | after 7 days |")
    for workload in [Workload.poisson, .varying, .bursty, .weekly] {
        for rate in [3.0, 30, 300] {
            for factor in [3.0, 10, 0.1, 0] {
                var chance = Chance(seed: seed)
                var found = [Int](repeating: 0, count: 4)
                for _ in 0..<subjects {
                    let facts = [rate] + zipfRates(199, &chance)
                    var subject = RateSubject(facts.count)
                    // The first changed day is a Wednesday.
                    for (day, rates) in workload.rates(facts, days: 44, &chance).enumerated() {
                        var rates = rates
                        if day >= 37 { rates[0] *= factor }
                        subject.live(rates, &chance)
                        let looks = day == 37 ? [0, 1] : day == 39 ? [2] : day == 43 ? [3] : []
                        for look in looks {
                            let shifts = subject.report(isOver: look > 0).shifts
                            if shifts.contains(where: { $0.what == .fact(0) && $0.correctedChance != nil }) {
                                found[look] += 1
                            }
                        }
                    }
                }
                print(
                    "| \(workload.rawValue) | \(Int(rate)) | ×\(decimal(factor, 1)) |",
                    found.map { percent($0, subjects) }.joined(separator: " | "), "|")
            }
        }
    }
}

func percent(_ count: Int, _ all: Int) -> String { decimal(100 * Double(count) / Double(max(1, all)), 2) + " %" }

func decimal(_ value: Double, _ digits: Int) -> String {
    let scale = pow(10, Double(digits))
    let whole = Int((abs(value) * scale).rounded())
    let unit = Int(scale)
    let rest = String(whole % unit)
    if digits == 0 { return String(whole) }
    return (value < 0 ? "-" : "") + "\(whole / unit)." + String(repeating: "0", count: digits - rest.count) + rest
}
