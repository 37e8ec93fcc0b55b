// SPDX-License-Identifier: Apache-2.0

/// Says how well a subject's facts of one discipline, or of one tool, are known: add all of them, merged or a node's share, in
/// any order, then ask.
///
/// Takes time in proportion to facts times days: for a slow tick.
package struct ConvergenceEstimator: Sendable {
    private let time: ObservedTime
    private let now: UInt32
    private let settings: ConvergenceSettings
    private var counter: DiscoveryCounter
    private var hourOnce = 0
    private var hourTwice = 0
    private var hourIncidences = 0
    private var events: UInt64 = 0
    private var eventsOnce: UInt64 = 0
    private var regular = 0

    /// Effective days below which there are too few to be units.
    private static let daysForDays = 3.0

    /// - Parameter now: the current UTC hour since 1970, which is not over.
    package init(_ time: ObservedTime, at now: UInt32, settings: ConvergenceSettings = ConvergenceSettings()) {
        self.time = time
        self.now = now
        self.settings = settings
        counter = DiscoveryCounter(time, at: now, window: settings.window)
    }

    /// - Parameter count: how often the fact was seen.
    package mutating func add(_ fact: Sightings, count: UInt64) {
        let hours = fact.hourCount(until: now)
        guard hours > 0 else { return }
        counter.add(fact)
        hourIncidences += hours
        if hours == 1 { hourOnce += 1 }
        if hours == 2 { hourTwice += 1 }
        events &+= count
        if fact.isOfOneDay { eventsOnce &+= count }
        if Regularity(fact) != nil { regular += 1 }
    }

    package var estimate: ConvergenceEstimate {
        let curve = counter.curve
        let replay = ConvergenceReplay(curve, isWhole: now % 24 == 23, settings: settings)
        let index = curve.days.count - 1
        let today = curve.days[index]
        let isEarly = today.effectiveSum < Self.daysForDays
        let week = curve.totals(curve.lately(settings.window, until: index))
        let recent = curve.totals(curve.lately(settings.rateWindow, until: index))
        return ConvergenceEstimate(
            state: replay.state,
            reason: reason(replay, today.seen, from: curve.firstDay),
            since: since(replay, from: curve.firstDay),
            facts: Chao2(
                seen: today.seen,
                once: isEarly ? hourOnce : Self.once(today, week.effective),
                twice: isEarly ? hourTwice : today.twice,
                incidences: isEarly ? hourIncidences : today.incidenceSum,
                units: isEarly ? Double(time.active.count) : today.effectiveSum),
            unitIsHour: isEarly,
            coverage: week.incidences > 0 ? 1 - min(1, Double(today.onceLately) / Double(week.incidences)) : 0,
            eventCoverage: events > 0 ? 1 - Double(eventsOnce) / Double(events) : 0,
            newPerDay: recent.effective > 0 ? Double(recent.new) / recent.effective : 0,
            expectedPerDay: week.effective > 0 ? Double(today.onceLately) / week.effective : 0,
            effectiveDays: today.effectiveSum,
            regularFacts: regular)
    }

    /// Facts seen on exactly one day, as many as the latest days alone would have: a day is as good as another for a rare
    /// fact, but a start brings many at once that are not rare, and never come again.
    private static func once(_ day: DiscoveryCurve.Day, _ window: Double) -> Int {
        guard window > 0 else { return day.once }
        return min(day.once, Int((Double(day.onceLately) * day.effectiveSum / window).rounded()))
    }

    private func reason(_ replay: ConvergenceReplay, _ seen: Int, from first: UInt16) -> ConvergenceReason {
        // The first day is not over.
        if replay.reason == .nothingSeen, seen > 0 { return .belowFloor }
        guard replay.reason == .belowFloor else { return replay.reason }
        let all = time.effectiveDays(from: first, until: now, countsLossy: true).reduce(0, +)
        return all >= settings.floor ? .lossy : .belowFloor
    }

    private func since(_ replay: ConvergenceReplay, from first: UInt16) -> UInt32 {
        guard replay.state != .learning, let day = replay.since else { return time.observed.firstHour ?? now }
        let start = (UInt32(first) + UInt32(day)) * 24
        return replay.state == .drifting ? start : min(now, start + 24)
    }
}
