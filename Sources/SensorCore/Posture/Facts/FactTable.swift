// SPDX-License-Identifier: Apache-2.0

/// Facts of one subject: keys one after the other in memory, found by open addressing. Facts are never removed one by one.
struct FactTable: ~Copyable {
    private struct Entry {
        var offset: UInt32
        var length: UInt16
        var kind: FactKind
        /// Index of its qualifiers.
        var qualifiers: UInt8
        var hash: UInt32
    }

    private(set) var count = 0
    private var entries: [Entry] = []
    var facts: [Fact] = []
    private var histories: [FactHistory] = []
    private var keys: [UInt8] = []
    /// Index of a fact and 1 more, 0: empty. As many as a power of two.
    private var slots: [UInt32] = []
    /// Whoever chooses keys is not to know where they go.
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    var bytes: Int {
        entries.capacity * MemoryLayout<Entry>.stride + facts.capacity * MemoryLayout<Fact>.stride + keys.capacity
            + slots.capacity * 4 + histories.capacity * MemoryLayout<FactHistory>.stride
    }

    func key(at index: Int) -> FactKey {
        let entry = entries[index]
        let start = Int(entry.offset)
        return FactKey(entry.kind, bytes: Array(keys[start..<start + Int(entry.length)]))
    }

    func kind(at index: Int) -> FactKind { entries[index].kind }

    func qualifiers(at index: Int) -> UInt8 { entries[index].qualifiers }

    func find(_ key: FactKey, _ qualifiers: UInt8) -> Int? {
        slots.isEmpty ? nil : find(key, qualifiers, hash(of: key, qualifiers)).found
    }

    /// A fact that is there was so again.
    ///
    /// - Returns: false if so many more cannot wait, or it was so before it was first seen.
    mutating func countAgain(_ index: Int, _ count: UInt64, at time: UInt64) -> Bool {
        facts[index].countAgain(count, at: time)
    }

    /// nil: the fact was so in the hour that it was first seen in, and in no other.
    func history(of index: Int) -> FactHistory? {
        let place = Int(facts[index].historyPlace)
        return place == 0 ? nil : histories[place - 1]
    }

    /// - Precondition: its count is that of before.
    mutating func addToHistory(_ count: UInt64, of index: Int, hour: UInt32, at time: UInt64) {
        if facts[index].historyPlace == 0 {
            let first = Sightings.hour(of: facts[index].firstSeen)
            if facts[index].count == 0 || first == hour { return }
            var history = FactHistory()
            history.add(facts[index].count, hour: first, random: StableHash.mixed(time))
            facts[index].historyPlace = keep(history)
        }
        let place = Int(facts[index].historyPlace) - 1
        histories[place].add(count, hour: hour, random: StableHash.mixed(time ^ UInt64(index) << 48))
    }

    /// Where it is from now on: of `Fact.historyPlace`.
    mutating func keep(_ history: FactHistory) -> UInt32 {
        // A little at a time: of many subjects most grow no more.
        if histories.count == histories.capacity {
            histories.reserveCapacity(histories.count + max(histories.count / 8, 8))
        }
        histories.append(history)
        return UInt32(histories.count)
    }

    /// It is this UTC hour since 1970, not as late as it was noted to be.
    mutating func turnHistoriesBack(to hour: UInt32) {
        for index in histories.indices { histories[index].turnBack(to: hour) }
    }

    /// - Precondition: it is not there yet.
    mutating func insert(_ key: FactKey, _ qualifiers: UInt8, _ fact: Fact) -> Int {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let hash = hash(of: key, qualifiers)
        reserve()
        let index = count
        entries.append(
            Entry(
                offset: UInt32(keys.count), length: UInt16(key.bytes.count), kind: key.kind, qualifiers: qualifiers,
                hash: UInt32(truncatingIfNeeded: hash >> 32)))
        if keys.count + key.bytes.count > keys.capacity {
            keys.reserveCapacity(keys.count + key.bytes.count + max(keys.count / 8, 512))
        }
        keys += key.bytes
        facts.append(fact)
        count += 1
        place(index, hash)
        return index
    }

    /// A little at a time: of many subjects most grow no more.
    private mutating func reserve() {
        guard count == entries.capacity || count == facts.capacity else { return }
        let wanted = count + max(count / 8, 8)
        entries.reserveCapacity(wanted)
        facts.reserveCapacity(wanted)
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: max(slots.count * 2, 16))
        for index in 0..<count { place(index, hash(of: key(at: index), entries[index].qualifiers)) }
    }

    private mutating func place(_ index: Int, _ hash: UInt64) {
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt32(index + 1)
    }

    private func find(_ key: FactKey, _ qualifiers: UInt8, _ hash: UInt64) -> (found: Int?, slot: Int) {
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if matches(entries[index], key, qualifiers, hash) { return (index, slot) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return (nil, slot)
    }

    private func matches(_ entry: Entry, _ key: FactKey, _ qualifiers: UInt8, _ hash: UInt64) -> Bool {
        entry.hash == UInt32(truncatingIfNeeded: hash >> 32) && entry.qualifiers == qualifiers
            && entry.kind == key.kind && Int(entry.length) == key.bytes.count
            && keys[Int(entry.offset)..<Int(entry.offset) + key.bytes.count].elementsEqual(key.bytes)
    }

    private func hash(of key: FactKey, _ qualifiers: UInt8) -> UInt64 {
        var hash = seed ^ UInt64(key.kind.rawValue) << 8 ^ UInt64(qualifiers)
        key.bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                hash = Self.mix(hash ^ word)
                offset += 8
            }
            var rest = UInt64(bytes.count)
            while offset < bytes.count {
                rest = rest << 8 | UInt64(bytes[offset])
                offset += 1
            }
            hash = Self.mix(hash ^ rest)
        }
        return hash
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return high ^ low &* 0xd6e8_feb8_6659_fd93
    }
}
