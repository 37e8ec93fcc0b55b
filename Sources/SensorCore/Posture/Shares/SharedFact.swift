// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// A fact as several nodes know it.
///
/// Merging is a join: of the same shares, in any order and as often as you like, comes the same value.
package struct SharedFact: Sendable, Equatable {
    package struct Identity: Hashable, Sendable {
        package var key: FactKey
        package var qualifiers: FactQualifiers
        /// Of a kind of which there was no room for more: all others together. The key says nothing then.
        package var isOverflow = false
    }

    /// What one writer has counted since it began. Each number only grows.
    package struct Counts: Sendable, Equatable {
        package var count: UInt64 = 0
        package var sent: UInt64 = 0
        package var received: UInt64 = 0
        /// By `ToolCallReference.Method`: exact, process, argument, candidates, window.
        package var attributed: [UInt64] = [0, 0, 0, 0, 0]
        package var hours: [UInt64] = []
        /// Of one writer; of several together, `SharedFact.days`.
        package var days = DayCounts()
        /// Of an overflow and of a folded fact, about.
        package var distinct: UInt64 = 0

        package init() {}

        mutating func join(_ other: Self) {
            count = max(count, other.count)
            sent = max(sent, other.sent)
            received = max(received, other.received)
            attributed = Self.join(attributed, other.attributed)
            hours = Self.join(hours, other.hours)
            days.merge(with: other.days)
            distinct = max(distinct, other.distinct)
        }

        mutating func add(_ other: Self) {
            count &+= other.count
            sent &+= other.sent
            received &+= other.received
            attributed = Self.zip(attributed, other.attributed, &+)
            hours = Self.zip(hours, other.hours, &+)
            // What two writers had no room for may be the same.
            distinct = max(distinct, other.distinct)
        }

        private static func join(_ one: [UInt64], _ other: [UInt64]) -> [UInt64] { zip(one, other, max) }

        private static func zip(
            _ one: [UInt64], _ other: [UInt64], _ body: (UInt64, UInt64) -> UInt64
        ) -> [UInt64] {
            (0..<max(one.count, other.count)).map { index in
                body(index < one.count ? one[index] : 0, index < other.count ? other[index] : 0)
            }
        }
    }

    /// By the writer.
    package private(set) var writers: [String: Counts]
    /// Wall clock, nanoseconds since 1970.
    package private(set) var firstSeen: UInt64
    package private(set) var lastSeen: UInt64
    package private(set) var sightings: Sightings
    /// The first day of each hour of the day.
    package private(set) var firsts: HourFirsts
    /// Those with the smallest hashes, in that order.
    package private(set) var replicas: [String]
    package private(set) var processes: [String]
    /// Rollouts in which it was so.
    package private(set) var revisions: Set<String>
    /// Of a folded fact, paths that it stands for, as those above.
    package private(set) var exemplars: [String]

    package static let sampleLimit = 8

    package mutating func merge(with other: SharedFact) {
        for (writer, counts) in other.writers { writers[writer, default: Counts()].join(counts) }
        firstSeen = min(firstSeen, other.firstSeen)
        lastSeen = max(lastSeen, other.lastSeen)
        sightings.merge(with: other.sightings)
        firsts.merge(with: other.firsts)
        replicas = Self.sample(replicas + other.replicas)
        processes = Self.sample(processes + other.processes)
        revisions.formUnion(other.revisions)
        if !other.exemplars.isEmpty {
            exemplars = Self.sample(exemplars + other.exemplars, limit: PathFolding.exemplarLimit)
        }
    }

    mutating func forget(revisions gone: Set<String>) {
        if !revisions.isDisjoint(with: gone) { revisions.subtract(gone) }
    }

    /// By day, of all writers together.
    package func days(today: UInt16) -> DaySeries {
        var series = DaySeries(today: today)
        for counts in writers.values { series.add(counts.days) }
        return series
    }

    /// Of all writers together.
    package var counts: Counts { writers.values.reduce(into: Counts()) { $0.add($1) } }

    /// Things that it is about: 1, or as many as it stands for, about.
    package var width: Int { max(1, Int(clamping: counts.distinct)) }

    private static func sample(_ names: [String], limit: Int = sampleLimit) -> [String] {
        let hashed = Set(names).map { (hash: StableHash.of(Array($0.utf8)), name: $0) }
        return hashed.sorted { ($0.hash, $0.name) < ($1.hash, $1.name) }.prefix(limit).map(\.name)
    }
}

extension SharedFact {
    init(_ message: PostureFact, writer: String) {
        var counts = Counts()
        counts.count = message.count
        (counts.sent, counts.received, counts.distinct) = (message.bytesSent, message.bytesReceived, message.distinct)
        let attribution = message.attribution
        counts.attributed = [
            attribution.exact, attribution.process, attribution.argument, attribution.candidates, attribution.window,
        ]
        counts.hours = message.hourOfDay.map(UInt64.init)
        let sightings = Sightings(message.sightings)
        var firsts = HourFirsts()
        if let history = FactHistory(message) {
            (counts.days, firsts) = (history.days, history.firsts)
        } else if let hour = sightings.firstHour {
            counts.days.add(message.count, hour: hour, random: 0)
            firsts.note(hour: hour)
        }
        self.init(
            writers: [writer: counts], firstSeen: message.firstSeen.nanosecondsSince1970,
            lastSeen: message.lastSeen.nanosecondsSince1970, sightings: sightings, firsts: firsts,
            replicas: Self.sample(message.replicas), processes: Self.sample(message.processes),
            revisions: Set(message.revisions),
            exemplars: Self.sample(message.exemplars, limit: PathFolding.exemplarLimit))
    }
}

extension SharedFact.Identity {
    /// nil: of a kind or an outcome that this version does not know.
    init?(_ message: PostureFact) {
        guard let kind = FactKind(name: message.kind) else { return nil }
        if message.overflow {
            self.init(key: FactKey(kind, bytes: []), qualifiers: FactQualifiers(), isOverflow: true)
            return
        }
        guard let outcome = FactQualifiers.Outcome.allCases.first(where: { $0.name == message.outcome }) else {
            return nil
        }
        self.init(
            key: FactKey(message.key, kind: kind, isFolded: message.folded),
            qualifiers: FactQualifiers(
                outcome: outcome, serviceAccount: message.serviceAccount, initiatorKind: message.initiatorKind,
                agent: message.agent))
    }
}
