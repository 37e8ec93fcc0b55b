// SPDX-License-Identifier: Apache-2.0

/// How much of each of the latest days a subject was watched without loss, measured by what is usual for it: an hour is all of
/// a nightly job's day.
package struct WatchedDays: Sendable {
    /// UTC, since 1970.
    package let today: UInt16
    /// 0…1. Index i: the day `today` - i. Today itself, which is not over, counts as a whole one.
    package private(set) var shares = [Double](repeating: 0, count: DayCounts.reach + 1)

    /// - Parameter time: of the subject and the discipline.
    package init(_ time: ObservedTime, today: UInt16) {
        self.today = today
        let days = (0...min(DayCounts.reach, Int(today))).map { today - UInt16($0) }
        let watched = days.map { time.observed.hours(of: $0).nonzeroBitCount }
        let sorted = watched.dropFirst().filter { $0 > 0 }.sorted()
        // The upper quartile, so that days cut short do not make a day short.
        let usual = sorted.isEmpty ? 24 : sorted[sorted.count - 1 - sorted.count / 4]
        for (ago, day) in days.enumerated().dropFirst() {
            let clean = (time.observed.hours(of: day) & ~time.lossy.hours(of: day)).nonzeroBitCount
            shares[ago] = min(1, Double(clean) / Double(usual))
        }
        shares[0] = 1
    }

    /// All of them, around the clock.
    package init(always today: UInt16) {
        self.today = today
        shares = Array(repeating: 1, count: DayCounts.reach + 1)
    }
}
