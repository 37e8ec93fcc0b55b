// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct DiscoveryCurveTests {
    private static func curve(_ life: Life, at now: UInt32) -> DiscoveryCurve {
        var counter = DiscoveryCounter(life.time, at: now, window: 7)
        for fact in life.facts { counter.add(fact) }
        return counter.curve
    }

    @Test(arguments: 0..<10) func `it counts what was known on each day`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var life = Life(days: 60)
        let facts = (0..<40).map { _ in
            Set((0..<Int.random(in: 0...6, using: &random)).map { _ in Int.random(in: 0..<60, using: &random) })
        }
        for fact in facts { life.add(1, on: fact) }
        let curve = Self.curve(life, at: someHour + 60 * 24 - 1)
        let base = 20_000 - Int(curve.firstDay)
        for day in 0..<60 {
            let known = facts.map { fact in fact.filter { $0 <= day } }
            let once = known.filter { $0.count == 1 }
            let at = curve.days[base + day]
            #expect(at.seen == known.filter { !$0.isEmpty }.count)
            #expect(at.once == once.count)
            #expect(at.twice == known.filter { $0.count == 2 }.count)
            #expect(at.onceLately == once.filter { $0.contains { $0 > day - 7 } }.count)
            #expect(at.incidenceSum == known.reduce(0) { $0 + $1.count })
            #expect(at.new == known.filter { $0.min() == day }.count)
            #expect(at.effectiveSum == Double(day + 1))
        }
    }

    @Test func `what comes after now is not known yet`() {
        var life = Life(days: 60)
        life.add(3, on: [5, 20, 40])
        life.add(2, on: [30])
        let curve = Self.curve(life, at: someHour + 21 * 24)
        #expect(curve.days.last?.seen == 3 && curve.days.last?.twice == 3)
        let early = Self.curve(life, at: someHour - 1)
        #expect(early.days.last?.seen == 0)
    }

    @Test func `facts from before its first day are no news`() {
        var life = Life(days: 300)
        life.add(4, on: [0, 90, 180, 270])
        life.add(1, on: [10, 290])
        let curve = Self.curve(life, at: someHour + 300 * 24 - 1)
        #expect(curve.days.count == DaySet.span)
        #expect(curve.days.allSatisfy { $0.new == 0 && $0.seen == 5 })
        #expect(curve.days.last?.once == 0)
        #expect(curve.days.last?.twice == 1)
    }
}
