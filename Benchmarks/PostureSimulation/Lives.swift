// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What becomes known of a subject, and when.
enum Life: String, CaseIterable {
    /// 50 to 2000 facts by Zipf, most with quiet nights and some with quiet weekends.
    case zipf
    /// The subject and each of twelve features go on and off (Markov), with facts of the first start.
    case bursty
    /// Jobs by the day, the week and the month beside it.
    case periodic
    /// Pods on nodes that live for hours, each with facts of its start; one node in ten is lost with all that it knew.
    case moving
    /// 3 to 25 facts, now and then.
    case small
    /// Some facts of each day never come again.
    case unbounded
    /// Between day 25 and 35 new facts come, as common as those that are seen within a day; a tenth of the old ones goes.
    case one = "rollout k=1"
    case five = "rollout k=5"
    case twenty = "rollout k=20"

    var days: Int { self == .periodic ? 100 : 60 }

    var news: Int {
        switch self {
        case .one: 1
        case .five: 5
        case .twenty: 20
        default: 0
        }
    }

    /// Parts of a day, of six hours.
    static let parts = 4

    /// When each fact is seen, and how often, by part of a day. Facts that are never seen count as well.
    func draw(_ chance: inout Chance) -> Sights {
        let isSmall = self == .small
        let count = Int(exp(Double.random(in: log(isSmall ? 3 : 50)...log(isSmall ? 25 : 2000), using: &chance)))
        let exponent = Double.random(in: 0.6...1.8, using: &chance)
        let events = exp(Double.random(in: log(isSmall ? 1 : 20)...log(isSmall ? 100 : 3000), using: &chance)) * 24
        let weights = (1...count).map { pow(Double($0), -exponent) }
        let sum = weights.reduce(0, +)
        var rates = weights.map { $0 / sum * events / Double(Self.parts) }
        let swing = chance.uniform() < 0.7 ? Double.random(in: 0.1...0.9, using: &chance) : 0
        let weekend = chance.uniform() < 0.3 ? 0.1 : 1
        let features = rates.indices.map { _ in Int.random(in: 0..<24, using: &chance) }
        var isOn = (0..<12).map { _ in Bool.random(using: &chance) }
        var isActive = true
        var sights = Sights(facts: count, days: days)
        // Those of a start come behind.
        var starts: Range<Int> = count..<count
        if [.bursty, .moving].contains(self) {
            starts = sights.add(Int.random(in: 20...200, using: &chance))
        }
        var jobs: [(facts: Range<Int>, period: Int, day: Int)] = []
        if self == .periodic {
            for period in [1, 7, 30] {
                jobs.append(
                    (
                        sights.add(Int.random(in: 3...30, using: &chance)), period,
                        Int.random(in: 0..<period, using: &chance)
                    ))
            }
        }
        let daily = self == .unbounded ? Int(exp(Double.random(in: log(5.0)...log(200), using: &chance))) : 0
        let rollout = news > 0 ? Int.random(in: 25...35, using: &chance) : .max
        var fresh: Range<Int> = 0..<0
        var freshRates: [Double] = []
        var node = 0
        var nodeEnds = 0
        for part in 0..<days * Self.parts {
            let (day, hour) = (part / Self.parts, part % Self.parts)
            if self == .bursty {
                for feature in isOn.indices where chance.uniform() < 0.15 { isOn[feature].toggle() }
                if chance.uniform() < (isActive ? 0.2 : 0.35) { isActive.toggle() }
                if part == 0 { isActive = true }
            }
            if self == .moving, part >= nodeEnds {
                node += 1
                nodeEnds = part + Int.random(in: 1...5, using: &chance)
                sights.begin(node, isLost: chance.uniform() < 0.1)
                for fact in starts { sights.see(fact, 1, in: part, &chance) }
            }
            if day == rollout, hour == 0 {
                let common = rates.filter { $0 * Double(Self.parts) >= 1 }
                fresh = sights.add(news)
                freshRates = fresh.map { _ in common.randomElement(using: &chance) ?? 1 }
                for fact in rates.indices where chance.uniform() < 0.1 { rates[fact] = 0 }
            }
            guard isActive else { continue }
            if part == 0, self == .bursty { for fact in starts { sights.see(fact, 1, in: part, &chance) } }
            let level = (1 - swing * cos(.pi * (Double(hour) - 1.5) / 2)) * (day % 7 >= 5 ? weekend : 1)
            for fact in rates.indices where rates[fact] > 0 {
                if self == .bursty, features[fact] < 12, !isOn[features[fact]] { continue }
                sights.see(fact, chance.poisson(rates[fact] * max(0, level)), in: part, &chance)
            }
            for (fact, rate) in zip(fresh, freshRates) { sights.see(fact, chance.poisson(rate), in: part, &chance) }
            for job in jobs where hour == 0 && day % job.period == job.day {
                for fact in job.facts { sights.see(fact, 1, in: part, &chance) }
            }
            if daily > 0, hour == 1 { for fact in sights.add(daily) { sights.see(fact, 1, in: part, &chance) } }
        }
        sights.fresh = fresh
        sights.rollout = rollout
        return sights
    }
}

/// What was seen of a subject, part of a day by part of a day.
struct Sights {
    struct Sight {
        var fact: Int
        var count: UInt64
        /// Of the day, at most four.
        var hours: [UInt32]
        var isLost: Bool
    }

    /// 2025-11-03, a Monday.
    static let start: UInt32 = 20_395 * 24

    private(set) var facts: Int
    private(set) var parts: [[Sight]]
    var fresh: Range<Int> = 0..<0
    var rollout = Int.max
    private var isLost = false

    init(facts: Int, days: Int) {
        self.facts = facts
        parts = Array(repeating: [], count: days * Life.parts)
    }

    mutating func add(_ count: Int) -> Range<Int> {
        defer { facts += count }
        return facts..<facts + count
    }

    mutating func begin(_ node: Int, isLost: Bool) { self.isLost = isLost }

    mutating func see(_ fact: Int, _ count: UInt64, in part: Int, _ chance: inout Chance) {
        guard count > 0 else { return }
        let first = Self.start + UInt32(part * 24 / Life.parts)
        let hours = (0..<min(count, 4)).map { _ in
            first + UInt32.random(in: 0..<UInt32(24 / Life.parts), using: &chance)
        }
        parts[part].append(Sight(fact: fact, count: count, hours: hours, isLost: isLost))
    }
}
