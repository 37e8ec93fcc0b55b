// SPDX-License-Identifier: Apache-2.0

/// For how long both sides of a comparison were watched.
struct Exposure {
    /// Hours.
    let before: Int
    /// Of a continuation those since `before` only.
    let after: Int
    /// The later one grew out of the earlier one: all that was counted then is in its counts.
    let isContinuation: Bool
    /// Counts go no further back than the hours that are known.
    private let earliest: (before: UInt64, after: UInt64)

    init(_ before: PostureView, _ after: PostureView) {
        isContinuation = Self.isContinuation(before, after)
        self.before = before.observed.count
        self.after =
            isContinuation ? after.observed.count(without: before.observed) : after.observed.count
        earliest = (Self.start(before.observed), isContinuation ? 0 : Self.start(after.observed))
    }

    /// Whether a fact's count stems from the hours that are known, on each side where it is.
    func covers(_ before: SharedFact?, _ after: SharedFact?) -> Bool {
        (before?.firstSeen ?? .max) >= earliest.before && (after?.firstSeen ?? .max) >= earliest.after
    }

    /// What is counted in these hours began no earlier: wall clock, nanoseconds since 1970.
    static func start(_ hours: HourSet) -> UInt64 {
        // An hour before: what is seen at a container's very start is older than its being watched.
        UInt64((hours.firstHour ?? 1) - 1) * 3_600_000_000_000
    }

    /// Nothing says so, but everything must fit: whose share it is, its hours, and that no count fell.
    private static func isContinuation(_ before: PostureView, _ after: PostureView) -> Bool {
        guard before.hasOwnCounts, after.hasOwnCounts, before.nodes == after.nodes, before.time <= after.time,
            !before.facts.isEmpty, before.observed.count(without: after.observed, from: after.observed.earliest) == 0
        else { return false }
        var isAny = false
        for (identity, fact) in before.facts {
            guard let later = after.facts[identity] else { continue }
            isAny = true
            guard later.firstSeen <= fact.firstSeen, later.counts.count >= fact.counts.count else { return false }
        }
        return isAny
    }
}

extension HourSet {
    /// The first day that it could have, as far as it reaches back.
    fileprivate var earliest: UInt16 { UInt16(max(0, Int(days?.upperBound ?? 0) - Self.span + 1)) }

    /// Hours that the other set does not have, of the days from `first` on.
    func count(without other: HourSet, from first: UInt16 = 0) -> Int {
        guard let days else { return 0 }
        return days.reduce(0) { count, day in
            day < first ? count : count + (hours(of: day) & ~other.hours(of: day)).nonzeroBitCount
        }
    }
}
