// SPDX-License-Identifier: Apache-2.0

/// How long a subject was watched, in a way that counts for one discipline.
///
/// An effective day is one with as many active, observed and lossless hours as the subject's days have as a rule: a full day
/// of a server, a single hour of a nightly job.
package struct ObservedTime: Sendable, Equatable {
    /// Hours with the sensor attached and a replica running.
    package var observed: HourSet
    /// Hours in which the subject did anything.
    package var active: HourSet
    /// Hours in which something of the discipline was lost.
    package var lossy: HourSet

    package init(observed: HourSet = HourSet(), active: HourSet = HourSet(), lossy: HourSet = HourSet()) {
        self.observed = observed
        self.active = active
        self.lossy = lossy
    }

    package mutating func merge(with other: ObservedTime) {
        observed.merge(with: other.observed)
        active.merge(with: other.active)
        lossy.merge(with: other.lossy)
    }

    /// Effective days of each day from `start` on, until the hour `now` and with it.
    ///
    /// - Parameter countsLossy: as if nothing had been lost.
    package func effectiveDays(from start: UInt16, until now: UInt32, countsLossy: Bool = false) -> [Double] {
        let last = UInt16(clamping: now / 24)
        guard start <= last else { return [] }
        // Days by their active hours: what a day has as a rule is known only from those before it.
        var usual = InlineArray<25, Int>(repeating: 0)
        var activeDays = 0
        var (sum, limit) = (0.0, 0.0)
        var isWatched = false
        var shares: [Double] = []
        for day in min(active.days?.lowerBound ?? start, start)...last {
            let mask: UInt32 = day == last ? (2 << (now % 24)) - 1 : 0xff_ffff
            let observed = self.observed.hours(of: day) & mask
            let active = self.active.hours(of: day) & observed
            if !isWatched, observed != 0 {
                isWatched = true
                // No more than the time that has passed, or a short first day would count in full.
                limit -= Double(observed.trailingZeroBitCount) / 24
            }
            if isWatched { limit += Double(32 - mask.leadingZeroBitCount) / 24 }
            var share = 0.0
            if active != 0 {
                usual[active.nonzeroBitCount] += 1
                activeDays += 1
                let clean = countsLossy ? active : active & ~lossy.hours(of: day)
                share = min(1, Double(clean.nonzeroBitCount) / Double(Self.rule(usual, of: activeDays)))
                share = max(0, min(share, limit - sum))
                sum += share
            }
            if day >= start { shares.append(share) }
        }
        return shares
    }

    /// The upper quartile, so that days cut short do not make a day short.
    private static func rule(_ usual: borrowing InlineArray<25, Int>, of days: Int) -> Int {
        var above = 0
        for hours in stride(from: 24, through: 1, by: -1) {
            above += usual[hours]
            if 4 * above > days { return hours }
        }
        return 1
    }
}
