// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct DaySetTests {
    @Test func `it remembers the latest day and 127 before it`() {
        var set = DaySet()
        for day: UInt16 in 1000...1200 { set.insert(day) }
        #expect(set.latest == 1200)
        #expect(set.days == Array(1073...1200))
        #expect(!set.contains(1072) && set.contains(1073))
        set.insert(1072)
        #expect(set.count == DaySet.span)
    }

    @Test func `a day far ahead leaves nothing of before`() {
        var set = DaySet()
        set.insert(100)
        set.insert(65_535)
        #expect(set.days == [65_535])
        #expect(!set.contains(100))
    }

    @Test func `what was stored badly is still a set`() {
        #expect(DaySet(latest: 500, bits: 0).isEmpty)
        #expect(DaySet(latest: 500, bits: 0b1100).days == [497, 498])
        #expect(DaySet(latest: 3, bits: .max).days == [0, 1, 2, 3])
    }

    @Test(arguments: 0..<20) func `it merges as sets do`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for _ in 0..<20 {
            let days = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt16.random(in: 19_000...19_300, using: &random)
            }
            var shares = [DaySet](repeating: DaySet(), count: 4)
            for day in days { shares[Int.random(in: 0..<4, using: &random)].insert(day) }
            let all = merged(shares, &random) { $0.merge(with: $1) }
            let latest = days.max() ?? 0
            #expect(all?.days == Set(days).filter { latest - $0 < DaySet.span }.sorted())
        }
    }

    @Test func `days after one are none`() {
        var days = DaySet()
        for day in [20_000, 20_003, 20_090] as [UInt16] { days.insert(day) }
        days.remove(after: 20_050)
        #expect(days.days == [20_000, 20_003] && days.latest == 20_003)
        days.remove(after: 20_003)
        #expect(days.days == [20_000, 20_003])
        days.remove(after: 19_000)
        #expect(days.isEmpty)
    }
}
