// SPDX-License-Identifier: Apache-2.0

extension ExerciseAnalysis {
    /// Calls by category: the tools of a subject, who asked for a tool, where a tool's prompt context came from.
    package mutating func add(mix number: Int, _ mix: MixSeries) {
        guard mix.today == today else { return }
        let names = mix.categories.keys.sorted()
        var series = names.compactMap { mix.categories[$0] }
        let reach = series.map(\.reach).min() ?? 0
        note(names, series, of: number, reach: reach)
        series.append(mix.other)
        var isTested = false
        for window in settings.windows where window > 0 && window < reach {
            let recent = (1...window).map { ago in series.map { Double($0[ago]) } }
            let reference = (window + 1...reach).map { ago in series.map { Double($0[ago]) } }
            let calls = [recent, reference].map { $0.joined().reduce(0, +) }
            guard calls[0] >= settings.leastCalls, calls[1] >= settings.leastCalls,
                let test = MixTest(reference: reference, recent: recent)
            else { continue }
            let days = reference.count { $0.contains { $0 > 0 } }
            guard days >= settings.leastDays else { continue }
            isTested = true
            let shift = ExerciseShift(
                kind: .mix, what: .mix(number), window: window, historyDays: days,
                baseline: calls[1] / Double(reference.count), recent: calls[0] / Double(window),
                distance: test.distance, chance: test.chance)
            mixes.append(Test(shift: shift, isLarge: test.distance >= settings.leastDistance))
        }
        if !isTested { insufficient += 1 }
    }

    private mutating func note(_ names: [String], _ series: [DaySeries], of number: Int, reach: Int) {
        // Days on which there was any call.
        let active = (0...DayCounts.reach).map { ago in series.contains { $0[ago] > 0 } }
        for (name, days) in zip(names, series) {
            let times = (0...reach).filter { days[$0] > 0 }
            guard let latest = times.first, let first = times.last else { continue }
            var shift = ExerciseShift(
                kind: .newCategory, what: .category(name, of: number), window: first, historyDays: 0, baseline: 0,
                recent: 0, distance: 0)
            let before = first < reach ? active[(first + 1)...reach].count { $0 } : 0
            if before >= settings.leastKnownDays, noteNovelty(.newCategory, ago: first) {
                shift.historyDays = before
                shift.recent = Double(days[first])
                novelties.append(shift)
            }
            let quiet = latest > 1 ? active[1..<latest].count { $0 } : 0
            guard quiet >= settings.leastDays, times.count >= settings.leastDays else { continue }
            shift.kind = .ceasedCategory
            shift.window = latest - 1
            shift.historyDays = active[latest...reach].count { $0 }
            shift.baseline = Double(days.sum(latest...reach)) / Double(shift.historyDays)
            // What was used on most days. It is said for a week, not until it is forgotten.
            guard quiet < 2 * settings.leastDays, 2 * times.count > shift.historyDays else { continue }
            novelties.append(shift)
        }
    }

    /// A kind's activity by hour of the week, today's week the latest.
    package mutating func add(kind number: Int, _ hours: HourOfWeekSum) {
        let (history, current) = (hours.before.reduce(0, Saturating.sum), hours.current.reduce(0, Saturating.sum))
        guard hours.weeks >= settings.leastWeeks, history > 0, current > 0 else { return }
        let usual = Double(history) / Double(HourOfWeek.cells)
        let empty = hours.current.indices.filter { cell in
            guard hours.current[cell] > 0 else { return false }
            // What is done at five to nine and at five past is one.
            let near = [-1, 0, 1].map { hours.before[(cell + $0 + HourOfWeek.cells) % HourOfWeek.cells] }
            return near.allSatisfy { Double($0) < settings.emptyShare * usual }
        }
        let times = empty.reduce(0) { Saturating.sum($0, hours.current[$1]) }
        let share = Double(times) / Double(current)
        guard share >= settings.leastEmptyActivity, let most = empty.max(by: { hours.current[$0] < hours.current[$1] })
        else { return }
        let before = empty.reduce(0) { Saturating.sum($0, hours.before[$1]) }
        novelties.append(
            ExerciseShift(
                kind: .hourOfWeek, what: .kind(number), window: 7, historyDays: 7 * hours.weeks,
                baseline: Double(before) / Double(hours.weeks), recent: Double(times), distance: share, hour: most))
    }
}
