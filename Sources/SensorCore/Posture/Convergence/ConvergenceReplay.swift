// SPDX-License-Identifier: Apache-2.0

/// Goes over a discovery curve day by day and says what state each day ended in. There is no other memory: who has the same
/// facts comes to the same state, on a node as on what was merged.
struct ConvergenceReplay {
    private(set) var state = Convergence.learning
    private(set) var reason = ConvergenceReason.nothingSeen
    /// The day at whose end, for drift in which, it came into the state; nil: always in it.
    private(set) var since: Int?

    private let curve: DiscoveryCurve
    private let settings: ConvergenceSettings
    /// What stood to be expected when it converged, of all facts and of common ones, in how many effective days, and the first
    /// day after.
    private var baseline = (new: 0, newCommon: 0, days: 0.0, from: 0)

    /// Effective days that the rate before a test is taken from, at most.
    private static let memory = 28.0
    /// Above so many times the threshold it is learning, not converging.
    private static let learningFactor = 4.0

    /// - Parameter isWhole: the last day of the curve is over. Until it is, it can show drift and nothing else.
    init(_ curve: DiscoveryCurve, isWhole: Bool, settings: ConvergenceSettings) {
        self.curve = curve
        self.settings = settings
        for index in curve.days.indices {
            let isOver = isWhole || index < curve.days.count - 1
            switch state {
            case .learning, .converging: if isOver { learn(index) }
            case .converged: if isNews(index) { enter(.drifting, .newFacts, index) }
            case .drifting: if isOver { settle(index) }
            }
        }
    }

    private mutating func enter(_ state: Convergence, _ reason: ConvergenceReason, _ index: Int) {
        if self.state != state { since = index }
        self.state = state
        self.reason = reason
    }

    private mutating func learn(_ index: Int) {
        let day = curve.days[index]
        guard day.seen > 0 else { return }
        guard reaches(settings.floor, index) else { return enter(.learning, .belowFloor, index) }
        let week = curve.totals(curve.lately(settings.window, until: index))
        let expected = Double(day.onceLately)
        let share = week.incidences > 0 ? expected / Double(week.incidences) : 1
        let margin = 0.5 + settings.margin * (expected + 0.5).squareRoot()
        let upper = week.incidences > 0 ? (expected + margin) / Double(week.incidences) : 1
        let rate = newShare(index, from: 0)
        let isDone = upper <= settings.unseenShare && rate <= settings.unseenShare
        let isOut = reaches(settings.ceiling, index)
        if isDone || (isOut && share <= settings.unseenShare) {
            enter(.converged, isDone ? .withinThresholds : .ceilingReached, index)
            baseline = (day.onceLately, day.onceLatelyCommon, week.effective, index + 1)
            return
        }
        let reason: ConvergenceReason =
            isOut ? .ceilingReached : upper > settings.unseenShare ? .unseenAboveThreshold : .rateAboveThreshold
        enter(share > Self.learningFactor * settings.unseenShare ? .learning : .converging, reason, index)
    }

    private mutating func settle(_ index: Int) {
        guard let since, reaches(curve.days[since].effectiveSum + settings.rateWindow, index),
            newShare(index, from: since + 1) <= settings.unseenShare
        else { return }
        let recent = curve.totals(curve.lately(settings.rateWindow, until: index, from: since + 1))
        enter(.converged, .withinThresholds, index)
        baseline = (recent.new, recent.newCommon, recent.effective, index + 1)
    }

    /// More new facts in the latest day, three or seven than the baseline explains, or more that are common at once: what is
    /// rare is found late, what is common after so long was not there before.
    private func isNews(_ index: Int) -> Bool {
        [1.0, settings.rateWindow, settings.window].contains { length in
            let days = curve.lately(length, until: index, from: baseline.from)
            let tested = curve.totals(days)
            guard tested.new > 0 else { return false }
            var expected = baseline
            if days.lowerBound > baseline.from {
                let before = curve.totals(
                    curve.lately(Self.memory, until: days.lowerBound - 1, from: baseline.from))
                expected.new += before.new
                expected.newCommon += before.newCommon
                expected.days += before.effective
            }
            // A day that is not over may get its whole share of news early.
            let time = max(tested.effective, 1)
            let tail = NewsTest.tail(tested.new, in: time, expected: expected.new, over: expected.days)
            let common = NewsTest.tail(tested.newCommon, in: time, expected: expected.newCommon, over: expected.days)
            return tail < settings.significance || common < settings.significanceOfCommon
        }
    }

    private func reaches(_ effective: Double, _ index: Int) -> Bool {
        curve.days[index].effectiveSum >= effective - DiscoveryCurve.rounding
    }

    private func newShare(_ index: Int, from bound: Int) -> Double {
        let recent = curve.totals(curve.lately(settings.rateWindow, until: index, from: bound))
        return recent.incidences > 0 ? Double(recent.new) / Double(recent.incidences) : 0
    }
}
