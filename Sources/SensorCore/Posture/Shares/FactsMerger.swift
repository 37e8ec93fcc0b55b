// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Makes few records of many: of the same subject and writer each fact stands once, as it was when most was counted. Counts are
/// cumulative, so what was told before that says nothing more, and nothing is counted twice.
struct FactsMerger {
    /// Whose counts are told.
    private struct Group: Hashable {
        var subject: PostureSubject
        var writer: String
    }

    private struct Facts {
        /// The latest record, without its facts.
        var head: PostureRecord
        var facts: [PostureFact] = []
        /// By what makes them the same.
        var places: [PostureFact: Int] = [:]
    }

    private var groups: [Group: Facts] = [:]
    /// In the order in which they came.
    private var order: [Group] = []

    /// - Returns: false if it is no record of facts.
    mutating func take(_ record: PostureRecord) -> Bool {
        guard case .facts(let body)? = record.body else { return false }
        let group = Group(subject: record.subject, writer: body.writer)
        var head = record
        head.facts.facts = []
        let known = groups.removeValue(forKey: group)
        if known == nil { order.append(group) }
        var merged = known ?? Facts(head: head)
        if merged.head.latestCoverage <= head.latestCoverage {
            // That the writer says no more is true of all that it has said.
            head.facts.last = head.facts.last || merged.head.facts.last
            merged.head = head
        } else if head.facts.last {
            merged.head.facts.last = true
        }
        for fact in body.facts {
            let identity = Self.identity(of: fact)
            if let place = merged.places[identity] {
                if !merged.facts[place].isLater(than: fact) { merged.facts[place] = fact }
            } else {
                merged.places[identity] = merged.facts.count
                merged.facts.append(fact)
            }
        }
        groups[group] = merged
        return true
    }

    /// What says the same.
    ///
    /// - Parameters:
    ///   - clock: when they are made.
    ///   - boot: the machine's boot id.
    func records(at clock: ClockReading, boot: String) -> [PostureRecord] {
        order.flatMap { group -> [PostureRecord] in
            guard let merged = groups[group] else { return [] }
            return merged.facts.batches().map { facts in
                var record = merged.head
                record.boot = boot
                record.time = Google_Protobuf_Timestamp(nanosecondsSince1970: clock.wall)
                record.bootTime = clock.boot
                record.facts.facts = Array(facts)
                record.facts.last = merged.head.facts.last && facts.endIndex == merged.facts.endIndex
                return record
            }
        }
    }

    private static func identity(of fact: PostureFact) -> PostureFact {
        PostureFact.with {
            ($0.discipline, $0.kind, $0.outcome) = (fact.discipline, fact.kind, fact.outcome)
            if fact.hasKey { $0.key = fact.key }
            ($0.serviceAccount, $0.initiatorKind, $0.agent) = (fact.serviceAccount, fact.initiatorKind, fact.agent)
            ($0.folded, $0.overflow) = (fact.folded, fact.overflow)
        }
    }
}

extension PostureFact {
    fileprivate func isLater(than other: PostureFact) -> Bool {
        (other.count, other.lastSeen.nanosecondsSince1970) < (count, lastSeen.nanosecondsSince1970)
    }
}

extension PostureRecord {
    /// Up to when its coverage goes.
    fileprivate var latestCoverage: UInt64 { coverage.map(\.to.nanosecondsSince1970).max() ?? 0 }
}
