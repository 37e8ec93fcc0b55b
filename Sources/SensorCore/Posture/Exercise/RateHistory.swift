// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How often a fact was done a day, and how much that varied from day to day.
package struct RateHistory: Sendable, Equatable {
    package struct Day: Sendable {
        package var count: Double
        /// How much of a usual day was watched, above 0.
        package var share: Double

        package init(count: Double, share: Double = 1) {
            self.count = count
            self.share = share
        }
    }

    package let days: Int
    package let count: Double
    /// Whole days: the sum of the shares, and that of their squares.
    package let time: Double
    let squares: Double
    /// The variance of the rate from day to day over its square (of a negative binomial, one over the shape).
    package let dispersion: Double
    /// Of the days one after the other, 0…0.8.
    package let correlation: Double
    /// Of the days on the scale of `scaled`.
    let middle: Double
    let variance: Double

    /// The least dispersion: a twentieth of the rate.
    package static let floor = 0.0025

    /// Times a whole day.
    package var rate: Double { count / time }

    /// By how much less two days that hang together say than two that do not.
    var repeats: Double { (1 + correlation) / (1 - correlation) }

    /// - Parameter days: the earliest first.
    /// - Returns: nil with less than two days, or if nothing was done on any.
    package init?(_ days: [Day]) {
        count = days.reduce(0) { $0 + $1.count }
        time = days.reduce(0) { $0 + $1.share }
        squares = days.reduce(0) { $0 + $1.share * $1.share }
        guard days.count > 1, count > 0, time > 0 else { return nil }
        self.days = days.count
        let (dispersion, correlation) = Self.variation(days, count / time)
        (self.dispersion, self.correlation) = (dispersion, correlation)
        let scaled = days.map { Self.scaled($0.count / $0.share, dispersion) }
        let middle = scaled.reduce(0, +) / Double(days.count)
        self.middle = middle
        variance = scaled.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(days.count - 1)
    }

    private static func variation(_ days: [Day], _ rate: Double) -> (dispersion: Double, correlation: Double) {
        let number = Double(days.count)
        var (squares, products, means, meanSquares) = (0.0, 0.0, 0.0, 0.0)
        var last = 0.0
        for day in days {
            let mean = rate * day.share
            let rest = day.count - mean
            squares += rest * rest
            products += rest * last
            means += mean
            meanSquares += mean * mean
            last = rest
        }
        let found = max(floor, (squares * number / (number - 1) - means) / meanSquares)
        // A standard error more, since it is not well known either: of Poisson counts, and of gamma distributed rates.
        let mean = means / number
        let error = ((1 / mean + 2) / (mean * mean) + found * found * (2 + 6 * found)) / number
        // Of few days the correlation comes out too small by about as much as one of them is.
        let correlation = squares > 0 ? products / squares + 1 / number : 0
        return (found + error.squareRoot(), min(0.8, max(0, correlation)))
    }

    /// On this scale a negative binomial's variance is about 1.
    static func scaled(_ count: Double, _ dispersion: Double) -> Double {
        let root = dispersion.squareRoot()
        return 2 * asinh(root * (count + 0.375).squareRoot()) / root
    }
}
