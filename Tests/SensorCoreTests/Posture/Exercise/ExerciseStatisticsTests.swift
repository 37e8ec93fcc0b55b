// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

/// Expected values are those of SciPy 1.17, which computes them by other means; of the composed tests, of the formulas of
/// EXERCISE.md written in it.
@Suite struct ExerciseStatisticsTests {
    private func isNear(_ value: Double, _ expected: Double, _ tolerance: Double = 1e-8) -> Bool {
        abs(value - expected) <= tolerance * max(abs(expected), 1e-12)
    }

    @Test(
        arguments: [
            (0.4, 2, 3, 0.5248), (0.2, 0.5, 0.5, 0.2951672353008665), (0.1, 30, 400, 0.9877610352094943),
            (0.999, 1000, 3, 0.9194224096397954), (0.0001, 0.7, 5000, 0.5575210463329001), (0, 1, 1, 0), (1, 1, 1, 1),
        ] as [(Double, Double, Double, Double)])
    func `the incomplete beta function is exact`(_ x: Double, _ a: Double, _ b: Double, _ expected: Double) {
        #expect(isNear(BetaTail.incompleteBeta(x, a, b), expected))
    }

    @Test(
        arguments: [
            (30, 10, 4, 0.006744053039622877, 0.9947582623422071), (0, 10, 50, 1, 0.00010988481911717252),
            (25, 10, 1000, 5.227981076921585e-05, 0.9999800187639093),
            (3000, 1000, 20, 8.394868262466336e-10, 0.9999999991718825),
        ] as [(Double, Double, Double, Double, Double)])
    func `tails of a negative binomial are exact`(
        _ count: Double, _ mean: Double, _ shape: Double, _ more: Double, _ less: Double
    ) {
        let tails = BetaTail.negativeBinomial(count, mean: mean, shape: shape)
        #expect(isNear(tails.more, more) && isNear(tails.less, less))
    }

    @Test func `tails of t and F are exact`() {
        #expect(isNear(BetaTail.student(3, 6), 0.012004098377865468))
        #expect(isNear(BetaTail.student(-1.2, 20), 0.8779191961579538))
        #expect(isNear(BetaTail.student(12, 27), 1.2408543593769455e-12))
        #expect(BetaTail.student(.infinity, 3) == 0 && BetaTail.student(-.infinity, 3) == 1)
        #expect(isNear(BetaTail.fisher(3.5, 4, 20), 0.02538523086644128))
        #expect(isNear(BetaTail.fisher(10, 2.5, 26), 0.00028362170030008817))
        #expect(BetaTail.fisher(0, 3, 3) == 1)
    }

    @Test func `small tails are those of counting them out`() {
        // Geometric: shape 1.
        let chance = 10.0 / 11
        var power = 1.0
        for count in 0..<200 {
            #expect(isNear(BetaTail.negativeBinomial(Double(count), mean: 10, shape: 1).more, power, 1e-6))
            power *= chance
        }
    }

    private static let history = [
        (12, 1), (9, 1), (15, 1), (7, 0.5), (11, 1), (20, 1), (8, 1), (10, 1), (13, 1), (9, 0.8), (16, 1), (14, 1),
    ].map { RateHistory.Day(count: $0.0, share: $0.1) }

    @Test func `a rate that went up, and one that went down, are as unlikely as their history says`() throws {
        let history = try #require(RateHistory(Self.history))
        #expect(isNear(history.dispersion, 0.0372373314348706) && history.correlation == 0)
        let more = try #require(RateTest(history, recent: [RateHistory.Day(count: 31)]))
        #expect(isNear(more.more, 0.0011847739644810442))
        #expect(isNear(more.chance, 2 * 0.0011847739644810442))
        #expect(isNear(more.baseline, 144 / 11.3) && more.recent == 31)
        let days = [(0, 1), (2, 1), (1, 0.5)].map { RateHistory.Day(count: $0.0, share: $0.1) }
        let less = try #require(RateTest(history, recent: days))
        #expect(isNear(less.less, 1.2062856362660018e-06, 1e-6) && isNear(less.recent, 1.2))
    }

    @Test func `a rate without a history is none, and hostile counts are no trap`() throws {
        let quiet = [RateHistory.Day](repeating: RateHistory.Day(count: 0), count: 20)
        #expect(RateHistory(quiet) == nil && RateHistory([]) == nil)
        let history = try #require(RateHistory(Self.history))
        #expect(RateTest(history, recent: []) == nil)
        for count in [0, 1, 1e6, Double(UInt64.max)] {
            let days = [RateHistory.Day](repeating: RateHistory.Day(count: count), count: 20) + Self.history
            let history = try #require(RateHistory(days))
            for recent in [0, 1, Double(UInt64.max)] {
                let test = try #require(RateTest(history, recent: [RateHistory.Day(count: recent)]))
                #expect((0...1).contains(test.more) && (0...1).contains(test.less) && (0...1).contains(test.chance))
            }
        }
    }

    @Test func `what is always the same is no shift when it is the same again`() throws {
        let history = try #require(RateHistory([RateHistory.Day](repeating: RateHistory.Day(count: 1440), count: 21)))
        let same = try #require(RateTest(history, recent: [RateHistory.Day(count: 1440)]))
        #expect(same.chance > 0.5)
        // A level of the scale for earlier days.
        let near = try #require(RateTest(history, recent: [RateHistory.Day(count: 1536)]))
        #expect(near.chance > 0.1)
        let double = try #require(RateTest(history, recent: [RateHistory.Day(count: 2880)]))
        #expect(double.chance < 1e-6)
    }

    @Test func `days that vary more make less of a shift`() throws {
        let calm = (0..<21).map { RateHistory.Day(count: 100 + Double($0 % 2)) }
        let wild = (0..<21).map { RateHistory.Day(count: [10, 190, 100][$0 % 3]) }
        let tests = try [calm, wild].map { days in
            let history = try #require(RateHistory(days))
            return try #require(RateTest(history, recent: [RateHistory.Day(count: 250)]))
        }
        #expect(tests[0].chance < 1e-6 && tests[1].chance > 0.01)
    }

    private static let reference: [[Double]] = [
        [10, 5, 5], [12, 4, 8], [3, 9, 6], [20, 6, 2], [8, 8, 8], [11, 2, 7],
    ]
    private static let recent: [[Double]] = [[4, 9, 12], [6, 3, 15], [2, 8, 20]]

    @Test func `the distance of two distributions is exact`() {
        #expect(isNear(MixTest.jensenShannon([4, 3, 3], [2, 3, 5]), 0.20673086033214078))
        #expect(isNear(MixTest.jensenShannon([10, 20, 0], [5, 5, 40]), 0.7854932264274288))
        #expect(MixTest.jensenShannon([1, 0], [0, 9]) == 1)
        #expect(MixTest.jensenShannon([1, 2], [100, 200]) < 1e-7)
        #expect(MixTest.jensenShannon([0, 0], [1, 2]) == 0)
    }

    @Test func `other shares are as unlikely as the days say that vary`() throws {
        let test = try #require(MixTest(reference: Self.reference, recent: Self.recent))
        #expect(isNear(test.designEffect, 1.931270920027502) && isNear(test.statistic, 15.44640297232429))
        #expect(test.freedom == 2 && isNear(test.chance, 0.01781701631133178))
        let day = try #require(MixTest(reference: Self.reference, recent: [Self.recent[0]]))
        #expect(isNear(day.chance, 0.20952856837507747))
    }

    @Test func `a mix without days or categories says nothing`() throws {
        #expect(MixTest(reference: [], recent: Self.recent) == nil)
        #expect(MixTest(reference: Self.reference, recent: [[0, 0, 0]]) == nil)
        #expect(MixTest(reference: Self.reference, recent: [[1, 2]]) == nil)
        #expect(MixTest(reference: [[1], [1], [1]], recent: [[1]]) == nil)
        // All are rare.
        let few = try #require(MixTest(reference: [[1, 0], [0, 1], [1, 1]], recent: [[1, 0]]))
        #expect(few.chance == 1)
        let many = [[Double]](repeating: [Double](repeating: 1e18, count: 50), count: 9)
        let same = try #require(MixTest(reference: many, recent: many))
        #expect(same.distance < 1e-6 && same.chance > 0.99)
    }

    @Test func `chances are corrected as by Benjamini and Hochberg`() {
        let corrected = FalseDiscovery.corrected([0.001, 0.2, 0.03, 0.04, 0.9, 0.012])
        #expect(zip(corrected, [0.006, 0.24, 0.06, 0.06, 0.9, 0.036]).allSatisfy { isNear($0, $1) })
        let halved = FalseDiscovery.corrected([0.001, 0.2, 0.03, 0.04, 0.9, 0.012], families: 2)
        #expect(zip(halved, [0.012, 0.48, 0.12, 0.12, 1, 0.072]).allSatisfy { isNear($0, $1) })
        #expect(FalseDiscovery.corrected([]).isEmpty)
    }
}
