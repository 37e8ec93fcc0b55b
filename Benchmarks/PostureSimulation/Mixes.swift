// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// How calls are distributed over categories.
struct MixWorkload {
    let name: String
    let categories: Int
    let calls: Double
    /// Of the day's volume (gamma); 0: constant.
    let volumeShape: Double
    /// Of a day's shares around those of the subject (Dirichlet); 0: the same each day.
    let concentration: Double
    /// Calls that come as one: a session calls the same tool again and again.
    let run: Int
    var weekend = 1.0

    static let all = [
        MixWorkload(name: "even", categories: 8, calls: 60, volumeShape: 0, concentration: 0, run: 1),
        MixWorkload(name: "volume", categories: 12, calls: 200, volumeShape: 1, concentration: 0, run: 1),
        MixWorkload(name: "runs", categories: 8, calls: 60, volumeShape: 2, concentration: 0, run: 5),
        MixWorkload(name: "daily tasks", categories: 8, calls: 100, volumeShape: 2, concentration: 10, run: 1),
        MixWorkload(name: "bursty tasks", categories: 12, calls: 300, volumeShape: 0.7, concentration: 4, run: 5),
        MixWorkload(name: "few calls", categories: 6, calls: 5, volumeShape: 1, concentration: 0, run: 1),
        MixWorkload(
            name: "weekly", categories: 8, calls: 100, volumeShape: 3, concentration: 30, run: 1, weekend: 0.1),
        MixWorkload(name: "initiators", categories: 3, calls: 40, volumeShape: 2, concentration: 20, run: 1),
    ]

    func day(_ shares: [Double], _ day: Int, _ chance: inout Chance) -> [UInt64] {
        let volume = volumeShape > 0 ? chance.gamma(volumeShape) / volumeShape : 1
        let number = chance.poisson(calls * volume * (day % 7 >= 5 ? weekend : 1) / Double(run))
        var own = shares
        if concentration > 0 {
            own = shares.map { $0 > 0 ? chance.gamma($0 * concentration) : 0 }
            let sum = own.reduce(0, +)
            own = own.map { $0 / max(sum, 1e-300) }
        }
        var counts = [UInt64](repeating: 0, count: shares.count)
        for _ in 0..<number {
            var rest = chance.uniform()
            let index = own.firstIndex { share in
                rest -= share
                return rest <= 0
            }
            counts[index ?? 0] += UInt64(run)
        }
        return counts
    }

    func shares(_ chance: inout Chance) -> [Double] {
        let exponent = 0.5 + chance.uniform()
        let weights = (1...categories).map { 1 / pow(Double($0), exponent) }
        return weights.map { $0 / weights.reduce(0, +) }
    }
}

/// One mix of a subject, day by day.
struct MixSubject {
    var mix = ExerciseMix()
    private(set) var day = 0

    mutating func live(_ counts: [UInt64]) {
        let hour = (UInt32(firstDay) + UInt32(day)) * 24 + 12
        for (index, count) in counts.enumerated() { mix.add(count, of: "tool\(index)", hour: hour, random: 0) }
        day += 1
    }

    func report(_ settings: ExerciseSettings = ExerciseSettings()) -> ExerciseReport {
        let today = firstDay + UInt16(day)
        var analysis = ExerciseAnalysis(WatchedDays(always: today), settings: settings)
        analysis.add(mix: 0, MixSeries(mix, today: today))
        return analysis.report
    }
}

func mixes(_ subjects: Int, seed: UInt64) {
    print(
        "| mix | mix-days | p ≤ 5 % | p ≤ 1 % | p ≤ 0.1 % | stated | new, ceased a day | moved 20 %, 1 day | 7 days | to a new one, 7 days |"
    )
    for workload in MixWorkload.all {
        var chance = Chance(seed: seed)
        var (days, stated, news) = (0, 0, 0)
        var below = [0, 0, 0]
        var all = ExerciseSettings()
        (all.level, all.leastDistance) = (1, 0)
        for _ in 0..<subjects {
            let shares = workload.shares(&chance)
            var subject = MixSubject()
            for day in 0..<59 {
                subject.live(workload.day(shares, day, &chance))
                guard day >= 29 else { continue }
                days += 1
                let report = subject.report(all)
                // Corrected for the two windows of it.
                if let chance = report.shifts.first(where: { $0.kind == .mix })?.correctedChance {
                    for (index, level) in [0.05, 0.01, 0.001].enumerated() where chance <= level { below[index] += 1 }
                }
                let shifts = subject.report().shifts
                stated += shifts.contains { $0.kind == .mix } ? 1 : 0
                news += shifts.count { $0.correctedChance == nil }
            }
        }
        var found = [0, 0, 0]
        for _ in 0..<subjects * 2 {
            let shares = workload.shares(&chance) + [0]
            for isNew in [false, true] {
                var moved = shares
                let taken = min(0.2, shares[0])
                moved[0] -= taken
                moved[isNew ? workload.categories : workload.categories - 1] += taken
                var subject = MixSubject()
                for day in 0..<44 {
                    subject.live(workload.day(day < 37 ? shares : moved, day, &chance))
                    let isFound = { subject.report().shifts.contains { $0.kind == .mix } }
                    if day == 37, !isNew, isFound() { found[0] += 1 }
                    if day == 43, isFound() { found[isNew ? 2 : 1] += 1 }
                }
            }
        }
        print(
            "| \(workload.name) | \(days) |", below.map { percent($0, days) }.joined(separator: " | "), "|",
            percent(stated, days), "|", decimal(Double(news) / Double(days), 3), "|",
            found.map { percent($0, subjects * 2) }.joined(separator: " | "), "|")
    }
}
