// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct HourSetTests {
    @Test func `it has what was put in`() {
        let set = HourSet([30, 5, 77].map { someHour + $0 })
        #expect(set.count == 3 && set.contains(someHour + 30) && !set.contains(someHour + 31))
        #expect(set.hours(of: 20_000) == 1 << 5 && set.hours(of: 20_003) == 1 << 5)
        #expect(set.days == 20_000...20_003)
        #expect(set.firstHour == someHour + 5)
        #expect(HourSet([9]).isEmpty)
    }

    @Test func `it is bounded`() {
        let set = HourSet((0..<10_000).map { someHour + $0 })
        #expect(set.count == HourSet.span * 24 - (24 - 10_000 % 24))
        #expect(!set.contains(someHour))
    }

    @Test(arguments: 0..<20) func `it merges as sets do`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for _ in 0..<10 {
            let reach = UInt32.random(in: 1...9000, using: &random)
            let hours = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                someHour + UInt32.random(in: 0..<reach, using: &random)
            }
            var shares = [HourSet](repeating: HourSet(), count: 4)
            for hour in hours { shares[Int.random(in: 0..<4, using: &random)].insert(hour) }
            let all = HourSet(hours)
            #expect(merged(shares, &random) { $0.merge(with: $1) } == all)
            #expect(HourSet(hours.shuffled(using: &random)) == all)
            var stored = HourSet()
            for day in all.days ?? 0...0 { stored.insert(all.hours(of: day), of: day) }
            #expect(stored == all)
            let latest = (hours.max() ?? 0) / 24
            let kept = Set(hours).filter { latest - $0 / 24 < HourSet.span }
            #expect(all.count == kept.count && kept.allSatisfy(all.contains))
        }
    }

    @Test func `hours after one are none, and make room for those that come`() {
        var hours = HourSet()
        for hour in [480_000, 480_007, 480_030, 500_000] as [UInt32] { hours.insert(hour) }
        #expect(hours.count == 1, "what is far ahead has made the others be forgotten")
        hours.remove(after: 490_000)
        #expect(hours.isEmpty)
        for hour in [480_000, 480_007, 480_030, 480_100] as [UInt32] { hours.insert(hour) }
        hours.remove(after: 480_007)
        var same = HourSet()
        for hour in [480_000, 480_007] as [UInt32] { same.insert(hour) }
        #expect(hours == same)
        hours.remove(after: 480_100)
        #expect(hours == same)
    }
}
