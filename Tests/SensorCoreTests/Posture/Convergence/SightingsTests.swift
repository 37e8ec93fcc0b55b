// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct SightingsTests {
    @Test func `it takes 32 bytes`() {
        #expect(MemoryLayout<Sightings>.stride == 32)
    }

    @Test func `the three earliest hours stay, in whatever order they come`() {
        let sightings = Sightings([5, 3, 9, 3, 1, 7].map { someHour + $0 })
        #expect(sightings.earliestHours == [1, 3, 5].map { someHour + $0 })
        #expect(sightings.hourCount(until: someHour + 3) == 2)
        #expect(sightings.hourCount(until: someHour) == 0)
    }

    @Test func `a clock that was never set is not believed`() {
        let sightings = Sightings([0, 5, someHour])
        #expect(sightings.earliestHours == [someHour])
        #expect(Sightings([7]).isEmpty)
    }

    @Test func `a clock set back only adds earlier hours`() {
        var sightings = Sightings(days: 100..<110)
        sightings.note(hour: someHour)
        #expect(sightings.firstHour == someHour)
        #expect(sightings.days.count == 11)
        sightings.note(hour: someHour - 24 * 200)
        #expect(sightings.days.count == 11)
    }

    @Test(arguments: 0..<20) func `shares merge to what one would have noted`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for _ in 0..<50 {
            let hours = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                someHour + UInt32.random(in: 0..<UInt32.random(in: 1...6000, using: &random), using: &random)
            }
            var shares = [Sightings](repeating: Sightings(), count: Int.random(in: 1...5, using: &random))
            for hour in hours { shares[Int.random(in: 0..<shares.count, using: &random)].note(hour: hour) }
            let all = Sightings(hours)
            #expect(merged(shares, &random) { $0.merge(with: $1) } == all)
            #expect(Sightings(hours.shuffled(using: &random)) == all)
            let stored = DaySet(latest: all.days.latest ?? 0, bits: all.days.bits)
            #expect(Sightings(earliestHours: all.earliestHours, days: stored) == all)
            #expect(all.earliestHours == Array(Set(hours).sorted().prefix(3)))
        }
    }

    @Test(arguments: 0..<20) func `merging is commutative, associative and idempotent`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let some = (0..<3).map { _ in
            Sightings(
                (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    someHour + UInt32.random(in: 0..<8000, using: &random)
                })
        }
        func join(_ one: Sightings, _ other: Sightings) -> Sightings {
            var both = one
            both.merge(with: other)
            return both
        }
        #expect(join(some[0], some[1]) == join(some[1], some[0]))
        #expect(join(join(some[0], some[1]), some[2]) == join(some[0], join(some[1], some[2])))
        #expect(join(some[0], some[0]) == some[0])
    }

    @Test(arguments: 0..<20) func `days before a day are known exactly within the span`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let count = Int.random(in: 1...30, using: &random)
        let days = Set((0..<count).map { _ in Int.random(in: 0..<128, using: &random) })
        let sightings = Sightings(days: days)
        for day in [0, 1, 50, 64, 127, 128, 500] {
            #expect(sightings.dayCount(before: UInt16(20_000 + day)) == days.filter { $0 < day }.count)
        }
    }

    @Test func `days before the span are known by the first hours`() {
        let sightings = Sightings(days: [0, 30, 60, 90, 400])
        #expect(sightings.dayCount(before: 20_400) == 3)
        #expect(sightings.dayCount(before: 20_401) == 4)
        #expect(sightings.dayCount(before: 20_030) == 1)
    }
}
