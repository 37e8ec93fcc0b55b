// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct ConvergenceTests {
    @Test func `a week of the same has converged`() {
        var life = Life(days: 30)
        life.add(50, on: 0..<30)
        #expect(life.estimate(day: 2).state == .learning)
        #expect(life.estimate(day: 5).reason == .belowFloor)
        let done = life.estimate(day: 6)
        #expect(done.state == .converged && done.reason == .withinThresholds)
        #expect(done.since == someHour + 6 * 24 + 23)
        let later = life.estimate(day: 20)
        #expect(later.since == someHour + 7 * 24)
        #expect(later.coverage == 1 && later.newPerDay == 0 && later.facts.unseen == 0)
        #expect(later.effectiveDays == 21)
    }

    @Test func `nothing seen is nothing known`() {
        let life = Life(days: 20)
        #expect(life.estimate(day: 19).state == .learning)
        #expect(life.estimate(day: 19).reason == .nothingSeen)
    }

    @Test func `time in which much was lost does not count`() {
        var life = Life(days: 30) { $0 % 4 != 0 }
        life.add(50, on: 0..<30)
        #expect(life.estimate(day: 10).state == .learning)
        #expect(life.estimate(day: 10).reason == .lossy)
        #expect(life.estimate(day: 10).effectiveDays == 2.75)
        #expect(life.estimate(day: 27).state == .converged)
    }

    @Test func `what goes on bringing news never converges`() {
        var life = Life(days: 60)
        life.add(20, on: 0..<60)
        for day in 0..<60 { life.add(10, on: [day]) }
        #expect(life.estimate(day: 8).reason == .unseenAboveThreshold)
        let estimate = life.estimate(day: 59)
        #expect(estimate.state == .learning && estimate.reason == .ceilingReached)
        #expect(abs(estimate.expectedPerDay - 10) < 0.001)
        #expect(abs(estimate.coverage - 2.0 / 3) < 0.001)
    }

    @Test func `at the ceiling the estimate decides without its margin`() {
        var life = Life(days: 30)
        life.add(5, on: 0..<30)
        // One in 35 is little, and little evidence.
        life.add(1, on: [4])
        life.add(1, on: [9])
        #expect(life.estimate(day: 10).state == .converging)
        let done = life.estimate(day: 13)
        #expect(done.state == .converged && done.reason == .ceilingReached)
    }

    @Test func `what a start alone does is not what a day may bring`() {
        var life = Life(days: 30)
        life.add(200, on: [0])
        life.add(50, on: 0..<30)
        #expect(life.estimate(day: 6).state == .learning)
        #expect(life.estimate(day: 7).state == .converged)
    }

    @Test func `a rollout shows, and is known after a while`() {
        var life = Life(days: 60)
        life.add(50, on: 0..<60)
        life.add(20, on: 0..<30)
        life.add(5, on: 30..<60)
        #expect(life.estimate(day: 29).state == .converged)
        #expect(life.estimate(hour: 30 * 24 + 11).state == .converged)
        let drift = life.estimate(hour: 30 * 24 + 12)
        #expect(drift.state == .drifting && drift.reason == .newFacts)
        #expect(drift.since == someHour + 30 * 24)
        #expect(life.estimate(day: 32).state == .drifting)
        let back = life.estimate(day: 34)
        #expect(back.state == .converged)
        #expect(back.since == someHour + 34 * 24)
    }

    @Test(arguments: [1, 2, 5, 8, 13, 19, 24]) func `short days make it take longer, not for ever`(_ hours: UInt32) {
        var life = Life(days: 100)
        life.time.lossy = HourSet((0..<2400).filter { $0 % 24 >= hours }.map { someHour + $0 })
        life.add(50, on: 0..<100)
        life.add(20, on: 60..<100)
        let days = 100.0 * Double(hours) / 24
        #expect(abs(life.estimate(day: 99).effectiveDays - days) < 0.001)
        #expect(life.estimate(day: 99).state == (days < 7 ? .learning : .converged))
    }

    @Test func `one new fact is drift if it comes often, after long quiet`() {
        var life = Life(days: 60)
        life.add(50, on: 0..<60)
        var rare = life
        rare.add(1, on: [50])
        #expect(rare.estimate(day: 50).state == .converged)
        life.facts.append(Sightings((0..<40).map { someHour + 50 * 24 + 9 + $0 }))
        #expect(life.estimate(hour: 50 * 24 + 10).state == .converged)
        #expect(life.estimate(hour: 50 * 24 + 11).state == .drifting)
    }

    @Test func `rare work that comes again is no drift`() {
        var life = Life(days: 125)
        life.add(50, on: 0..<125)
        life.add(20, on: [4, 34, 64, 94, 124])
        for day in 14..<125 { #expect(life.estimate(day: day).state == .converged) }
        #expect(life.estimate(day: 124).regularFacts == 20)
    }

    @Test(arguments: [200, 276, 300, 365])
    func `long after it is still known, quarterly work included`(_ day: Int) {
        var life = Life(days: day + 1)
        life.add(20, on: 0...day)
        life.add(5, on: [3, 94, 185, 276, 365].filter { $0 <= day })
        life.add(1, on: [40])
        let estimate = life.estimate(day: day)
        #expect(estimate.state == .converged && estimate.newPerDay == 0)
        #expect(estimate.facts.seen == 26 && estimate.regularFacts == 5)
    }

    @Test func `what a clock set ahead has noted waits until its time has come`() {
        var life = Life(days: 30)
        life.add(50, on: 0..<30)
        life.facts.append(Sightings([someHour + 20 * 24, someHour + 25 * 24]))
        life.facts.append(Sightings([someHour + 24_000]))
        // This one was known before.
        life.facts.append(Sightings([someHour, someHour + 24, someHour + 24_000]))
        let estimate = life.estimate(day: 19)
        #expect(estimate.state == .converged && estimate.facts.seen == 51)
    }

    @Test(arguments: 0..<4) func `shares give the same state, merged in any order`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let whole = Self.someLife(&random)
        var shares = [ObservedTime](repeating: ObservedTime(), count: 3)
        var facts = [[Sightings]](repeating: [], count: 3)
        for share in 0..<3 { facts[share] = whole.facts.map { _ in Sightings() } }
        for (index, sightings) in whole.facts.enumerated() {
            for day in sightings.days.days {
                facts[Int.random(in: 0..<3, using: &random)][index].note(hour: UInt32(day) * 24 + 12)
            }
        }
        for hour in 0..<UInt32(whole.days * 24) {
            shares[Int.random(in: 0..<3, using: &random)].observed.insert(someHour + hour)
            shares[Int.random(in: 0..<3, using: &random)].active.insert(someHour + hour)
        }
        var life = whole
        life.time = merged(shares, &random) { $0.merge(with: $1) } ?? ObservedTime()
        life.facts = whole.facts.indices.map { index in
            merged(facts.map { $0[index] }, &random) { $0.merge(with: $1) } ?? Sightings()
        }
        #expect(life.time == whole.time && life.facts == whole.facts)
        #expect(life.estimate(day: 39) == whole.estimate(day: 39))
    }

    @Test(arguments: 0..<4) func `what came later does not change what was said of a day`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let whole = Self.someLife(&random)
        for day in stride(from: 3, to: 40, by: 4) {
            var then = whole
            then.facts = whole.facts.map { fact in
                Sightings(fact.days.days.filter { $0 <= 20_000 + day }.map { UInt32($0) * 24 + 12 })
            }
            let (now, before) = (whole.estimate(day: day), then.estimate(day: day))
            #expect(now.state == before.state && now.since == before.since && now.reason == before.reason)
            #expect(now.facts == before.facts && now.coverage == before.coverage)
        }
    }

    /// Common and rare facts, and a new revision.
    private static func someLife(_ random: inout SplitMix) -> Life {
        var life = Life(days: 40)
        for number in 1...60 {
            let from = number % 6 == 0 ? 22 : 0
            life.add(1, on: (from..<40).filter { _ in Int.random(in: 0..<number, using: &random) < 5 })
        }
        return life
    }
}
