// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct ExerciseMixTests {
    @Test func `a hundred thousand categories are a few and a count of the others`() {
        var mix = ExerciseMix()
        for number in 0..<100_000 { mix.add(1, of: "tool\(number)", hour: someHour, random: 0) }
        #expect(mix.categories.count == ExerciseMix.limit && mix.categories["tool0"] != nil)
        #expect(mix.other.latestCount == 100_000 - UInt32(ExerciseMix.limit))
        #expect(mix.bytes < 16_000)
        var all = MixSeries(today: 20_000)
        for writer in 0..<10 {
            var mix = ExerciseMix()
            for number in 0..<40 { mix.add(1, of: "\(writer) \(number)", hour: someHour, random: 0) }
            all.add(mix)
        }
        #expect(all.categories.count == MixSeries.limit && all.other[0] == 400 - UInt64(MixSeries.limit))
    }

    @Test func `a long name is cut, and still its own`() {
        var mix = ExerciseMix()
        let long = String(repeating: "ä", count: 100_000)
        for name in [long + "1", long + "2", long + "1"] { mix.add(1, of: name, hour: someHour, random: 0) }
        #expect(mix.categories.count == 2)
        #expect(mix.categories.keys.allSatisfy { $0.utf8.count <= ExerciseMix.nameLimit })
        mix.add(1, of: "x", hour: 3, random: 0)
        #expect(mix.categories.count == 2)
    }

    @Test(arguments: 0..<10) func `what a writer told at different times merges to what it told last`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var mix = ExerciseMix()
        var told: [ExerciseMix] = []
        for step: UInt32 in 0..<400 {
            let name = "tool\(Int.random(in: 0..<80, using: &random))"
            mix.add(1, of: name, hour: someHour + step * 3, random: random.next())
            if step % 9 == 0 { told.append(mix) }
        }
        told.append(mix)
        #expect(merged(told, &random) { $0.merge(with: $1) } == mix)
    }

    @Test(arguments: 0..<10) func `any values merge as a join does`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let shares = (0..<5).map { _ in
            var mix = ExerciseMix()
            for _ in 0..<70 {
                let hour = someHour + 24 * UInt32.random(in: 0..<30, using: &random)
                mix.add(2, of: "tool\(Int.random(in: 0..<90, using: &random))", hour: hour, random: random.next())
            }
            return mix
        }
        let all = merged(shares, &random) { $0.merge(with: $1) }
        #expect(merged(shares.shuffled(using: &random), &random) { $0.merge(with: $1) } == all)
        #expect(all?.categories.count == ExerciseMix.limit)
    }
}
