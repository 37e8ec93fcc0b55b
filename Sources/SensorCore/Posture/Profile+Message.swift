// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension Profile {
    /// All that is known here of the subject, to be merged and read.
    package func message() -> PostureProfile {
        var message = header()
        message.facts = (0..<count).map(self.message) + message.facts
        return message
    }

    /// Of the tools that it has called.
    var toolNames: [String] { Set(indices(of: .tool).map { facts.key(at: $0)[.name].text }).sorted() }

    /// For whose calls a fact was so, as `FactTools` has it: with few tools this is quicker than to look at all that was done for
    /// them.
    ///
    /// - Parameter names: `toolNames`.
    func tools(of index: Int, among names: [String]) -> [PostureToolCount] {
        if names.isEmpty || [.effect, .tool, .sequence].contains(facts.kind(at: index)) { return [] }
        let (key, qualifiers) = (facts.key(at: index), facts.qualifiers(at: index))
        let found = names.compactMap { name in
            facts.find(key.effect(of: name), qualifiers).map { place in
                PostureToolCount.with { ($0.name, $0.count) = (name, facts.facts[place].count) }
            }
        }
        return Array(found.sorted { ($1.count, $0.name) < ($0.count, $1.name) }.prefix(FactTools.limit))
    }

    /// What is known of the subject beside facts of their own.
    func header() -> PostureProfile {
        settleRepeats()
        return PostureProfile.with {
            $0.facts = overflow.sorted { $0.key.rawValue < $1.key.rawValue }.map(Self.message)
            $0.writer = writer
            $0.revisions = revisions.entries.sorted { ($0.firstSeen, $0.name) < ($1.firstSeen, $1.name) }.map { entry in
                PostureRevision(entry)
            }
            $0.exercise = PostureExercise(exercise)
            $0.set(hours)
        }
    }

    package func message(of index: Int) -> PostureFact {
        settleRepeats(of: index)
        let fact = facts.facts[index]
        var message = PostureFact(facts.key(at: index), qualifiers[facts.qualifiers(at: index)])
        message.count = fact.count
        message.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: fact.firstSeen)
        message.lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: fact.lastSeen)
        if let history = facts.history(of: index) {
            message.hourOfDay = history.hours
            message.days = PostureDays(history.days)
            message.firstDays = (0..<24).map { UInt32(history.firsts[$0] ?? 0) }
        } else {
            message.hourOfDay = [UInt32](repeating: 0, count: 24)
            message.hourOfDay[Int(Sightings.hour(of: fact.firstSeen) % 24)] = UInt32(clamping: fact.count)
        }
        fact.replicas.forEach { message.replicas.append(names[$0].text) }
        fact.processes.forEach { message.processes.append(names[$0].text) }
        message.replicas.sort()
        message.processes.sort()
        message.attribution = PostureAttribution(fact)
        message.bytesSent = fact.sent
        message.bytesReceived = fact.received
        message.sightings = PostureSightings(fact.sightings)
        message.revisions = revisions.names(of: fact.revisions)
        if let paths = foldedPaths(of: index) {
            (message.distinct, message.exemplars) = (paths.distinct.estimate, paths.exemplars.values.map(\.text))
        }
        return message
    }

    /// The same, as it is kept.
    func keptMessage(of index: Int) -> PostureFact {
        var message = message(of: index)
        message.untold = facts.facts[index].isChanged
        return message
    }
}

extension PostureFact {
    /// Its identity.
    init(_ key: FactKey, _ qualifiers: FactQualifiers) {
        self.init()
        discipline = key.kind.discipline.name
        kind = key.kind.name
        self.key = PostureFactKey(key)
        folded = key.isFolded
        outcome = qualifiers.outcome.name
        serviceAccount = qualifiers.serviceAccount
        initiatorKind = qualifiers.initiatorKind
        agent = qualifiers.agent
    }
}

extension Fact {
    /// As it was kept, without names and hours.
    init(_ message: PostureFact) {
        self.init(firstSeen: message.firstSeen.nanosecondsSince1970)
        lastSeen = message.lastSeen.nanosecondsSince1970
        (count, sent, received) = (message.count, message.bytesSent, message.bytesReceived)
        if !message.untold {
            (toldCount, toldBytes, toldAt) = (count, sent &+ received, UInt32(clamping: lastSeen / 1_000_000_000))
        }
        sightings = Sightings(message.sightings)
        let attribution = message.attribution
        attributed[Self.place(of: .exact)] = UInt32(clamping: attribution.exact)
        attributed[Self.place(of: .process)] = UInt32(clamping: attribution.process)
        attributed[Self.place(of: .argument)] = UInt32(clamping: attribution.argument)
        attributed[Self.place(of: .candidates)] = UInt32(clamping: attribution.candidates)
        attributed[Self.place(of: .window)] = UInt32(clamping: attribution.window)
    }
}

extension PostureAttribution {
    fileprivate init(_ fact: Fact) {
        self.init()
        let counts = fact.attributed
        exact = UInt64(counts[Fact.place(of: .exact)])
        process = UInt64(counts[Fact.place(of: .process)])
        argument = UInt64(counts[Fact.place(of: .argument)])
        candidates = UInt64(counts[Fact.place(of: .candidates)])
        window = UInt64(counts[Fact.place(of: .window)])
        none = fact.count - min(fact.count, exact + process + argument + candidates + window)
    }
}

extension PostureSightings {
    init(_ sightings: Sightings) {
        self.init()
        firstHours = sightings.earliestHours
        latestDay = UInt32(sightings.days.latest ?? 0)
        daysLow = UInt64(truncatingIfNeeded: sightings.days.bits)
        daysHigh = UInt64(truncatingIfNeeded: sightings.days.bits >> 64)
    }
}

extension Sightings {
    init(_ message: PostureSightings) {
        self.init(
            earliestHours: message.firstHours,
            days: DaySet(
                latest: UInt16(clamping: message.latestDay),
                bits: UInt128(message.daysHigh) << 64 | UInt128(message.daysLow)))
    }
}

extension PostureRevision {
    init(_ entry: RevisionTable.Entry) {
        self.init()
        name = entry.name
        firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: entry.firstSeen)
        lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: entry.lastSeen)
        observed = PostureHours(entry.observed)
    }
}

extension RevisionTable.Entry {
    init(_ message: PostureRevision) {
        self.init(
            name: message.name, firstSeen: message.firstSeen.nanosecondsSince1970,
            lastSeen: message.lastSeen.nanosecondsSince1970, observed: HourSet(message.observed))
    }
}

extension PostureHours {
    init(_ hours: HourSet) {
        self.init()
        guard let days = hours.days else { return }
        latestDay = UInt32(days.upperBound)
        for day in days {
            let hours = hours.hours(of: day)
            bits.append(contentsOf: (0..<3).map { UInt8(truncatingIfNeeded: hours >> (8 * UInt32($0))) })
        }
    }
}

extension HourSet {
    init(_ message: PostureHours) {
        self.init()
        let bits = Array(message.bits.suffix(3 * HourSet.span))
        let count = bits.count / 3
        for index in (0..<count).reversed() where count - 1 - index <= Int(message.latestDay) {
            let hours = (0..<3).reduce(UInt32(0)) { $0 | UInt32(bits[3 * index + $1]) << UInt32(8 * $1) }
            insert(hours, of: UInt16(clamping: Int(message.latestDay) - (count - 1 - index)))
        }
    }
}
