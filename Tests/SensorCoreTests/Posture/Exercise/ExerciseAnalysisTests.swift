// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct ExerciseAnalysisTests {
    /// A fact that is done so often on each of these days after `someHour`'s, at an hour.
    private struct Life {
        var days = DayCounts()
        var hours = HourFirsts()
        var sightings = Sightings()

        mutating func note(_ count: UInt64, day: Int, hour: Int = 12) {
            guard count > 0 else { return }
            let hour = someHour + UInt32(day * 24 + hour)
            days.add(count, hour: hour, random: 0)
            hours.note(hour: hour)
            sightings.note(hour: hour)
        }

        init(_ counts: [UInt64], hour: Int = 12) {
            for (day, count) in counts.enumerated() { note(count, day: day, hour: hour) }
        }
    }

    private static let steady: [UInt64] = (0..<40).map { 20 + UInt64($0 * 7 % 5) }

    private func report(
        _ lives: [Life], day: Int = 40, watched: WatchedDays? = nil, settings: ExerciseSettings = ExerciseSettings()
    ) -> ExerciseReport {
        let today = 20_000 + UInt16(day)
        var analysis = ExerciseAnalysis(watched ?? WatchedDays(always: today), settings: settings)
        for (number, life) in lives.enumerated() {
            analysis.add(fact: number, DaySeries(life.days, today: today), life.sightings, hours: life.hours)
        }
        return analysis.report
    }

    @Test func `a subject that does what it always does has no shift`() {
        let report = report([Life(Self.steady), Life(Self.steady)])
        #expect(report.shifts.isEmpty && report.tests == 8 && report.insufficient == 0 && report.leftOut == 0)
    }

    @Test func `more on a day is told with its numbers`() throws {
        var counts = Self.steady
        counts[39] = 220
        let shift = try #require(report([Life(Self.steady), Life(counts)]).shifts.first)
        #expect(shift.kind == .more && shift.what == .fact(1) && shift.window == 1 && shift.historyDays == 21)
        #expect(shift.recent == 220 && abs(shift.baseline - 22) < 1 && abs(shift.distance - 10) < 0.5)
        let (chance, corrected) = (try #require(shift.chance), try #require(shift.correctedChance))
        #expect(chance <= corrected && corrected < 1e-3)
    }

    @Test func `today counts before it is over, upwards only`() {
        var life = Life(Self.steady)
        #expect(report([life]).shifts.isEmpty)
        life.note(400, day: 40)
        #expect(report([life]).shifts.map(\.window) == [0])
    }

    @Test func `what is not done any more has ceased, for as long as it is remembered how often it was done`() {
        var counts = Self.steady
        for day in 34..<40 { counts[day] = 0 }
        let life = Life(counts)
        #expect(report([life], day: 35).shifts.map(\.kind) == [.ceased])
        #expect(report([life], day: 40).shifts.map(\.kind) == [.ceased])
        #expect(report([life], day: 41).shifts.map(\.kind) == [.ceased])
        #expect(report([life], day: 42).shifts.map(\.kind) == [.ceased])
        #expect(report([life], day: 63).shifts.isEmpty)
    }

    @Test func `nobody watched, so nothing has ceased`() {
        var counts = Self.steady
        counts[39] = 0
        var time = ObservedTime()
        for hour: UInt32 in 0..<39 * 24 { time.observed.insert(someHour + hour) }
        let watched = WatchedDays(time, today: 20_040)
        #expect(watched.shares[1] == 0 && watched.shares[2] == 1)
        #expect(report([Life(counts)], watched: watched).shifts.isEmpty)
        #expect(report([Life(counts)]).shifts.map(\.kind) == [.ceased])
    }

    @Test func `a nightly job's hour is all of its day, unless something of it was lost`() {
        var time = ObservedTime()
        for day: UInt32 in 0..<40 { time.observed.insert(someHour + day * 24 + 2) }
        time.lossy.insert(someHour + 39 * 24 + 2)
        let watched = WatchedDays(time, today: 20_040)
        #expect(watched.shares[2] == 1 && watched.shares[1] == 0)
    }

    @Test func `too little history is said to be so`() {
        let young = Life([0, 0, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5])
        let report = report([young], day: 14)
        #expect(report.insufficient == 1 && report.tests == 0 && report.shifts.isEmpty)
    }

    @Test func `what comes back after four weeks is told, and how rare it is`() throws {
        var counts = [UInt64](repeating: 0, count: 40)
        counts[0] = 3
        counts[39] = 8
        let shift = try #require(report([Life(counts)]).shifts.first)
        #expect(shift.kind == .resumed && shift.recent == 8 && shift.historyDays == 27 && shift.distance == 1)
        #expect(shift.correctedChance == nil && (shift.chance ?? 1) <= 0.05)
    }

    @Test func `an hour at which it never was is told, one beside those that were is not`() throws {
        var life = Life(Self.steady)
        life.note(1, day: 39, hour: 13)
        #expect(report([life]).shifts.isEmpty)
        life.note(2, day: 39, hour: 3)
        let shift = try #require(report([life]).shifts.first)
        #expect(shift.kind == .newHour && shift.hour == 3 && shift.distance == 9 && shift.historyDays == 39)
        #expect(shift.baseline > 500 && shift.window == 1 && shift.correctedChance == nil)
        #expect(report([life], day: 41).shifts.allSatisfy { $0.kind != .newHour })
    }

    @Test func `shifts are bounded, ordered, and the left out are counted`() {
        var counts = Self.steady
        counts[39] = 900
        let report = report((0..<100).map { _ in Life(counts) })
        #expect(report.shifts.count == 64 && report.leftOut == 36)
        #expect(report.shifts.map(\.what) == (0..<64).map { .fact($0) })
    }

    @Test func `a new sequence is news where enough is known of the tools`() {
        var analysis = ExerciseAnalysis(WatchedDays(always: 20_040))
        analysis.add(sequence: 7, Sightings(days: [39]), count: 2, knownDays: 30)
        analysis.add(sequence: 8, Sightings(days: [30, 39]), count: 2, knownDays: 30)
        analysis.add(sequence: 9, Sightings(days: [39]), count: 2, knownDays: 10)
        let shifts = analysis.report.shifts
        #expect(shifts.map(\.what) == [.fact(7)] && shifts.first?.kind == .newSequence)
        #expect(shifts.first?.distance == 1)
    }

    private func mix(_ days: Int, _ calls: (Int) -> [String: UInt64]) -> ExerciseReport {
        var mix = ExerciseMix()
        for day in 0..<days {
            for (name, count) in calls(day) { mix.add(count, of: name, hour: someHour + UInt32(day * 24), random: 0) }
        }
        var analysis = ExerciseAnalysis(WatchedDays(always: 20_000 + UInt16(days)))
        analysis.add(mix: 3, MixSeries(mix, today: 20_000 + UInt16(days)))
        return analysis.report
    }

    @Test func `another initiator for the same tool is told at once, and the shift of shares when it is one`() throws {
        let report = mix(40) { $0 < 39 ? ["human": 40, "agent": 10] : ["human": 40, "agent": 10, "schedule": 1] }
        #expect(report.shifts.map(\.kind) == [.newCategory])
        #expect(report.shifts.first?.what == .category("schedule", of: 3) && report.shifts.first?.historyDays == 27)
        let moved = mix(40) { $0 < 33 ? ["human": 40, "agent": 10] : ["human": 10, "agent": 40] }
        let shift = try #require(moved.shifts.first)
        #expect(shift.kind == .mix && shift.window == 7 && shift.baseline == 50 && shift.recent == 50)
        #expect(abs(shift.distance - MixTest.jensenShannon([4, 1], [1, 4])) < 1e-9)
        #expect((shift.correctedChance ?? 1) < 0.001)
    }

    @Test func `a tool that is not called any more is told for a week`() {
        let calls = { (day: Int) -> [String: UInt64] in day < 30 ? ["read": 20, "write": 2] : ["read": 22] }
        #expect(mix(36, calls).shifts.filter { $0.kind == .ceasedCategory }.isEmpty)
        #expect(mix(37, calls).shifts.filter { $0.kind == .ceasedCategory }.map(\.window) == [7])
        #expect(mix(44, calls).shifts.filter { $0.kind == .ceasedCategory }.isEmpty)
    }

    @Test func `activity in hours of the week that were empty is told by its share`() throws {
        var hours = HourOfWeek()
        let monday: UInt32 = 20_003 * 24
        for day: UInt32 in 0..<28 where day % 7 < 5 {
            for hour: UInt32 in 8..<18 { hours.note(10, hour: monday + day * 24 + hour) }
        }
        let report = { (hours: HourOfWeek) in
            var sum = HourOfWeekSum(week: hours.latestWeek)
            sum.add(hours)
            var analysis = ExerciseAnalysis(WatchedDays(always: 20_030))
            analysis.add(kind: 5, sum)
            return analysis.report
        }
        hours.note(100, hour: monday + 25 * 24 + 18)
        #expect(report(hours).shifts.isEmpty)
        hours.note(400, hour: monday + 27 * 24 + 3)
        let shift = try #require(report(hours).shifts.first)
        #expect(shift.kind == .hourOfWeek && shift.what == .kind(5) && shift.hour == 6 * 24 + 3)
        #expect(shift.recent == 400 && shift.distance == 0.4 && shift.baseline == 0 && shift.historyDays == 21)
    }

    @Test func `endless counts, a clock that jumps and odd settings do no harm`() {
        var life = Life(Self.steady)
        life.note(.max, day: 39)
        life.note(.max, day: 300)
        life.note(1, day: 2)
        var settings = ExerciseSettings()
        settings.windows = [-1, 0, 1, 27, 400]
        for day in [0, 1, 40, 299, 300, 301, 45_000] {
            for settings in [settings, ExerciseSettings()] {
                #expect(report([life], day: day, settings: settings).leftOut == 0)
            }
        }
    }
}
