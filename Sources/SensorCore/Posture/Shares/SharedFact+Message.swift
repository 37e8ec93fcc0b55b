// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension SharedFact {
    /// What one writer has counted, with all else that is known of the fact: what it is merged from again. nil: that writer
    /// has not told of it.
    func message(_ identity: Identity, of writer: String) -> PostureFact? {
        writers[writer].map { message(identity, $0, PostureDays($0.days)) }
    }

    /// All writers together.
    func message(_ identity: Identity) -> PostureFact {
        let today = writers.values.compactMap(\.days.latest).max() ?? 0
        return message(identity, counts, PostureDays(days(today: today)))
    }

    private func message(_ identity: Identity, _ counts: Counts, _ days: PostureDays) -> PostureFact {
        let kind = identity.key.kind
        var message = PostureFact(identity.key, identity.qualifiers)
        if identity.isOverflow {
            message = PostureFact.with {
                ($0.discipline, $0.kind, $0.overflow) = (kind.discipline.name, kind.name, true)
            }
        }
        (message.count, message.distinct) = (counts.count, counts.distinct)
        (message.bytesSent, message.bytesReceived) = (counts.sent, counts.received)
        message.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: firstSeen)
        message.lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: lastSeen)
        message.hourOfDay = counts.hours.map { UInt32(clamping: $0) }
        (message.replicas, message.processes) = (replicas.sorted(), processes.sorted())
        message.attribution = PostureAttribution(counts)
        if !sightings.isEmpty { message.sightings = PostureSightings(sightings) }
        message.revisions = revisions.sorted()
        message.exemplars = exemplars
        // Of a fact that was so in one hour alone the sightings tell as much.
        if sightings.earliestHours.count > 1 {
            message.days = days
            message.firstDays = (0..<24).map { UInt32(firsts[$0] ?? 0) }
        }
        return message
    }
}

extension PostureAttribution {
    fileprivate init(_ counts: SharedFact.Counts) {
        self.init()
        let known = counts.attributed
        func count(_ place: Int) -> UInt64 { known.indices.contains(place) ? known[place] : 0 }
        (exact, process, argument, candidates, window) = (count(0), count(1), count(2), count(3), count(4))
        let sum = known.reduce(0) { Saturating.sum($0, $1) }
        none = counts.count - min(counts.count, sum)
    }
}

extension PostureDays {
    /// Of several writers together.
    fileprivate init(_ series: DaySeries) {
        self.init()
        latestDay = UInt32(series.today)
        count = UInt32(clamping: series[0])
        let codes = (1...DayCounts.reach).map { DayScale.code(of: series[$0]) }
        earlier.append(contentsOf: codes.prefix((codes.lastIndex { $0 != 0 } ?? -1) + 1))
    }
}
