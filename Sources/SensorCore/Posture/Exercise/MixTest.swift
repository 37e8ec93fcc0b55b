// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Whether categories have other shares on the latest days than on those before: how far apart the two distributions are
/// (Jensen–Shannon distance), and how likely that is when a day's calls hang together (G-test with a Rao–Scott correction).
package struct MixTest: Sendable, Equatable {
    /// The root of the Jensen–Shannon divergence to base 2: 0 for the same shares, 1 for no category in common.
    package let distance: Double
    /// The G statistic, over its design effect.
    package let statistic: Double
    /// How much more the shares vary from day to day than if each call were drawn for itself, ≥ 1.
    package let designEffect: Double
    package let freedom: Double
    package let chance: Double

    /// - Parameters: of each day, counts by category.
    /// - Returns: nil if there were no calls in either, or fewer than three days before.
    package init?(reference: [[Double]], recent: [[Double]]) {
        let reference = reference.filter { $0.contains { $0 > 0 } }
        let recent = recent.filter { $0.contains { $0 > 0 } }
        guard reference.count > 2, let width = recent.first?.count, width > 1,
            (reference + recent).allSatisfy({ $0.count == width })
        else { return nil }
        distance = Self.jensenShannon(Self.sum(reference), Self.sum(recent))
        let groups = Self.pool([reference, recent], least: 8)
        let (sums, sizes) = (groups.map(Self.sum), groups.map { Self.sum(Self.sum($0)) })
        let total = sizes[0] + sizes[1]
        let both = zip(sums[0], sums[1]).map(+)
        let categories = Double(both.count)
        guard both.count > 1 else {
            (statistic, designEffect, freedom, chance) = (0, 1, 0, 1)
            return
        }
        var value = 0.0
        for (sum, size) in zip(sums, sizes) {
            for (count, all) in zip(sum, both) where count > 0 {
                value += 2 * count * log(count * total / (size * all))
            }
        }
        let effects = Self.scatter(groups, sums, sizes, both, total)
        // From how much the days scatter, how much two calls of a day are alike: a day counts the more for it the more calls
        // it has.
        let mean = effects.reduce(0, +) / (categories - 1)
        let squares = groups.map { $0.reduce(0) { $0 + Self.sum($1) * Self.sum($1) } }
        let spread = (squares[0] + squares[1]) / total
        let alike = spread > 1 ? min(1, max(0, (mean - 1) / (spread - 1))) : 0
        let parts = zip(squares, sizes).map { (1 + alike * ($0 / $1 - 1)) / $1 }
        designEffect = max(1, (parts[0] + parts[1]) / (1 / sizes[0] + 1 / sizes[1]))
        // Where some categories scatter more than others, there are fewer independent ones.
        let uneven = effects.reduce(0) { $0 + $1 * $1 } / ((categories - 1) * mean * mean)
        freedom = mean > 0 ? (categories - 1) / max(1, uneven) : categories - 1
        statistic = value / designEffect
        // As many days as there would be of even size.
        let days = total * total / (squares[0] + squares[1])
        chance = BetaTail.fisher(statistic / (categories - 1), freedom, max(2, days - 2))
    }

    /// The distance of two distributions, given as counts.
    package static func jensenShannon(_ one: [Double], _ other: [Double]) -> Double {
        let (all, others) = (sum(one), sum(other))
        guard all > 0, others > 0 else { return 0 }
        var divergence = 0.0
        for (p, q) in zip(one.map { $0 / all }, other.map { $0 / others }) {
            let middle = (p + q) / 2
            if p > 0 { divergence += p * log2(p / middle) / 2 }
            if q > 0 { divergence += q * log2(q / middle) / 2 }
        }
        return min(1, max(0, divergence)).squareRoot()
    }

    /// Of each category, the design effect of its share times what the share is of all that can vary.
    private static func scatter(
        _ groups: [[[Double]]], _ sums: [[Double]], _ sizes: [Double], _ both: [Double], _ total: Double
    ) -> [Double] {
        both.indices.map { category in
            var squares = 0.0
            for (index, days) in groups.enumerated() where days.count > 1 {
                let share = sums[index][category] / sizes[index]
                let rest = days.reduce(0) { sum, day in
                    let rest = day[category] - share * Self.sum(day)
                    return sum + rest * rest
                }
                squares += rest * Double(days.count) / Double(days.count - 1)
            }
            // Of days without another in their group nothing is known: they scatter like the others.
            let known = zip(groups, sizes).reduce(0) { $0 + ($1.0.count > 1 ? $1.1 : 0) }
            return squares / both[category] * (total / known)
        }
    }

    /// Categories of which there are fewer than `least` together.
    private static func pool(_ groups: [[[Double]]], least: Double) -> [[[Double]]] {
        let counts = sum(groups.flatMap { $0 })
        let rare = counts.indices.filter { counts[$0] < least }
        let often = counts.indices.filter { counts[$0] >= least }
        let rest = rare.reduce(0) { $0 + counts[$1] }
        return groups.map { days in
            days.map { day in
                let common = often.map { day[$0] }
                return rest > 0 ? common + [rare.reduce(0) { $0 + day[$1] }] : common
            }
        }
    }

    private static func sum(_ days: [[Double]]) -> [Double] {
        guard let first = days.first else { return [] }
        return days.dropFirst().reduce(into: first) { sum, day in
            for index in day.indices { sum[index] += day[index] }
        }
    }

    private static func sum(_ counts: [Double]) -> Double { counts.reduce(0, +) }
}
