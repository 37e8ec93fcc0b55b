// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// What was said of one subject at the end of each day, and what was true then.
private struct Course {
    var states: [Convergence] = []
    var reasons: [ConvergenceReason] = []
    /// Of the following week's events, and of its pairs of a fact and a day: the share that is of facts not seen by then.
    var unseenEvents: [Double] = []
    var unseenPairs: [Double] = []
    var predicted: [Double] = []
    var rollout = Int.max
    /// When the first new fact of the rollout was seen, and when it was called drift: hours since the start.
    var newsAt: Int?
    var driftAt: Int?
    var facts: (estimated: Double, low: Double, high: Double, real: Int) = (0, 0, 0, 0)

    init(_ sights: Sights, days: Int) {
        var seen = [Sightings](repeating: Sightings(), count: sights.facts)
        var counts = [UInt64](repeating: 0, count: sights.facts)
        var time = ObservedTime()
        rollout = sights.rollout
        var everSeen: Set<Int> = []
        for day in 0..<days {
            for part in day * Life.parts..<(day + 1) * Life.parts {
                let first = Sights.start + UInt32(part * 24 / Life.parts)
                for hour in first..<first + UInt32(24 / Life.parts) {
                    time.observed.insert(hour)
                    if !sights.parts[part].isEmpty { time.active.insert(hour) }
                }
                for sight in sights.parts[part] {
                    everSeen.insert(sight.fact)
                    if sight.isLost { continue }
                    if newsAt == nil, sights.fresh.contains(sight.fact) {
                        newsAt = Int(sight.hours.min() ?? 0) - Int(Sights.start)
                    }
                    counts[sight.fact] += sight.count
                    for hour in sight.hours { seen[sight.fact].note(hour: hour) }
                }
                if newsAt != nil, driftAt == nil, day <= rollout + 3, states.last == .converged || driftIsNear(day) {
                    let now = Int(first - Sights.start) + 24 / Life.parts - 1
                    if estimate(seen, counts, time, hour: now).state == .drifting { driftAt = now }
                }
            }
            let known = estimate(seen, counts, time, hour: day * 24 + 23)
            states.append(known.state)
            reasons.append(known.reason)
            predicted.append(1 - known.coverage)
            facts = (
                Double(known.facts.seen) + known.facts.unseen, Double(known.facts.seen) + known.facts.unseenLow,
                Double(known.facts.seen) + known.facts.unseenHigh, 0
            )
            var (events, unseenOfEvents, pairs, unseenOfPairs): (UInt64, UInt64, Int, Int) = (0, 0, 0, 0)
            for later in day + 1..<min(day + 8, days) {
                var ofDay: [Int: UInt64] = [:]
                for part in later * Life.parts..<(later + 1) * Life.parts {
                    for sight in sights.parts[part] { ofDay[sight.fact, default: 0] += sight.count }
                }
                for (fact, count) in ofDay {
                    (events, pairs) = (events + count, pairs + 1)
                    if seen[fact].isEmpty {
                        (unseenOfEvents, unseenOfPairs) = (unseenOfEvents + count, unseenOfPairs + 1)
                    }
                }
            }
            unseenEvents.append(events == 0 ? 0 : Double(unseenOfEvents) / Double(events))
            unseenPairs.append(pairs == 0 ? 0 : Double(unseenOfPairs) / Double(pairs))
        }
        facts.real = everSeen.count
    }

    private func driftIsNear(_ day: Int) -> Bool {
        day > rollout && states.dropFirst(max(0, rollout - 1)).first == .converged
    }

    private func estimate(
        _ seen: [Sightings], _ counts: [UInt64], _ time: ObservedTime, hour: Int
    ) -> ConvergenceEstimate {
        var estimator = ConvergenceEstimator(time, at: Sights.start + UInt32(hour))
        for (fact, count) in zip(seen, counts) where !fact.isEmpty { estimator.add(fact, count: count) }
        return estimator.estimate
    }

    var convergedOn: Int? { states.firstIndex(of: .converged) }

    /// Days from when it was true, or the floor if that was later.
    func lateness(_ truth: [Double]) -> Int? {
        guard let convergedOn, let reached = truth.firstIndex(where: { $0 < 0.05 }) else { return nil }
        return max(0, convergedOn - max(reached, 6))
    }

    /// Times that it drifted for no rollout.
    var falseDrifts: Int {
        states.indices.dropFirst().count { states[$0] == .drifting && states[$0 - 1] == .converged && $0 < rollout }
    }

    var convergedDays: Int { states.enumerated().count { $1 == .converged && $0 < rollout } }
}

/// How often `converged` was said too early, how late, and what became of rollouts.
func convergence(_ subjects: Int, seed: UInt64) {
    print(
        "| workload | converged | by the ceiling | early (events) | early (pairs) | late by events, days p50 / p90 | late by pairs | drifted falsely | per 30 days | estimated / true facts | truth in interval | news predicted / true % |"
    )
    var rollouts: [String] = []
    for life in Life.allCases {
        var chance = Chance(seed: seed)
        let courses = (0..<subjects).map { _ in Course(life.draw(&chance), days: life.days) }
        let converged = courses.filter { $0.convergedOn != nil }
        func early(_ truth: KeyPath<Course, [Double]>) -> Int {
            converged.count { $0[keyPath: truth][$0.convergedOn ?? 0] > 0.05 }
        }
        let days = converged.reduce(0) { $0 + $1.convergedDays }
        let drifts = converged.reduce(0) { $0 + $1.falseDrifts }
        let ratios = courses.map { $0.facts.estimated / Double(max(1, $0.facts.real)) }
        let last = courses.map { course in
            (predicted: course.predicted[life.days - 8], real: course.unseenPairs[life.days - 8])
        }
        print(
            "| \(life.rawValue) |", percent(converged.count, subjects), "|",
            percent(converged.count { $0.reasons[$0.convergedOn ?? 0] == .ceilingReached }, subjects), "|",
            percent(early(\.unseenEvents), converged.count), "|", percent(early(\.unseenPairs), converged.count), "|",
            quantiles(converged.compactMap { $0.lateness($0.unseenEvents) }), "|",
            quantiles(converged.compactMap { $0.lateness($0.unseenPairs) }), "|",
            percent(converged.count { $0.falseDrifts > 0 }, converged.count), "|",
            decimal(Double(drifts) * 30 / Double(max(1, days)), 3), "|",
            decimal(ratios.reduce(0, +) / Double(subjects), 2), "|",
            percent(
                courses.count { $0.facts.low <= Double($0.facts.real) && Double($0.facts.real) <= $0.facts.high },
                subjects), "|",
            decimal(100 * last.reduce(0) { $0 + $1.predicted } / Double(subjects), 2), "/",
            decimal(100 * last.reduce(0) { $0 + $1.real } / Double(subjects), 2), "|")
        if life.news > 0 {
            let before = converged.filter { $0.states[$0.rollout - 1] == .converged && $0.newsAt != nil }
            let found = before.compactMap { course in course.driftAt.map { $0 - (course.newsAt ?? 0) } }
            let again = before.filter { $0.driftAt != nil }.compactMap { course -> Int? in
                let day = (course.driftAt ?? 0) / 24
                return course.states[day...].firstIndex(of: .converged).map { $0 - day }
            }
            rollouts.append(
                "| \(life.rawValue) | \(before.count) | \(percent(found.count, before.count)) | "
                    + "\(percent(found.count { $0 <= 24 }, before.count)) | \(quantiles(found.map { max(0, $0) })) | "
                    + "\(percent(again.count, found.count)) | \(quantiles(again)) |")
        }
    }
    print(
        "\n| workload | converged before it | drifting | within 24 h | hours after the first new fact, p50 / p90 | converged again | after days, p50 / p90 |"
    )
    for line in rollouts { print(line) }
}

private func quantiles(_ values: [Int]) -> String {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return "–" }
    return "\(sorted[sorted.count / 2]) / \(sorted[min(sorted.count - 1, sorted.count * 9 / 10)])"
}
