// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct DayCountsTests {
    @Test func `a level's code is that of the level, and the nearest is off by a sixteenth at most`() {
        for code in UInt8.min...UInt8.max { #expect(DayScale.code(of: DayScale.level(of: code)) == code) }
        for count: UInt64 in 0...16 { #expect(DayScale.level(of: DayScale.code(of: count)) == count) }
        var random = SplitMix(seed: 1)
        for _ in 0..<20_000 {
            let count = UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 30...63, using: &random)
            let level = DayScale.level(of: DayScale.code(of: count))
            #expect(max(level, count) - min(level, count) <= count / 16)
        }
        #expect(DayScale.code(of: .max) == .max)
    }

    @Test func `a larger count never has a smaller code`() {
        var last: UInt8 = 0
        for count: UInt64 in 0...100_000 {
            let code = DayScale.code(of: count)
            #expect(code >= last)
            last = code
        }
    }

    @Test func `what is added to a day that is over is right in the mean`() {
        var random = SplitMix(seed: 2)
        var sum: UInt64 = 0
        for _ in 0..<500 {
            var counts = DayCounts()
            counts.add(1, hour: someHour + 24, random: random.next())
            for _ in 0..<1000 { counts.add(1, hour: someHour, random: random.next()) }
            sum += counts.count(on: 20_000) ?? 0
        }
        // Of one the deviation is about 100.
        #expect(abs(Double(sum) / 500 - 1000) < 20)
    }

    @Test func `the latest day is exact, and those before it are kept for four weeks`() {
        var counts = DayCounts()
        for day: UInt32 in 0..<40 { counts.add(UInt64(day) + 1, hour: someHour + day * 24 + day % 24, random: 0) }
        #expect(counts.latest == 20_039 && counts.latestCount == 40)
        #expect(counts.count(on: 20_040) == 0)
        for day: UInt16 in 20_011..<20_039 {
            let count = UInt64(day - 20_000 + 1)
            #expect(counts.count(on: day) == DayScale.level(of: DayScale.code(of: count)))
        }
        #expect(counts.count(on: 20_010) == nil)
    }

    @Test func `a gap is a gap, and a day at the end of the window is still there`() {
        var counts = DayCounts()
        counts.add(5, hour: someHour, random: 0)
        counts.add(7, hour: someHour + 28 * 24, random: 0)
        #expect(counts.count(on: 20_000) == 5 && counts.count(on: 20_027) == 0)
        counts.add(9, hour: someHour + 29 * 24, random: 0)
        #expect(counts.count(on: 20_000) == nil && counts.count(on: 20_028) == 7)
        counts.add(1, hour: someHour + 400 * 24, random: 0)
        #expect(counts.earlierCodes.isEmpty && counts.latestCount == 1)
    }

    @Test func `a clock that goes back counts for the day it says`() {
        var counts = DayCounts()
        counts.add(3, hour: someHour + 10 * 24, random: 0)
        counts.add(4, hour: someHour + 5 * 24, random: 0)
        counts.add(4, hour: someHour - 18 * 24, random: 0)
        counts.add(4, hour: someHour - 19 * 24, random: 0)
        #expect(counts.latest == 20_010 && counts.latestCount == 3)
        #expect(counts.count(on: 20_005) == 4 && counts.count(on: 19_982) == 4)
    }

    @Test func `impossible hours and endless counts do no harm`() {
        var counts = DayCounts()
        for hour: UInt32 in [0, 1, .max, someHour] { counts.add(.max, hour: hour, random: .max) }
        counts.add(.max, hour: someHour, random: 0)
        #expect(counts.latest == 20_000 && counts.latestCount == .max)
        counts.add(1, hour: someHour + 24, random: 0)
        counts.add(.max, hour: someHour, random: .max)
        #expect(counts.count(on: 20_000) == DayScale.level(of: .max))
        counts.add(1, hour: Sightings.hours.upperBound, random: 0)
        #expect(counts.latest == .max && counts.count(on: .max) == 1)
        #expect(DayCounts(latest: 3, count: 1, earlierCodes: [1]).isEmpty)
        #expect(
            DayCounts(latest: 20_000, count: 1, earlierCodes: [UInt8](repeating: 9, count: 1000)).earlierCodes.count
                == 28)
    }

    @Test(arguments: 0..<20) func `what a writer told at different times merges to what it told last`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for _ in 0..<10 {
            var counts = DayCounts()
            var told: [DayCounts] = []
            var hour = someHour
            for _ in 0..<60 {
                hour += UInt32.random(in: 0...30, using: &random)
                let late = Int.random(in: 0..<5, using: &random) == 0 ? UInt32.random(in: 0...900, using: &random) : 0
                counts.add(UInt64.random(in: 1...300, using: &random), hour: hour - late, random: random.next())
                if Bool.random(using: &random) { told.append(counts) }
            }
            told.append(counts)
            #expect(merged(told, &random) { $0.merge(with: $1) } == counts)
            let stored = DayCounts(
                latest: counts.latest ?? 0, count: counts.latestCount, earlierCodes: counts.earlierCodes)
            #expect(stored == counts)
        }
    }

    @Test(arguments: 0..<20) func `any values merge as a join does`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for _ in 0..<20 {
            let shares = (0..<5).map { _ in
                DayCounts(
                    latest: 20_000 + UInt16.random(in: 0...40, using: &random),
                    count: UInt32.random(in: 0...500, using: &random),
                    earlierCodes: (0..<28).map { _ in UInt8.random(in: 0...90, using: &random) })
            }
            let all = merged(shares, &random) { $0.merge(with: $1) }
            #expect(merged(shares.shuffled(using: &random), &random) { $0.merge(with: $1) } == all)
        }
    }

    @Test func `writers add up, and what one of them has forgotten is not known`() {
        var (one, other) = (DayCounts(), DayCounts())
        for day: UInt32 in 0..<30 { one.add(2, hour: someHour + day * 24, random: 0) }
        for day: UInt32 in 0..<33 { other.add(3, hour: someHour + day * 24, random: 0) }
        var sum = DaySeries(today: 20_030)
        sum.add(one)
        #expect(sum.reach == 28 && sum[0] == 0 && sum[1] == 2 && sum[28] == 2)
        sum.add(other)
        #expect(sum.reach == 26 && sum[0] == 3 && sum[1] == 5 && sum[26] == 5 && sum[27] == 2)
        #expect(sum.sum(1...2) == 10 && sum.activeDays(0...1) == 2 && sum[-1] == 0 && sum[99] == 0)
        #expect(DaySeries(other, today: 0)[0] == 0)
    }

    @Test func `later days than one are forgotten, and those before it are as they were`() {
        var (counts, same) = (DayCounts(), DayCounts())
        for day in 0..<20 as Range<UInt32> {
            counts.add(UInt64(day + 1), hour: (20_000 + day) * 24, random: 1)
            if day <= 12 { same.add(UInt64(day + 1), hour: (20_000 + day) * 24, random: 1) }
        }
        counts.turnBack(to: 20_012)
        #expect(counts == same)
        counts.turnBack(to: 20_015)
        #expect(counts == same)
        counts.add(3, hour: 20_013 * 24, random: 1)
        #expect(counts.latest == 20_013 && counts.count(on: 20_012) == 13)
    }
}
