// SPDX-License-Identifier: Apache-2.0

/// What a person wants to know of a subject: a view over its merged profile, in which what is alike is folded.
package struct PostureSummary: Sendable {
    /// One fact, or several that are alike.
    package struct Line: Sendable {
        package var kind: FactKind
        /// What it is about, for people.
        package var text: String
        package var outcome: FactQualifiers.Outcome
        package var serviceAccount: String
        package var initiatorKind: String
        package var agent: String
        package var count: UInt64
        /// Payload bytes.
        package var sent: UInt64
        package var received: UInt64
        /// Wall clock, nanoseconds since 1970.
        package var firstSeen: UInt64
        package var lastSeen: UInt64
        /// Facts behind it, or, as far as they are folded already, about as many paths.
        package var facts: Int
        /// That is about as many: some are folded as they are kept.
        package var isEstimate = false
        /// It stands for several: some of them.
        package var exemplars: [String]
        /// There was no room to tell them apart: about so many facts.
        package var overflow: UInt64?
    }

    package struct Section: Sendable {
        package var discipline: Discipline
        package var facts: Int
        package var newFacts: Int
        package var convergence: ConvergenceEstimate
        /// Those with the highest counts of each kind first.
        package var lines: [Line]
    }

    package struct Tool: Sendable {
        package var name: String
        package var calls: UInt64
        package var failed: UInt64
        package var denied: UInt64
        /// What was done for it, by kind, and how often.
        package var effects: [(kind: String, what: String, outcome: FactQualifiers.Outcome, count: UInt64)]
    }

    package struct Settings: Sendable {
        /// Lines of one kind of paths or peers, at most.
        package var patterns = 64
        /// What was seen for the first time within this is new (ns).
        package var news: UInt64 = 7 * 86_400_000_000_000
        package var assessment = ProfileAssessment.Settings()

        package init() {}
    }

    package let subject: SubjectKey
    package private(set) var sections: [Section] = []
    /// Called most often first.
    package private(set) var tools: [Tool] = []
    package private(set) var replicas: [String] = []
    package let assessment: ProfileAssessment

    /// - Parameter now: wall clock, nanoseconds since 1970.
    package init(_ profile: SharedProfile, at now: UInt64, settings: Settings = Settings()) {
        subject = profile.subject
        let folding = FactFolding(limit: settings.patterns)
        assessment = ProfileAssessment(profile, at: now, settings: settings.assessment)
        for (discipline, estimate) in assessment.disciplines {
            let facts = profile.facts.filter { $0.key.key.kind.discipline == discipline }
            let newFacts = facts.count { !$0.key.isOverflow && $0.value.firstSeen &+ settings.news > now }
            sections.append(
                Section(
                    discipline: discipline, facts: facts.count { !$0.key.isOverflow }, newFacts: newFacts,
                    convergence: estimate, lines: folding.lines(of: facts)))
        }
        tools = Self.tools(of: profile)
        replicas = Set(profile.facts.values.flatMap(\.replicas)).sorted()
    }

    private static func tools(of profile: SharedProfile) -> [Tool] {
        var tools: [String: Tool] = [:]
        func tool(_ name: String) -> Tool {
            tools[name] ?? Tool(name: name, calls: 0, failed: 0, denied: 0, effects: [])
        }
        for (identity, fact) in profile.facts where !identity.isOverflow {
            let values = identity.key.values.map(\.text)
            let count = fact.counts.count
            switch identity.key.kind {
            case .tool:
                var found = tool(values[0])
                found.calls &+= count
                if identity.qualifiers.outcome == .failed { found.failed &+= count }
                if identity.qualifiers.outcome == .denied { found.denied &+= count }
                tools[values[0]] = found
            case .effect where values.count >= 3:
                var found = tool(values[0])
                let access = identity.key[.access].text
                found.effects.append(
                    (values[1], values[2] + (access.isEmpty ? "" : " \(access)"), identity.qualifiers.outcome, count))
                tools[values[0]] = found
            default: break
            }
        }
        return tools.values.map { tool in
            var tool = tool
            tool.effects.sort {
                ($1.count, $0.kind, $0.what, $0.outcome.rawValue) < ($0.count, $1.kind, $1.what, $1.outcome.rawValue)
            }
            return tool
        }.sorted { ($1.calls, $0.name) < ($0.calls, $1.name) }
    }
}
