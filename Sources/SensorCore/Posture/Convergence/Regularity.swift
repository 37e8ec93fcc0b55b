// SPDX-License-Identifier: Apache-2.0

/// That a fact comes back every so many days: weekly, monthly, quarterly, or a period of its own.
package struct Regularity: Sendable, Equatable {
    /// Days from one time to the next, the middle one.
    package let period: Int
    /// Days by which it is early or late.
    package let slack: Int
    /// Times that it was seen.
    package let times: Int
    /// The first day of the last time.
    package let latest: UInt16

    /// nil: it was seen less than three times, all the time, or at no even distance. Days in a row are one time.
    package init?(_ sightings: Sightings) {
        // Most facts are seen once, always, or now and then: this is for all of them.
        let bits = sightings.days.bits
        // No day before: see the order of the bits.
        let starts = bits & ~(bits >> 1)
        guard sightings.hourCount(until: .max) == 3, starts & (starts >> 2) == 0 else { return nil }
        var days = sightings.days.days
        let early = sightings.earlyDays
        if let regularity = Self(early + days) {
            self = regularity
            return
        }
        // What is forgotten between them may be in the way, and so may a time of which only the end is remembered.
        guard !early.isEmpty else { return nil }
        if bits >> UInt128(DaySet.span - 1) != 0 {
            let end = days.indices.dropFirst().first { days[$0] > days[$0 - 1] + 1 } ?? days.count
            days.removeFirst(end)
        }
        guard let regularity = Self(days) else { return nil }
        self = regularity
    }

    /// - Parameter days: ascending; some may be twice.
    private init?(_ days: [UInt16]) {
        let starts = days.indices.filter { $0 == 0 || days[$0] > days[$0 - 1] + 1 }.map { days[$0] }
        guard starts.count >= 3, let last = starts.last else { return nil }
        let gaps = zip(starts.dropFirst(), starts).map { Int($0) - Int($1) }
        guard let (period, slack) = Self.even(gaps) ?? Self.skipping(gaps) else { return nil }
        self.period = period
        self.slack = slack
        times = starts.count
        latest = last
    }

    private static let shortest = 3

    /// All gaps are nearly the same.
    private static func even(_ gaps: [Int]) -> (Int, Int)? {
        let sorted = gaps.sorted()
        let period = sorted[sorted.count / 2]
        let slack = max(sorted[sorted.count - 1] - period, period - sorted[0])
        guard period >= shortest, slack <= max(period >= 5 ? 1 : 0, period / 10) else { return nil }
        // Three times at an even distance may be chance; a calendar's distance is less likely so.
        guard gaps.count >= 3 || calendar.contains(where: { $0.contains(period) }) else { return nil }
        return (period, slack)
    }

    /// The gaps are multiples of the shortest, and not half of the times are missing.
    private static func skipping(_ gaps: [Int]) -> (Int, Int)? {
        guard gaps.count >= 4, let period = gaps.min(), period >= shortest else { return nil }
        let allowed = period / 10
        var (times, slack) = (0, 0)
        for gap in gaps {
            let number = (gap + period / 2) / period
            let off = abs(gap - number * period)
            guard off <= allowed else { return nil }
            times += number
            slack = max(slack, off)
        }
        return times < 2 * gaps.count ? (period, slack) : nil
    }

    /// One week, two, a month, a quarter.
    private static let calendar: [ClosedRange<Int>] = [7...7, 14...14, 28...31, 89...92]

    /// It should have come again and has not, though the subject was observed on the days when it was due.
    package func isOverdue(at now: UInt32, observed: HourSet) -> Bool {
        let margin = max(1, max(slack, period / 10))
        let (from, to) = (Int(latest) + period - margin, Int(latest) + period + margin)
        guard Int(now / 24) > to else { return false }
        return (from...to).allSatisfy { $0 <= UInt16.max && observed.hours(of: UInt16($0)) != 0 }
    }

    /// Effective days that it takes to say anything of this fact: twice its period.
    package var needed: Double { 2 * Double(period) }
}
