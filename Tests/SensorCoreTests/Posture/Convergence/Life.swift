// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore

/// A subject that is watched around the clock from `someHour` on.
struct Life {
    var facts: [Sightings] = []
    var time = ObservedTime()
    let days: Int

    init(days: Int, lossy: (UInt32) -> Bool = { _ in false }) {
        self.days = days
        for hour in 0..<UInt32(days * 24) {
            time.observed.insert(someHour + hour)
            time.active.insert(someHour + hour)
            if lossy(hour) { time.lossy.insert(someHour + hour) }
        }
    }

    /// As many facts, seen on each of these days at noon.
    mutating func add(_ count: Int, on days: some Sequence<Int>) {
        facts += repeatElement(Sightings(days: days), count: count)
    }

    func estimate(hour: Int, settings: ConvergenceSettings = ConvergenceSettings()) -> ConvergenceEstimate {
        var estimator = ConvergenceEstimator(time, at: someHour + UInt32(hour), settings: settings)
        for fact in facts { estimator.add(fact, count: 1) }
        return estimator.estimate
    }

    /// At the end of a day.
    func estimate(day: Int) -> ConvergenceEstimate { estimate(hour: day * 24 + 23) }
}
