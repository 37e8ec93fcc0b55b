// SPDX-License-Identifier: Apache-2.0

/// One thing that a subject does otherwise than before, or several that are alike.
package struct PostureChange: Sendable {
    package enum Nature: UInt8, Sendable, CaseIterable {
        /// Not seen before.
        case added
        /// Not seen any more. Whether it is gone, `absence` says.
        case removed
        /// The same came about otherwise: outcome, ServiceAccount, who asked for it, the agent.
        case altered
        /// Seen much more often for the time watched, or much more seldom.
        case faster
        case slower
        /// A known pattern stands for other facts than before.
        case varied

        package var name: String { "\(self)" }
    }

    /// What follows from something not being seen.
    package enum Absence: Sendable, Equatable {
        /// It was wholly watched: it was not there.
        case watched
        /// It was not, and in what way: a state of coverage.
        case notWhollyWatched(String)
        /// How long, or whether at all, is not known.
        case unknownTime
        /// It was seen too seldom for the time watched.
        case tooShort

        /// The name that other programs see.
        package var name: String {
            switch self {
            case .watched: "watched"
            case .notWhollyWatched: "not_wholly_watched"
            case .unknownTime: "unknown_time"
            case .tooShort: "too_short"
            }
        }
    }

    package struct Rates: Sendable, Equatable {
        /// Times in an hour of being watched.
        package var before: Double
        package var after: Double
    }

    package var nature: Nature
    package var sensitivity: FactSensitivity
    /// As it is after the change; of what is removed, as it was. What came about otherwise has no outcome of its own.
    package var line: PostureSummary.Line
    /// Facts behind it.
    package var factsBefore: Int
    package var factsAfter: Int
    package var countBefore: UInt64
    /// Of a continuation what was counted since.
    package var countAfter: UInt64
    /// Of the side on which it was not seen.
    package var absence: Absence?
    package var rates: Rates?
    /// Of what came about otherwise: how until then, and how since then, without what stays.
    package var qualifiersBefore: [FactQualifiers] = []
    package var qualifiersAfter: [FactQualifiers] = []
}

extension PostureChange {
    /// In which they are told.
    static func isInOrder(_ one: Self, _ other: Self) -> Bool {
        let (left, right) = (one.line, other.line)
        let (mine, its) = (
            (one.nature.rawValue, one.sensitivity.rawValue, left.kind.rawValue),
            (other.nature.rawValue, other.sensitivity.rawValue, right.kind.rawValue)
        )
        if mine != its { return mine < its }
        let (count, itsCount) = (max(one.countBefore, one.countAfter), max(other.countBefore, other.countAfter))
        if count != itsCount { return count > itsCount }
        let names = [left.text, left.serviceAccount, left.initiatorKind, left.agent, "\(left.outcome.rawValue)"]
        let itsNames = [
            right.text, right.serviceAccount, right.initiatorKind, right.agent, "\(right.outcome.rawValue)",
        ]
        if names != itsNames { return names.lexicographicallyPrecedes(itsNames) }
        return (one.qualifiersBefore + one.qualifiersAfter).map(\.text).lexicographicallyPrecedes(
            (other.qualifiersBefore + other.qualifiersAfter).map(\.text))
    }
}

extension FactQualifiers {
    /// For people.
    package var text: String {
        var parts = [outcome.name]
        if !serviceAccount.isEmpty { parts.append("as \(serviceAccount)") }
        if !initiatorKind.isEmpty { parts.append("for \(initiatorKind)") }
        if !agent.isEmpty { parts.append("by \(agent)") }
        return parts.joined(separator: " ")
    }
}
