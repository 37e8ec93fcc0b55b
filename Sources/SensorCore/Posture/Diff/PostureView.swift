// SPDX-License-Identifier: Apache-2.0

/// One side of a comparison: facts of a subject, with the time in which they could be seen.
package struct PostureView: Sendable {
    /// For people: a file, a revision.
    package let label: String
    package let subject: SubjectKey
    package let nodes: [String]
    /// Wall clock, nanoseconds since 1970.
    package let time: UInt64
    let facts: [SharedFact.Identity: SharedFact]
    /// Hours in which it was watched.
    let observed: HourSet
    let coverage: [PostureCoverage]
    /// It has facts of kinds that this version does not know.
    package let hasUnknownFacts: Bool
    /// The counts are those of this view, and of nothing else.
    let hasOwnCounts: Bool
    /// nil: it is no revision.
    package let revision: String?
    /// Of a revision, for all that there are: hours in which each was watched.
    let hoursOfRevisions: [String: HourSet]

    package init(_ snapshot: SubjectSnapshot, label: String) {
        self.label = label
        subject = snapshot.profile.subject
        nodes = snapshot.nodes
        time = snapshot.time
        facts = snapshot.profile.facts
        observed = snapshot.profile.time.observed
        coverage = snapshot.coverage
        hasUnknownFacts = snapshot.profile.hasUnknownFacts
        hasOwnCounts = true
        (revision, hoursOfRevisions) = (nil, [:])
    }

    private init(
        _ view: PostureView, label: String, facts: [SharedFact.Identity: SharedFact], observed: HourSet,
        revision: String? = nil, of hours: [String: HourSet] = [:]
    ) {
        self.label = label
        subject = view.subject
        nodes = view.nodes
        time = view.time
        self.facts = facts
        self.observed = observed
        coverage = view.coverage
        hasUnknownFacts = view.hasUnknownFacts
        hasOwnCounts = false
        self.revision = revision
        hoursOfRevisions = hours
    }

    /// What was seen in one revision; nil: nobody knows of it. What there was no room for may have been of any.
    package init?(_ snapshot: SubjectSnapshot, revision name: String) {
        guard let revision = snapshot.profile.revisions[name] else { return nil }
        let label = "revision \(name)"
        let whole = PostureView(snapshot, label: label)
        self.init(
            whole, label: label, facts: whole.facts.filter { $0.key.isOverflow || $0.value.revisions.contains(name) },
            observed: revision.observed, revision: name, of: snapshot.profile.revisions.mapValues(\.observed))
    }

    /// How often something was so in an hour in which a revision was watched that its count is of; nil: nobody can tell.
    func hourlyRate(of fact: SharedFact) -> Double? {
        var hours = HourSet()
        for name in fact.revisions {
            guard let known = hoursOfRevisions[name], !known.isEmpty else { return nil }
            hours.merge(with: known)
        }
        guard !hours.isEmpty, fact.firstSeen >= Exposure.start(hours) else { return nil }
        return Double(fact.counts.count) / Double(hours.count)
    }

    /// A part of it, as one revision. Rates are not compared then: the counts are of all parts.
    ///
    /// - Parameter observed: hours in which this part was watched. Empty: not known, and nothing is said to be gone.
    package func filtered(
        label: String, observed: HourSet, _ isIncluded: (SharedFact.Identity, SharedFact) -> Bool
    ) -> PostureView {
        PostureView(self, label: label, facts: facts.filter { isIncluded($0.key, $0.value) }, observed: observed)
    }

    /// How a kind was watched: the worst that is said of it, nil if nothing is.
    func state(of kind: FactKind) -> String? {
        struct Place: Hashable {
            var container: String
            var from: UInt64
        }
        func place(_ row: PostureCoverage) -> Place {
            Place(container: row.container, from: row.from.nanosecondsSince1970)
        }
        let own = coverage.filter { $0.kind == kind.name }
        // What is said of the kind counts before what is said of its discipline.
        let places = Set(own.map(place))
        let common = coverage.filter {
            $0.kind.isEmpty && $0.discipline == kind.discipline.name && !places.contains(place($0))
        }
        let states = Set((own + common).map(\.state))
        // One that this version does not know is no better than the known ones.
        return states.max { Self.rank($0) < Self.rank($1) }
    }

    private static func rank(_ state: String) -> (Int, String) {
        (["complete", "lossy", "blind", "not_watched"].firstIndex(of: state) ?? 4, state)
    }

    /// Facts of a kind there was no room for, about.
    func overflow(of kind: FactKind) -> UInt64? {
        facts[SharedFact.Identity(key: FactKey(kind, bytes: []), qualifiers: FactQualifiers(), isOverflow: true)]?
            .counts.distinct
    }
}
