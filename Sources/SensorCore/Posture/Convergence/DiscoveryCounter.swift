// SPDX-License-Identifier: Apache-2.0

/// Makes a discovery curve of facts that are added one by one, in any order.
package struct DiscoveryCounter: Sendable {
    private let first: UInt16
    private let last: UInt16
    private let now: UInt32
    private var days: [DiscoveryCurve.Day]
    /// For each day the first one that has it no longer within the window before its end.
    private var ends: [Int] = []
    // Changes at a day, summed up in the end; one more for what never changes again.
    private var once: [Int]
    private var twice: [Int]
    private var onceLately: [Int]
    private var onceLatelyCommon: [Int]
    private var seenBefore = 0
    private var incidencesBefore = 0

    /// - Parameters:
    ///   - now: the current UTC hour since 1970; what was noted after it does not count.
    ///   - window: effective days for which what was seen once counts as lately.
    package init(_ time: ObservedTime, at now: UInt32, window: Double) {
        last = UInt16(clamping: now / 24)
        first = last - min(last, UInt16(DaySet.span - 1))
        self.now = now
        let count = Int(last - first) + 1
        days = [DiscoveryCurve.Day](repeating: DiscoveryCurve.Day(), count: count)
        once = [Int](repeating: 0, count: count + 1)
        twice = once
        onceLately = once
        onceLatelyCommon = once
        var sum = 0.0
        for (index, share) in time.effectiveDays(from: first, until: now).enumerated() {
            sum += share
            days[index].effective = share
            days[index].effectiveSum = sum
        }
        ends.reserveCapacity(count)
        var end = 0
        for index in 0..<count {
            let start = index == 0 ? 0 : days[index - 1].effectiveSum
            end = max(end, index + 1)
            while end < count, days[end].effectiveSum - start <= window + DiscoveryCurve.rounding { end += 1 }
            ends.append(end)
        }
    }

    package mutating func add(_ fact: Sightings) {
        guard let start = fact.firstHour, start <= now else { return }
        var walk = Walk(number: fact.dayCount(before: first), common: fact.isCommonAtOnce(until: now) ? 1 : 0)
        incidencesBefore += walk.number
        if walk.number > 0 { seenBefore += 1 }
        if walk.number == 1 { once[0] += 1 }
        if walk.number == 2 { twice[0] += 1 }
        // A day ahead of now, by a clock that was wrong, may have put the days before it out of the set.
        if let latest = fact.days.latest, latest > last {
            var previous: UInt16?
            for day in fact.earlyDays where day != previous {
                take(day, &walk)
                previous = day
            }
        }
        fact.days.forEach { take($0, &walk) }
        if walk.number == 1, let newAt = walk.newAt { endLately(ends[newAt], walk.common) }
    }

    /// Over a fact's days.
    private struct Walk {
        /// Days until now.
        var number: Int
        /// 1: it is common at once.
        let common: Int
        var newAt: Int?
    }

    private mutating func take(_ day: UInt16, _ walk: inout Walk) {
        guard day >= first, day <= last else { return }
        let index = Int(day - first)
        days[index].incidences += 1
        walk.number += 1
        switch walk.number {
        case 1:
            days[index].new += 1
            days[index].newCommon += walk.common
            once[index] += 1
            onceLately[index] += 1
            onceLatelyCommon[index] += walk.common
            walk.newAt = index
        case 2:
            once[index] -= 1
            twice[index] += 1
            if let newAt = walk.newAt { endLately(min(index, ends[newAt]), walk.common) }
        case 3: twice[index] -= 1
        default: break
        }
    }

    private mutating func endLately(_ index: Int, _ common: Int) {
        onceLately[index] -= 1
        onceLatelyCommon[index] -= common
    }

    package var curve: DiscoveryCurve {
        var days = days
        var sums = DiscoveryCurve.Day()
        sums.seen = seenBefore
        sums.incidenceSum = incidencesBefore
        for index in days.indices {
            sums.seen += days[index].new
            sums.once += once[index]
            sums.twice += twice[index]
            sums.onceLately += onceLately[index]
            sums.incidenceSum += days[index].incidences
            sums.onceLatelyCommon += onceLatelyCommon[index]
            days[index].onceLatelyCommon = sums.onceLatelyCommon
            days[index].seen = sums.seen
            days[index].once = sums.once
            days[index].twice = sums.twice
            days[index].onceLately = sums.onceLately
            days[index].incidenceSum = sums.incidenceSum
        }
        return DiscoveryCurve(firstDay: first, days: days)
    }
}
