// SPDX-License-Identifier: Apache-2.0

/// What follows from a profile, of one node or merged: how well it is known, and what its subject does otherwise than before.
package struct ProfileAssessment: Sendable {
    package struct Settings: Sendable {
        package var convergence = ConvergenceSettings()
        package var exercise = ExerciseSettings()
        /// Tools that are assessed, those called most.
        package var tools = 32

        package init() {}
    }

    /// A shift, and what it is about.
    package struct Shift: Sendable, Equatable {
        package enum Subject: String, Sendable {
            case fact, tools, initiators, sources, kind
        }

        package var shift: ExerciseShift
        package var of: Subject
        /// Of the fact, the tool, the kind; empty: of all tools.
        package var name: String
        package var category: String
    }

    package private(set) var disciplines: [(discipline: Discipline, estimate: ConvergenceEstimate)] = []
    /// Of what is done for them.
    package private(set) var tools: [(name: String, estimate: ConvergenceEstimate)] = []
    package private(set) var shifts: [Shift] = []
    package private(set) var report = ExerciseReport()

    /// - Parameter now: wall clock, nanoseconds since 1970.
    package init(_ profile: SharedProfile, at now: UInt64, settings: Settings = Settings()) {
        let hour = Sightings.hour(of: now)
        for discipline in Discipline.allCases {
            let facts = profile.facts.filter { $0.key.key.kind.discipline == discipline }
            disciplines.append(
                (discipline, Self.estimate(facts, profile.observedTime(of: discipline), at: hour, settings.convergence))
            )
        }
        assessTools(profile, at: hour, settings)
        assessExercise(profile, at: hour, settings.exercise)
    }

    static func estimate(
        _ facts: [SharedFact.Identity: SharedFact], _ time: ObservedTime, at hour: UInt32,
        _ settings: ConvergenceSettings
    ) -> ConvergenceEstimate {
        var estimator = ConvergenceEstimator(time, at: hour, settings: settings)
        for found in Discovery.all(of: facts) { estimator.add(found.sightings, count: found.count) }
        return facts.keys.contains(where: \.isOverflow) ? lossy(estimator.estimate) : estimator.estimate
    }

    /// What there was no room for may be anything.
    private static func lossy(_ estimate: ConvergenceEstimate) -> ConvergenceEstimate {
        guard estimate.state == .converged else { return estimate }
        var lossy = estimate
        (lossy.state, lossy.reason) = (.converging, .lossy)
        return lossy
    }

    private mutating func assessTools(_ profile: SharedProfile, at hour: UInt32, _ settings: Settings) {
        let effects = profile.facts.filter { $0.key.key.kind == .effect }
        // Whose they are that there was no room for nobody knows.
        let isFull = effects.keys.contains(where: \.isOverflow)
        let byTool = Dictionary(grouping: effects.filter { !$0.key.isOverflow }) { $0.key.key[.tool].text }
        let counts = byTool.mapValues { $0.reduce(UInt64(0)) { $0 &+ $1.value.counts.count } }
        let names = byTool.keys.sorted { (counts[$1] ?? 0, $0) < (counts[$0] ?? 0, $1) }
        let time = profile.observedTime(of: .behavioral)
        for name in names.prefix(settings.tools) {
            let facts = Dictionary(byTool[name]?.map { ($0.key, $0.value) } ?? [], uniquingKeysWith: { $1 })
            let estimate = Self.estimate(facts, time, at: hour, settings.convergence)
            tools.append((name, isFull ? Self.lossy(estimate) : estimate))
        }
    }

    // MARK: Exercise

    private mutating func assessExercise(_ profile: SharedProfile, at hour: UInt32, _ settings: ExerciseSettings) {
        let today = UInt16(clamping: hour / 24)
        let week = HourOfWeek.week(of: hour)
        var kinds: [FactKind: HourOfWeekSum] = [:]
        var all = HourOfWeekSum(week: week)
        var tools = MixSeries(today: today)
        var (initiators, sources): ([String: MixSeries], [String: MixSeries]) = ([:], [:])
        for exercise in profile.exercise.sorted(by: { $0.key < $1.key }).map(\.value) {
            for (kind, hours) in exercise.hours {
                kinds[kind, default: HourOfWeekSum(week: week)].add(hours)
                all.add(hours)
            }
            tools.add(exercise.tools)
            for (name, mix) in exercise.initiators { initiators[name, default: MixSeries(today: today)].add(mix) }
            for (name, mix) in exercise.sources { sources[name, default: MixSeries(today: today)].add(mix) }
        }
        var analysis = ExerciseAnalysis(
            WatchedDays(profile.observedTime(of: .behavioral), today: today), rhythm: WeekRhythm(all),
            settings: settings)
        let facts = profile.facts.filter { !$0.key.isOverflow }.sorted { $0.key < $1.key }
        let firstCall = facts.filter { $0.key.key.kind == .tool }.compactMap { $0.value.sightings.firstHour }.min()
        let knownDays = firstCall.map { Int(today) - Int($0 / 24) } ?? 0
        for (number, (identity, fact)) in facts.enumerated() {
            if identity.key.kind == .sequence {
                analysis.add(
                    sequence: number, fact.sightings, count: fact.counts.count, knownDays: max(0, knownDays))
            } else {
                analysis.add(fact: number, fact.days(today: today), fact.sightings, hours: fact.firsts)
            }
        }
        var mixes: [(of: Shift.Subject, name: String, mix: MixSeries)] = [(.tools, "", tools)]
        mixes += initiators.sorted { $0.key < $1.key }.map { (.initiators, $0.key, $0.value) }
        mixes += sources.sorted { $0.key < $1.key }.map { (.sources, $0.key, $0.value) }
        for (number, mix) in mixes.enumerated() where !mix.mix.categories.isEmpty {
            analysis.add(mix: number, mix.mix)
        }
        for (kind, hours) in kinds.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            analysis.add(kind: Int(kind.rawValue), hours)
        }
        report = analysis.report
        shifts = report.shifts.map { shift in
            switch shift.what {
            case .fact(let number):
                let key = facts[number].key.key
                return Shift(
                    shift: shift, of: .fact, name: "\(key.kind.name) \(FactFolding.text(of: key))", category: "")
            case .mix(let number):
                return Shift(shift: shift, of: mixes[number].of, name: mixes[number].name, category: "")
            case .category(let category, of: let number):
                return Shift(shift: shift, of: mixes[number].of, name: mixes[number].name, category: category)
            case .kind(let number):
                return Shift(shift: shift, of: .kind, name: FactKind(rawValue: UInt8(number))?.name ?? "", category: "")
            }
        }
    }
}

extension SharedProfile {
    /// When a discipline of it was watched.
    func observedTime(of discipline: Discipline) -> ObservedTime {
        ObservedTime(
            observed: time.observed, active: time.active, lossy: time.lossy[discipline] ?? HourSet())
    }
}

extension SharedFact.Identity: Comparable {
    package static func < (one: Self, other: Self) -> Bool {
        if one.key != other.key {
            return one.key.kind == other.key.kind
                ? one.key.bytes.lexicographicallyPrecedes(other.key.bytes)
                : one.key.kind.rawValue < other.key.kind.rawValue
        }
        return one.qualifiers.parts.lexicographicallyPrecedes(other.qualifiers.parts)
    }
}

extension FactQualifiers {
    fileprivate var parts: [String] { [outcome.name, serviceAccount, initiatorKind, agent] }
}
