// SPDX-License-Identifier: Apache-2.0

/// How a subject's activity is distributed over the days of the week, UTC.
package struct WeekRhythm: Sendable, Equatable {
    /// Monday first; 1 in the mean.
    package let factors: [Double]

    /// No day counts for less, so that nothing is divided by nearly nothing.
    private static let least = 0.02

    /// - Parameter hours: of all that the subject does, or of all of a kind.
    /// - Returns: nil before three weeks of it.
    package init?(_ hours: HourOfWeekSum) {
        guard hours.weeks >= 3 else { return nil }
        let days = (0..<7).map { day in
            hours.before[day * 24..<(day + 1) * 24].reduce(0) { $0 + Double($1) }
        }
        let mean = days.reduce(0, +) / 7
        guard mean > 0 else { return nil }
        factors = days.map { max(Self.least, $0 / mean) }
    }

    /// - Parameter day: UTC, since 1970.
    package func factor(of day: UInt16) -> Double { factors[(Int(day) + 3) % 7] }
}
