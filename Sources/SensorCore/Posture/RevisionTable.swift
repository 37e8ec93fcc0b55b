// SPDX-License-Identifier: Apache-2.0

/// Rollouts of a subject that were seen here: the latest sixteen.
struct RevisionTable {
    struct Entry {
        var name: String
        /// Wall clock, nanoseconds since 1970.
        var firstSeen: UInt64
        var lastSeen: UInt64
        /// Hours in which a replica of it ran and was watched.
        var observed = HourSet()

        /// - Returns: whether the hour is new.
        fileprivate mutating func note(at time: UInt64) -> Bool {
            (firstSeen, lastSeen) = (min(firstSeen, time), max(lastSeen, time))
            let hour = Sightings.hour(of: time)
            if observed.contains(hour) { return false }
            observed.insert(hour)
            return true
        }
    }

    /// What became of a revision that was noted.
    struct Place {
        /// Of `Fact.revisions`.
        var bit: UInt16
        /// The bit has meant another revision until now: the one that was seen last longest ago.
        var isReused = false
        /// There is more to be kept than the time at which it was seen last.
        var isNews = false
    }

    private(set) var entries: [Entry] = []
    /// Of the event before, mostly the same.
    private var latest = 0

    /// Bytes of it, about.
    var bytes: Int { entries.reduce(0) { $0 + 96 + 3 * ($1.observed.days?.count ?? 0) } }

    /// It ran at this time, and was watched.
    mutating func note(_ name: String, at time: UInt64) -> Place {
        if latest < entries.count, entries[latest].name == name {
            return Place(bit: 1 << UInt16(latest), isNews: entries[latest].note(at: time))
        }
        let new = Entry(name: name, firstSeen: time, lastSeen: time)
        var isReused = false
        if let known = entries.firstIndex(where: { $0.name == name }) {
            latest = known
        } else if entries.count < UInt16.bitWidth {
            latest = entries.count
            entries.append(new)
        } else if let oldest = entries.indices.min(by: { entries[$0].lastSeen < entries[$1].lastSeen }) {
            (latest, isReused) = (oldest, true)
            entries[oldest] = new
        }
        let isNews = entries[latest].note(at: time)
        return Place(bit: 1 << UInt16(latest), isReused: isReused, isNews: isNews)
    }

    /// As it was kept.
    mutating func restore(_ entry: Entry) {
        guard entries.count < UInt16.bitWidth, bit(of: entry.name) == 0 else { return }
        entries.append(entry)
    }

    /// It is this time, not as late as it was noted to be.
    mutating func turnBack(to now: UInt64) {
        for index in entries.indices {
            entries[index].observed.remove(after: Sightings.hour(of: now))
            entries[index].firstSeen = min(entries[index].firstSeen, now)
            entries[index].lastSeen = min(entries[index].lastSeen, now)
        }
    }

    /// 0: it is not known.
    func bit(of name: String) -> UInt16 {
        entries.firstIndex { $0.name == name }.map { 1 << UInt16($0) } ?? 0
    }

    func names(of bits: UInt16) -> [String] {
        entries.indices.filter { bits >> UInt16($0) & 1 != 0 }.map { entries[$0].name }.sorted()
    }
}
