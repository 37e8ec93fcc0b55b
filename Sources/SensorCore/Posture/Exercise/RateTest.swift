// SPDX-License-Identifier: Apache-2.0

/// Whether a fact was done more, or less, often on the latest days than on those before: a count whose rate is known only from
/// its own history, and which varies from day to day as it did there.
package struct RateTest: Sendable, Equatable {
    /// Times a whole day.
    package let baseline: Double
    package let recent: Double
    /// The chance of so much or more; of so little or less.
    package let more: Double
    package let less: Double

    /// In either direction.
    package var chance: Double { min(1, 2 * min(more, less)) }

    /// - Returns: nil without days.
    package init?(_ history: RateHistory, recent days: [RateHistory.Day]) {
        let span = days.reduce(0) { $0 + $1.share }
        guard span > 0 else { return nil }
        let count = days.reduce(0) { $0 + $1.count }
        let number = Double(history.days)
        baseline = history.rate
        recent = count / span
        let block = Self.block(days.count, history.correlation)

        // What varies: a day's count, the days, and the rate, which is known from those of the history only.
        let squares = days.reduce(0) { $0 + $1.share * $1.share }
        let own = history.dispersion * squares * block / (span * span)
        let known = history.dispersion * history.squares * history.repeats / (history.time * history.time)
        // Jeffreys' prior for the rate.
        let sum = history.count + 0.5
        let exact = BetaTail.negativeBinomial(
            count, mean: sum / history.time * span, shape: 1 / (own + known + 1 / sum))

        // The same on a scale on which all counts vary alike, with a variance that is known from few days.
        let error = (history.variance * (block / Double(days.count) + history.repeats / number)).squareRoot()
        let distance = RateHistory.scaled(recent, history.dispersion) - history.middle
        let value = error > 0 ? distance / error : distance == 0 ? 0 : distance * .infinity
        let freedom = max(2, (number - 1) / history.repeats)
        more = max(exact.more, BetaTail.student(value, freedom))
        less = max(exact.less, BetaTail.student(-value, freedom))
    }

    /// How much more the sum of so many days varies than if they did not hang together.
    private static func block(_ days: Int, _ correlation: Double) -> Double {
        var (sum, power) = (1.0, 1.0)
        for lag in 1..<max(2, days) where lag < days {
            power *= correlation
            sum += 2 * (1 - Double(lag) / Double(days)) * power
        }
        return sum
    }
}
