// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct HourOfWeekTests {
    /// A Monday, 00:00: 2024-10-07.
    private static let monday: UInt32 = 20_003 * 24

    @Test func `the week begins on Monday`() {
        #expect(HourOfWeek.cell(of: Self.monday) == 0)
        #expect(HourOfWeek.cell(of: Self.monday - 1) == 167)
        #expect(HourOfWeek.cell(of: 0) == 72)
        #expect(HourOfWeek.week(of: Self.monday) == HourOfWeek.week(of: Self.monday - 1) + 1)
        #expect(HourOfWeek.week(of: .max) == .max || HourOfWeek.week(of: .max) > 0)
    }

    @Test func `what came before the latest week is told apart from it`() {
        var hours = HourOfWeek()
        hours.note(5, hour: Self.monday + 3)
        hours.note(2, hour: Self.monday + 168 + 3)
        hours.note(1, hour: Self.monday + 4)
        #expect(hours.weeks == 2)
        var sum = HourOfWeekSum(week: hours.latestWeek)
        sum.add(hours)
        #expect(sum.before[3] == 5 && sum.before[4] == 1 && sum.current[3] == 2 && sum.weeks == 1)
        var next = HourOfWeekSum(week: hours.latestWeek + 1)
        next.add(hours)
        #expect(next.before[3] == 7 && next.current.allSatisfy { $0 == 0 } && next.weeks == 2)
    }

    @Test func `impossible hours and endless counts do no harm`() {
        var hours = HourOfWeek()
        for hour: UInt32 in [0, .max] { hours.note(1, hour: hour) }
        #expect(hours.isEmpty)
        for _ in 0..<3 { hours.note(.max, hour: Self.monday) }
        hours.note(.max, hour: Self.monday - 168)
        #expect(hours.total.first == .max && hours.before.first == .max)
        #expect(HourOfWeek(total: [1], before: [], latestWeek: 1, weeks: 1).isEmpty)
        #expect(HourOfWeekSum(week: 0).weeks == 0)
    }

    @Test(arguments: 0..<10) func `what a writer told at different times merges to what it told last`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var hours = HourOfWeek()
        var told: [HourOfWeek] = []
        var hour = Self.monday
        for _ in 0..<60 {
            hour += UInt32.random(in: 0...40, using: &random)
            hours.note(1, hour: hour - UInt32.random(in: 0...60, using: &random))
            if Bool.random(using: &random) { told.append(hours) }
        }
        told.append(hours)
        #expect(merged(told, &random) { $0.merge(with: $1) } == hours)
        let stored = HourOfWeek(
            total: Array(hours.total), before: Array(hours.before), latestWeek: hours.latestWeek, weeks: hours.weeks)
        #expect(stored == hours)
    }

    @Test(arguments: 0..<10) func `any values merge as a join does`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let shares = (0..<5).map { _ in
            let before = (0..<168).map { _ in UInt32.random(in: 0...9, using: &random) }
            return HourOfWeek(
                total: before.map { $0 + UInt32.random(in: 0...3, using: &random) }, before: before,
                latestWeek: 2857 + UInt16.random(in: 0...3, using: &random),
                weeks: UInt16.random(in: 1...5, using: &random))
        }
        let all = merged(shares, &random) { $0.merge(with: $1) }
        #expect(merged(shares.shuffled(using: &random), &random) { $0.merge(with: $1) } == all)
    }

    @Test func `the rhythm of the week is told from three weeks on`() {
        var hours = HourOfWeek()
        for day: UInt32 in 0..<22 where day % 7 < 5 { hours.note(7, hour: Self.monday + day * 24 + 9) }
        var sum = HourOfWeekSum(week: hours.latestWeek)
        sum.add(hours)
        let rhythm = WeekRhythm(sum)
        #expect(rhythm?.factors.prefix(5).allSatisfy { abs($0 - 1.4) < 1e-9 } == true)
        #expect(rhythm?.factor(of: 20_003) == rhythm?.factors[0] && rhythm?.factor(of: 20_008) == 0.02)
        #expect(WeekRhythm(HourOfWeekSum(week: 3)) == nil)
    }

    @Test(arguments: 0..<10) func `first hours of the day merge as a join does`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let noted = (0..<40).map { _ in Self.monday + UInt32.random(in: 0...2000, using: &random) }
        var (all, shares) = (HourFirsts(), [HourFirsts](repeating: HourFirsts(), count: 4))
        for hour in noted {
            all.note(hour: hour)
            shares[Int.random(in: 0..<4, using: &random)].note(hour: hour)
        }
        #expect(merged(shares, &random) { $0.merge(with: $1) } == all)
        #expect(HourFirsts((0..<24).map { all[$0] ?? 0 }) == all)
        for hour in 0..<24 {
            #expect(all[hour] == noted.filter { $0 % 24 == hour }.map { UInt16($0 / 24) }.min())
        }
    }

    @Test func `hours lie around the clock`() {
        var hours = HourFirsts()
        hours.note(hour: Self.monday + 1)
        hours.note(hour: Self.monday + 24 + 12)
        #expect(hours.distance(of: 22, before: 20_004) == 3)
        #expect(hours.distance(of: 13, before: 20_004) == 12)
        #expect(hours.distance(of: 13, before: 20_005) == 1)
        #expect(hours.distance(of: 13, before: 20_003) == nil && hours[99] == nil)
    }
}
