// SPDX-License-Identifier: Apache-2.0

/// Finds what has changed between two views.
struct DiffRun {
    let before: PostureView
    let after: PostureView
    let exposure: Exposure
    let settings: PostureDiff.Settings

    private typealias Facts = [SharedFact.Identity: SharedFact]

    var changes: [PostureChange] {
        var byKey: [FactKey: Ways] = [:]
        for identity in before.facts.keys where !identity.isOverflow {
            byKey[identity.key, default: ([], [])].before.insert(identity.qualifiers)
        }
        for identity in after.facts.keys where !identity.isOverflow {
            byKey[identity.key, default: ([], [])].after.insert(identity.qualifiers)
        }
        let altered = byKey.filter { _, ways in
            !ways.before.isEmpty && !ways.after.isEmpty && ways.before != ways.after
        }
        var changes = self.altered(altered)
        // What came about otherwise is told once.
        let others = before.facts.merging(after.facts) { one, _ in one }.filter { identity, _ in
            !identity.isOverflow && altered[identity.key] == nil
        }
        for (sensitivity, facts) in Dictionary(grouping: others, by: { FactSensitivity(of: $0.key) }) {
            let facts = Facts(facts) { one, _ in one }
            for fold in FactFolding(limit: settings.patterns).folds(of: facts) {
                if let change = change(fold, sensitivity) { changes.append(change) }
            }
        }
        return changes.sorted(by: PostureChange.isInOrder)
    }

    // MARK: Seen or not

    /// Facts behind a line on both sides.
    private struct Sides {
        var before: [SharedFact] = []
        var after: [SharedFact] = []
        var countBefore: UInt64 = 0
        var countAfter: UInt64 = 0
        var isComparable = true
    }

    private func sides(_ fold: FactFolding.Fold) -> Sides {
        var sides = Sides()
        for identity in fold.members {
            let (one, other) = (before.facts[identity], after.facts[identity])
            let (count, later) = (one?.counts.count ?? 0, other?.counts.count ?? 0)
            if let one { sides.before.append(one) }
            if let other { sides.after.append(other) }
            sides.countBefore &+= count
            sides.countAfter &+= exposure.isContinuation ? later - min(later, count) : later
            if !exposure.covers(one, other) { sides.isComparable = false }
        }
        return sides
    }

    private func change(_ fold: FactFolding.Fold, _ sensitivity: FactSensitivity) -> PostureChange? {
        let sides = sides(fold)
        var line = fold.line
        let shown = sides.after.isEmpty ? sides.before : sides.after
        (line.count, line.facts) = (shown.reduce(0) { $0 &+ $1.counts.count }, shown.reduce(0) { $0 + $1.width })
        line.sent = shown.reduce(0) { $0 &+ $1.counts.sent }
        line.received = shown.reduce(0) { $0 &+ $1.counts.received }
        line.firstSeen = shown.map(\.firstSeen).min() ?? 0
        line.lastSeen = shown.map(\.lastSeen).max() ?? 0
        var change = PostureChange(
            nature: .varied, sensitivity: sensitivity, line: line, factsBefore: sides.before.count,
            factsAfter: sides.after.count, countBefore: sides.countBefore, countAfter: sides.countAfter)
        if sides.before.isEmpty {
            change.nature = .added
            change.absence = absence(of: line.kind, in: before, exposure.before, expected: nil)
            return change
        }
        if sides.after.isEmpty {
            change.nature = .removed
            let expected =
                before.hasOwnCounts ? expected(sides.countBefore, sides.isComparable) : expected(sides.before)
            change.absence = absence(of: line.kind, in: after, exposure.after, expected: expected)
            // A revision may have run for an hour.
            if !before.hasOwnCounts, expected == nil, change.absence == .watched { change.absence = .unknownTime }
            return change
        }
        if let found = paced(change, sides) { return found }
        let isSame = sides.before.count == fold.members.count && sides.after.count == fold.members.count
        return isSame || exposure.isContinuation && sides.before.count == sides.after.count ? nil : change
    }

    /// How often it was to be seen in the time since; nil: nobody can tell.
    private func expected(_ count: UInt64, _ isComparable: Bool) -> Double? {
        guard isComparable, before.hasOwnCounts, exposure.before > 0 else { return nil }
        return Double(count) / Double(exposure.before) * Double(exposure.after)
    }

    /// The same of facts whose counts are of other revisions as well.
    private func expected(_ facts: [SharedFact]) -> Double? {
        var sum = 0.0
        for fact in facts {
            guard let rate = before.hourlyRate(of: fact) else { return nil }
            sum += rate * Double(exposure.after)
        }
        return sum
    }

    private func absence(
        of kind: FactKind, in view: PostureView, _ hours: Int, expected: Double?
    ) -> PostureChange.Absence {
        guard let state = view.state(of: kind) else { return .notWhollyWatched("unknown") }
        if state != "complete" { return .notWhollyWatched(state) }
        // What there was no room for may be anything.
        if view.overflow(of: kind) != nil { return .notWhollyWatched("facts_full") }
        if hours == 0 { return .unknownTime }
        if let expected, expected < settings.leastExpected { return .tooShort }
        return .watched
    }

    // MARK: How often

    private func paced(_ change: PostureChange, _ sides: Sides) -> PostureChange? {
        guard sides.isComparable, before.hasOwnCounts, after.hasOwnCounts,
            min(exposure.before, exposure.after) >= settings.leastHours
        else { return nil }
        let rates = PostureChange.Rates(
            before: Double(sides.countBefore) / Double(exposure.before),
            after: Double(sides.countAfter) / Double(exposure.after))
        var change = change
        change.rates = rates
        if rates.after >= settings.ratio * rates.before, sides.countAfter >= settings.leastCount {
            change.nature = .faster
            change.absence = absence(of: change.line.kind, in: before, exposure.before, expected: nil)
        } else if rates.before >= settings.ratio * rates.after, sides.countBefore >= settings.leastCount {
            change.nature = .slower
            // It was to be seen more often than it was: by how much, what was lost may hide.
            let expected = self.expected(sides.countBefore, true)
            change.absence = absence(of: change.line.kind, in: after, exposure.after, expected: expected)
            if change.absence == .tooShort { return nil }
        } else {
            return nil
        }
        return change
    }

    // MARK: Otherwise

    /// What one and the same has gained and lost.
    private struct Alteration: Hashable {
        var sensitivity: FactSensitivity
        var lost: Set<FactQualifiers>
        var gained: Set<FactQualifiers>
    }

    private typealias Ways = (before: Set<FactQualifiers>, after: Set<FactQualifiers>)

    private func altered(_ byKey: [FactKey: Ways]) -> [PostureChange] {
        let groups = Dictionary(grouping: byKey) { key, sets in
            let gained = sets.after.subtracting(sets.before)
            return Alteration(
                sensitivity: FactSensitivity(of: key, isDenied: gained.contains { $0.outcome == .denied }),
                lost: sets.before.subtracting(sets.after), gained: gained)
        }
        return groups.flatMap { alteration, keys -> [PostureChange] in
            var facts = Facts()
            for (key, sets) in keys {
                var all = sets.after.compactMap { after.facts[SharedFact.Identity(key: key, qualifiers: $0)] }
                guard var fact = all.popLast() else { continue }
                for other in all { fact.merge(with: other) }
                facts[SharedFact.Identity(key: key, qualifiers: FactQualifiers())] = fact
            }
            return FactFolding(limit: settings.patterns).folds(of: facts).map { fold in
                let keys = fold.members.map { (key: $0.key, ways: byKey[$0.key] ?? ([], [])) }
                var change = PostureChange(
                    nature: .altered, sensitivity: alteration.sensitivity, line: fold.line,
                    factsBefore: fold.members.count, factsAfter: fold.members.count,
                    countBefore: keys.reduce(0) { $0 &+ count($1.key, $1.ways.before, in: before) },
                    countAfter: keys.reduce(0) { $0 &+ count($1.key, $1.ways.after, in: after) })
                change.line.count = change.countAfter
                if exposure.isContinuation { change.countAfter -= min(change.countAfter, change.countBefore) }
                change.qualifiersBefore = alteration.lost.sorted { $0.text < $1.text }
                change.qualifiersAfter = alteration.gained.sorted { $0.text < $1.text }
                if !alteration.lost.isEmpty {
                    change.absence = absence(of: fold.line.kind, in: after, exposure.after, expected: nil)
                }
                return change
            }
        }
    }

    private func count(_ key: FactKey, _ qualifiers: Set<FactQualifiers>, in view: PostureView) -> UInt64 {
        qualifiers.reduce(0) {
            $0 &+ (view.facts[SharedFact.Identity(key: key, qualifiers: $1)]?.counts.count ?? 0)
        }
    }
}
