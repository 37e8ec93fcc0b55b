// SPDX-License-Identifier: Apache-2.0

/// What is known of one subject, from the shares of any number of nodes.
///
/// Merging is a join: of the same shares, in any order and as often as you like, comes the same value. Nothing is folded in it:
/// that is a view.
package struct SharedProfile: Sendable, Equatable {
    package let subject: SubjectKey
    package private(set) var facts: [SharedFact.Identity: SharedFact] = [:]
    package private(set) var time = ObservedTimes()
    /// Rollouts that were seen.
    package private(set) var revisions: [String: SharedRevision] = [:]
    /// By writer.
    package private(set) var exercise: [String: Exercise] = [:]
    /// It has facts of kinds that this version does not know.
    package private(set) var hasUnknownFacts = false

    package init(_ subject: SubjectKey) { self.subject = subject }

    /// Times by UTC hour of the week, Monday 00:00 first, of all writers together.
    package var hoursOfWeek: [FactKind: [UInt64]] {
        var sums: [FactKind: [UInt64]] = [:]
        for (kind, hours) in exercise.values.flatMap(\.hours) {
            let sum = sums[kind] ?? [UInt64](repeating: 0, count: HourOfWeek.cells)
            sums[kind] = zip(sum, hours.total).map { $0 &+ UInt64($1) }
        }
        return sums
    }

    /// Takes in what a writer says; what it said before may come again.
    package mutating func merge(_ share: PostureProfile) {
        for message in share.facts { merge(message, writer: share.writer) }
        time.merge(with: ObservedTimes(share))
        if share.hasExercise { exercise[share.writer, default: Exercise()].merge(with: Exercise(share.exercise)) }
        for revision in share.revisions { merge(SharedRevision(revision), named: revision.name) }
    }

    private mutating func merge(_ revision: SharedRevision, named name: String) {
        if revisions[name]?.merge(with: revision) == nil { revisions[name] = revision }
    }

    package mutating func merge(_ message: PostureFact, writer: String) {
        guard let identity = SharedFact.Identity(message) else {
            hasUnknownFacts = true
            return
        }
        let fact = SharedFact(message, writer: writer)
        if facts[identity]?.merge(with: fact) == nil { facts[identity] = fact }
    }

    package mutating func merge(with other: SharedProfile) {
        hasUnknownFacts = hasUnknownFacts || other.hasUnknownFacts
        time.merge(with: other.time)
        for (name, revision) in other.revisions { merge(revision, named: name) }
        for (writer, known) in other.exercise { exercise[writer, default: Exercise()].merge(with: known) }
        for (identity, fact) in other.facts where facts[identity]?.merge(with: fact) == nil { facts[identity] = fact }
    }

    /// Of rollouts that there is no room for nothing is known any more, on facts neither, until they are merged again.
    mutating func forget(revisions gone: Set<String>) {
        for name in gone { revisions[name] = nil }
        for index in facts.values.indices { facts.values[index].forget(revisions: gone) }
    }
}
