// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What was last read of each entry of the in-kernel memory.
///
/// Open addressing with linear probing. Two words of a key are hashes already, seeded anew at each start, so mixing
/// them is enough. A slot is 64 bytes; the table is at most half full.
struct CountTable: ~Copyable {
    struct Slot: BitwiseCopyable {
        var key: sensor_key
        var count: sensor_count
        /// The tick it was last read in.
        var tick: UInt32
        /// Ticks without a change.
        var idle: UInt16
        var isUsed: Bool
    }

    private var slots: UnsafeMutableBufferPointer<Slot>
    private(set) var count = 0

    init() {
        slots = Self.allocate(256)
    }

    deinit { slots.deallocate() }

    private static func allocate(_ capacity: Int) -> UnsafeMutableBufferPointer<Slot> {
        let slots = UnsafeMutableBufferPointer<Slot>.allocate(capacity: capacity)
        slots.initialize(
            repeating: Slot(key: sensor_key(), count: sensor_count(), tick: 0, idle: 0, isUsed: false))
        return slots
    }

    /// Gives the slot of `key` to `body`: the one there was, or a new one with all counts zero.
    mutating func withSlot<Result>(of key: sensor_key, _ body: (inout Slot) -> Result) -> Result {
        if 2 * count >= slots.count { grow() }
        let index = find(key)
        if !slots[index].isUsed {
            slots[index] = Slot(key: key, count: sensor_count(), tick: 0, idle: 0, isUsed: true)
            count += 1
        }
        return body(&slots[index])
    }

    var keys: [sensor_key] { slots.filter(\.isUsed).map(\.key) }

    /// Removes every slot that `isStale` says so of.
    mutating func removeAll(where isStale: (borrowing Slot) -> Bool) {
        var index = 0
        while index < slots.count {
            // What moves into the gap is looked at too.
            if slots[index].isUsed, isStale(slots[index]) { remove(at: index) } else { index += 1 }
        }
    }

    mutating func remove(_ key: sensor_key) {
        let index = find(key)
        if slots[index].isUsed { remove(at: index) }
    }

    /// Closes the gap by moving up what stands behind it and could stand in it.
    private mutating func remove(at index: Int) {
        let mask = slots.count - 1
        var gap = index
        var next = (gap + 1) & mask
        while slots[next].isUsed {
            let home = Self.hash(slots[next].key) & mask
            if (next - home) & mask >= (next - gap) & mask {
                slots[gap] = slots[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        slots[gap].isUsed = false
        count -= 1
    }

    private func find(_ key: sensor_key) -> Int {
        let mask = slots.count - 1
        var index = Self.hash(key) & mask
        while slots[index].isUsed, !Self.equal(slots[index].key, key) { index = (index + 1) & mask }
        return index
    }

    private mutating func grow() {
        let old = slots
        slots = Self.allocate(2 * old.count)
        for slot in old where slot.isUsed { slots[find(slot.key)] = slot }
        old.deallocate()
    }

    private static func hash(_ key: sensor_key) -> Int {
        let small = UInt64(key.calls) << 32 | UInt64(key.error) << 16 | UInt64(key.hook) << 8 | UInt64(key.kind)
        var hash = key.object ^ key.executable &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ hash >> 32 ^ key.cgroup) &* 0xd6e8_feb8_6659_fd93
        hash = (hash ^ hash >> 32 ^ small) &* 0xd6e8_feb8_6659_fd93
        return Int(truncatingIfNeeded: hash >> 20)
    }

    private static func equal(_ one: sensor_key, _ other: sensor_key) -> Bool {
        one.object == other.object && one.executable == other.executable && one.cgroup == other.cgroup
            && one.kind == other.kind && one.hook == other.hook && one.error == other.error
            && one.calls == other.calls
    }
}
