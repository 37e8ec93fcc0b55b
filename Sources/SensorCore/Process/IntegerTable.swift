// SPDX-License-Identifier: Apache-2.0

/// What an `IntegerTable` can be keyed by: a fixed number of integers.
package protocol TableKey: Equatable, BitwiseCopyable, Sendable {
    /// Well mixed in its upper bits; equal keys have equal hashes for the same seed.
    func tableHash(seed: UInt64) -> UInt64
}

extension UInt64: TableKey {
    package func tableHash(seed: UInt64) -> UInt64 { mixed(self, seed) }
}

extension UInt32: TableKey {
    package func tableHash(seed: UInt64) -> UInt64 { mixed(UInt64(self), seed) }
}

/// Folds two words into one: both halves of their product after a bijection of each.
@inline(__always)
package func mixed(_ first: UInt64, _ second: UInt64) -> UInt64 {
    let product = (first ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: second ^ 0xd6e8_feb8_6659_fd93)
    return product.high ^ product.low
}

/// A hash table for the hot path: integer keys, open addressing, no SipHash.
///
/// Each table has a seed of its own, so that foreign input (addresses in DNS answers, say) cannot choose keys that
/// collide. The order of iteration is therefore random: whatever is emitted must not depend on it.
package struct IntegerTable<Key: TableKey, Value>: ~Copyable {
    package private(set) var count = 0

    // A tag of 0 is an empty slot; else 0x80 and seven bits of the hash.
    private var tags: UnsafeMutablePointer<UInt8>
    private var keys: UnsafeMutablePointer<Key>
    private var values: UnsafeMutablePointer<Value>
    private var mask: Int
    private let seed: UInt64

    package init(minimumCapacity: Int = 0) {
        var slots = 16
        while slots * 3 / 4 < minimumCapacity { slots *= 2 }
        (tags, keys, values) = Self.allocate(slots)
        mask = slots - 1
        seed = UInt64.random(in: .min ... .max)
    }

    deinit {
        for slot in 0...mask where tags[slot] != 0 { (values + slot).deinitialize(count: 1) }
        tags.deallocate()
        keys.deallocate()
        values.deallocate()
    }

    package subscript(key: Key) -> Value? {
        let slot = find(key)
        return slot < 0 ? nil : values[slot]
    }

    package func contains(_ key: Key) -> Bool { find(key) >= 0 }

    /// Sets the value of `key`; returns the one it replaces.
    @discardableResult
    package mutating func set(_ key: Key, to value: consuming Value) -> Value? {
        let slot = find(key)
        if slot >= 0 {
            let old = (values + slot).move()
            (values + slot).initialize(to: value)
            return old
        }
        insertNew(key, value)
        return nil
    }

    /// Changes the value of `key` in place, starting from `initial` if there is none.
    package mutating func update<Result>(
        _ key: Key, default initial: @autoclosure () -> Value, _ change: (inout Value) throws -> Result
    ) rethrows -> Result {
        var slot = find(key)
        if slot < 0 { slot = insertNew(key, initial()) }
        return try change(&values[slot])
    }

    /// Changes the value of `key` in place; `nil` if there is none.
    package mutating func modify<Result>(_ key: Key, _ change: (inout Value) throws -> Result) rethrows -> Result? {
        let slot = find(key)
        return slot < 0 ? nil : try change(&values[slot])
    }

    @discardableResult
    package mutating func remove(_ key: Key) -> Value? {
        var hole = find(key)
        guard hole >= 0 else { return nil }
        let value = (values + hole).move()
        // Close the gap: every entry after it that may stand there moves up.
        var next = (hole + 1) & mask
        while tags[next] != 0 {
            let home = home(keys[next].tableHash(seed: seed))
            if (next &- home) & mask >= (next &- hole) & mask {
                tags[hole] = tags[next]
                keys[hole] = keys[next]
                (values + hole).moveInitialize(from: values + next, count: 1)
                hole = next
            }
            next = (next + 1) & mask
        }
        tags[hole] = 0
        count -= 1
        return value
    }

    package mutating func removeAll() {
        for slot in 0...mask where tags[slot] != 0 {
            (values + slot).deinitialize(count: 1)
            tags[slot] = 0
        }
        count = 0
    }

    /// Calls `body` with every entry, in no particular order.
    package func forEach(_ body: (Key, Value) throws -> Void) rethrows {
        for slot in 0...mask where tags[slot] != 0 { try body(keys[slot], values[slot]) }
    }

    // MARK: Slots

    @inline(__always)
    private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 16) & mask }

    @inline(__always)
    private func tag(_ hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 57) | 0x80 }

    @inline(__always)
    private func find(_ key: Key) -> Int {
        let hash = key.tableHash(seed: seed)
        let tag = tag(hash)
        var slot = home(hash)
        while tags[slot] != 0 {
            if tags[slot] == tag, keys[slot] == key { return slot }
            slot = (slot + 1) & mask
        }
        return -1
    }

    /// Adds a key that is not there: the caller has looked.
    @discardableResult
    package mutating func insertNew(_ key: Key, _ value: consuming Value) -> Int {
        if (count + 1) * 4 > (mask + 1) * 3 { grow() }
        let hash = key.tableHash(seed: seed)
        var slot = home(hash)
        while tags[slot] != 0 { slot = (slot + 1) & mask }
        tags[slot] = tag(hash)
        keys[slot] = key
        (values + slot).initialize(to: value)
        count += 1
        return slot
    }

    private mutating func grow() {
        let (oldTags, oldKeys, oldValues, oldMask) = (tags, keys, values, mask)
        mask = 2 * (mask + 1) - 1
        (tags, keys, values) = Self.allocate(mask + 1)
        for old in 0...oldMask where oldTags[old] != 0 {
            var slot = home(oldKeys[old].tableHash(seed: seed))
            while tags[slot] != 0 { slot = (slot + 1) & mask }
            tags[slot] = oldTags[old]
            keys[slot] = oldKeys[old]
            (values + slot).moveInitialize(from: oldValues + old, count: 1)
        }
        oldTags.deallocate()
        oldKeys.deallocate()
        oldValues.deallocate()
    }

    private static func allocate(
        _ slots: Int
    ) -> (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<Key>, UnsafeMutablePointer<Value>) {
        let tags = UnsafeMutablePointer<UInt8>.allocate(capacity: slots)
        tags.initialize(repeating: 0, count: slots)
        return (tags, .allocate(capacity: slots), .allocate(capacity: slots))
    }
}
