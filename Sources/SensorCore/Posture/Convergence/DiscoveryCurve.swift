// SPDX-License-Identifier: Apache-2.0

/// Facts over the days that are remembered, up to a moment: what was known then, as if it were then. Nothing of it is kept;
/// it follows from the facts alone, so all who have the same facts see the same curve.
package struct DiscoveryCurve: Sendable, Equatable {
    package struct Day: Sendable, Equatable {
        /// Facts seen for the first time.
        package var new = 0
        /// Those of them that were seen in three hours of the day or more.
        package var newCommon = 0
        /// Facts seen at all on this day.
        package var incidences = 0
        /// Effective observation.
        package var effective = 0.0
        /// At the end of the day, of all days: facts seen, seen on exactly one day, on exactly two.
        package var seen = 0
        package var once = 0
        package var twice = 0
        /// Facts seen on exactly one day, which is one of the latest (see `DiscoveryCounter`).
        package var onceLately = 0
        /// Those of them that were seen in three hours of that day or more.
        package var onceLatelyCommon = 0
        /// Sums over all days until this one.
        package var effectiveSum = 0.0
        package var incidenceSum = 0
    }

    /// Sums of parts of days are exact to this.
    static let rounding = 1e-6

    package let firstDay: UInt16
    package let days: [Day]

    /// The sum of some days.
    package func totals(_ days: Range<Int>) -> (new: Int, newCommon: Int, incidences: Int, effective: Double) {
        var totals = (new: 0, newCommon: 0, incidences: 0, effective: 0.0)
        for day in self.days[days] {
            totals.new += day.new
            totals.newCommon += day.newCommon
            totals.incidences += day.incidences
            totals.effective += day.effective
        }
        return totals
    }

    /// The days that make up the latest `effective` days before the end of the day `index`, not before `bound`.
    package func lately(_ effective: Double, until index: Int, from bound: Int = 0) -> Range<Int> {
        var start = index
        var sum = days[index].effective
        while start > bound, sum + days[start - 1].effective <= effective + Self.rounding {
            start -= 1
            sum += days[start].effective
        }
        return start..<index + 1
    }
}
