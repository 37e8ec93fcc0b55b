// SPDX-License-Identifier: Apache-2.0

/// Where a frame stands.
struct LogPlace: Equatable {
    var segment: UInt32
    var offset: UInt32
    var length: UInt32
}

/// Where the values of keys and the records stand, and how much of each segment is not garbage.
///
/// Of each key the value before the newest is kept as well: when the newest is damaged, what is lost is one tick.
struct LogIndex {
    struct Version: Equatable {
        var number: UInt64
        var place: LogPlace
    }

    struct Slot {
        var newest: Version
        /// The key has no value; `newest` is its removal, and nothing is before it.
        var isRemoved = false
        var previous: Version?
    }

    private(set) var slots: [[UInt8]: Slot] = [:]
    private(set) var records = RecordIndex()
    private(set) var live: [UInt32: Int] = [:]
    private(set) var liveBytes = 0
    /// Keys that have a value.
    private(set) var entryCount = 0

    mutating func put(_ key: [UInt8], _ version: Version) {
        guard var slot = slots[key] else {
            entryCount += 1
            take(version.place)
            slots[key] = Slot(newest: version)
            return
        }
        if version.number > slot.newest.number {
            if slot.isRemoved { entryCount += 1 }
            drop(slot.previous?.place)
            slot.previous = slot.isRemoved ? nil : slot.newest
            slot.isRemoved = false
            slot.newest = version
        } else if slot.isRemoved {
            return
        } else if version.number == slot.newest.number {
            drop(slot.newest.place)
            slot.newest = version
        } else if version.number >= slot.previous?.number ?? 0 {
            drop(slot.previous?.place)
            slot.previous = version
        } else {
            return
        }
        take(version.place)
        slots[key] = slot
    }

    mutating func remove(_ key: [UInt8], _ version: Version) {
        if let slot = slots[key] {
            guard version.number >= slot.newest.number else { return }
            if !slot.isRemoved {
                entryCount -= 1
                drop(slot.newest.place)
                drop(slot.previous?.place)
            }
        }
        slots[key] = Slot(newest: version, isRemoved: true)
    }

    /// A value turned out to be damaged.
    mutating func lose(_ key: [UInt8], at place: LogPlace) {
        guard var slot = slots[key], !slot.isRemoved else { return }
        if slot.previous?.place == place {
            slot.previous = nil
        } else if slot.newest.place == place {
            if let previous = slot.previous {
                slot.newest = previous
                slot.previous = nil
            } else {
                entryCount -= 1
                slots[key] = nil
                return drop(place)
            }
        } else {
            return
        }
        slots[key] = slot
        drop(place)
    }

    /// Removals that stand in the oldest segment have nothing left to remove.
    mutating func forgetRemovals(in segment: UInt32) {
        for (key, slot) in slots where slot.isRemoved && slot.newest.place.segment == segment { slots[key] = nil }
    }

    mutating func forget(_ segment: UInt32) { live[segment] = nil }

    mutating func record(_ sequence: UInt64, _ place: LogPlace) {
        drop(records[sequence])
        if records.set(sequence, place) { take(place) }
    }

    mutating func loseRecord(_ sequence: UInt64) {
        if let old = records.clear(sequence) { drop(old) }
    }

    mutating func dropRecords(through sequence: UInt64) {
        for place in records.removeAll(through: sequence) { drop(place) }
    }

    private mutating func take(_ place: LogPlace) {
        live[place.segment, default: 0] += Int(place.length)
        liveBytes += Int(place.length)
    }

    private mutating func drop(_ place: LogPlace?) {
        guard let place else { return }
        live[place.segment, default: 0] -= Int(place.length)
        liveBytes -= Int(place.length)
    }
}

/// Records by sequence: 12 bytes for each, and for each that is missing between them.
struct RecordIndex {
    private var places: [LogPlace] = []
    /// Of the first place.
    private var base: UInt64 = 0
    private var start = 0

    private static let none = LogPlace(segment: 0, offset: 0, length: 0)
    /// So many may be missing at once, so that a damaged number costs no memory.
    private static let limit = 1 << 20

    subscript(sequence: UInt64) -> LogPlace? {
        guard let index = index(sequence), places[index] != Self.none else { return nil }
        return places[index]
    }

    /// Records that are there.
    private(set) var count = 0
    /// Of their frames.
    private(set) var bytes = 0

    /// The last of the first records that take so many bytes together; nil: there are none.
    func last(ofBytes limit: Int) -> UInt64? {
        var sum = 0
        for index in start..<places.count {
            sum += Int(places[index].length)
            if sum >= limit { return base + UInt64(index) }
        }
        return last
    }

    /// Of the frames of records behind one; looks at each of them.
    func bytes(after sequence: UInt64) -> Int {
        var sum = 0
        for index in (start..<places.count).reversed() {
            guard base + UInt64(index) > sequence else { break }
            sum += Int(places[index].length)
        }
        return sum
    }

    /// The last record.
    var last: UInt64? { places.count > start ? base + UInt64(places.count) - 1 : nil }

    /// The first record from `sequence` on.
    func first(from sequence: UInt64) -> UInt64? {
        guard let last, sequence <= last else { return nil }
        var index = max(start, sequence > base ? Int(sequence - base) : 0)
        while index < places.count, places[index] == Self.none { index += 1 }
        return index < places.count ? base + UInt64(index) : nil
    }

    /// Sequences in a segment.
    func sequences(in segment: UInt32) -> [UInt64] {
        (start..<places.count).filter { places[$0] != Self.none && places[$0].segment == segment }.map {
            base + UInt64($0)
        }
    }

    /// Returns false if that is too far from the others.
    mutating func set(_ sequence: UInt64, _ place: LogPlace) -> Bool {
        if places.count == start {
            places.removeAll(keepingCapacity: true)
            (base, start) = (sequence, 0)
        }
        if sequence < base + UInt64(start) {
            let missing = base + UInt64(start) - sequence
            guard missing < UInt64(Self.limit) else { return false }
            places.replaceSubrange(..<start, with: repeatElement(Self.none, count: Int(missing)))
            (base, start) = (sequence, 0)
        }
        guard sequence - base < UInt64(places.count + Self.limit) else { return false }
        let index = Int(sequence - base)
        while places.count <= index { places.append(Self.none) }
        if places[index] == Self.none { count += 1 }
        bytes += Int(place.length) - Int(places[index].length)
        places[index] = place
        return true
    }

    mutating func clear(_ sequence: UInt64) -> LogPlace? {
        guard let index = index(sequence), places[index] != Self.none else { return nil }
        defer { places[index] = Self.none }
        count -= 1
        bytes -= Int(places[index].length)
        return places[index]
    }

    /// Returns what was there.
    mutating func removeAll(through sequence: UInt64) -> [LogPlace] {
        var removed: [LogPlace] = []
        while start < places.count, base + UInt64(start) <= sequence {
            if places[start] != Self.none {
                count -= 1
                bytes -= Int(places[start].length)
                removed.append(places[start])
            }
            places[start] = Self.none
            start += 1
        }
        if start > 1024, start > places.count / 2 {
            places.removeSubrange(..<start)
            base += UInt64(start)
            start = 0
        }
        return removed
    }

    private func index(_ sequence: UInt64) -> Int? {
        guard sequence >= base, sequence - base < UInt64(places.count) else { return nil }
        let index = Int(sequence - base)
        return index >= start ? index : nil
    }
}
