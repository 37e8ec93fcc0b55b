// SPDX-License-Identifier: Apache-2.0

/// Rollouts of a subject that were seen here: the latest sixteen.
struct RevisionTable {
    struct Entry {
        var name: String
        /// Wall clock, nanoseconds since 1970.
        var firstSeen: UInt64
        var lastSeen: UInt64
    }

    private(set) var entries: [Entry] = []
    /// Of the event before, mostly the same.
    private var latest = 0

    /// It ran at this time.
    ///
    /// - Returns: its bit, and whether that has meant another revision until now: the one that was seen last longest ago.
    mutating func note(_ name: String, at time: UInt64) -> (bit: UInt16, isReused: Bool) {
        if latest < entries.count, entries[latest].name == name {
            entries[latest].lastSeen = max(entries[latest].lastSeen, time)
            return (1 << UInt16(latest), false)
        }
        let new = Entry(name: name, firstSeen: time, lastSeen: time)
        var isReused = false
        if let known = entries.firstIndex(where: { $0.name == name }) {
            latest = known
            entries[known].firstSeen = min(entries[known].firstSeen, time)
            entries[known].lastSeen = max(entries[known].lastSeen, time)
        } else if entries.count < UInt16.bitWidth {
            latest = entries.count
            entries.append(new)
        } else if let oldest = entries.indices.min(by: { entries[$0].lastSeen < entries[$1].lastSeen }) {
            (latest, isReused) = (oldest, true)
            entries[oldest] = new
        }
        return (1 << UInt16(latest), isReused)
    }

    /// 0: it is not known.
    func bit(of name: String) -> UInt16 {
        entries.firstIndex { $0.name == name }.map { 1 << UInt16($0) } ?? 0
    }

    func names(of bits: UInt16) -> [String] {
        entries.indices.filter { bits >> UInt16($0) & 1 != 0 }.map { entries[$0].name }.sorted()
    }
}
