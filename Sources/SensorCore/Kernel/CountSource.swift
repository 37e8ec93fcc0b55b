// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// One map from `sensor_key` to `sensor_count`, and what was last read of it.
struct CountSource: ~Copyable {
    private let map: Int32
    /// Ticks without a change after which an entry is deleted; 0: never.
    private let idleTicks: UInt16
    private var table = CountTable()
    private var tick: UInt32 = 0
    /// The kernel has `BPF_MAP_LOOKUP_BATCH` for hashes (5.6).
    private var hasBatches: Bool
    private var keys = [sensor_key](repeating: sensor_key(), count: 1024)
    private var values = [sensor_count](repeating: sensor_count(), count: 1024)
    /// What this tick found to be idle.
    private var idle: [sensor_key] = []

    /// The kernel's own ENOTSUPP, which user space should never see, and does.
    private static let notSupported: Int32 = 524

    init(map: Int32, idleTicks: UInt16, hasBatches: Bool = true) {
        self.map = map
        self.idleTicks = idleTicks
        self.hasBatches = hasBatches
    }

    /// One tick: hands on what has changed. Returns how many entries there are.
    ///
    /// - Parameter beforeNew: called when entries were found that were not there before, ahead of their counts.
    mutating func read(beforeNew: () -> Void, _ handle: (CountChange) -> Void) throws(KernelError) -> Int {
        tick &+= 1
        idle.removeAll(keepingCapacity: true)
        var entries = 0
        if hasBatches {
            let error = readBatches(&entries, beforeNew, handle)
            if entries == 0, error == -EINVAL || error == -ENOTSUP || error == -Self.notSupported {
                hasBatches = false
            } else if error != 0 {
                throw KernelError(.systemCall, "cannot read the counts", errorNumber: -error)
            }
        }
        if !hasBatches { readOneByOne(&entries, beforeNew, handle) }
        if table.count > entries {
            let tick = tick
            table.removeAll { $0.tick != tick }
        }
        return entries
    }

    /// A batch ends between two buckets, each of which is read under its lock: an entry that is there all the time
    /// comes exactly once.
    private mutating func readBatches(
        _ entries: inout Int, _ beforeNew: () -> Void, _ handle: (CountChange) -> Void
    ) -> Int32 {
        var position: UInt64 = 0
        var isFirst = true
        while true {
            var count = UInt32(keys.count)
            let error = keys.withUnsafeMutableBytes { keys in
                values.withUnsafeMutableBytes { values in
                    withUnsafeMutablePointer(to: &position) {
                        bpf_map_lookup_batch(
                            map, isFirst ? nil : $0, $0, keys.baseAddress, values.baseAddress, &count, nil)
                    }
                }
            }
            // The next bucket alone does not fit.
            if error == -ENOSPC, keys.count < 1 << 20 {
                keys.append(contentsOf: repeatElement(sensor_key(), count: keys.count))
                values.append(contentsOf: repeatElement(sensor_count(), count: values.count))
                continue
            }
            guard error == 0 || error == -ENOENT else { return error }
            var isSettled = false
            for index in 0..<Int(count) {
                note(keys[index], values[index], &isSettled, beforeNew, handle)
            }
            entries += Int(count)
            if error == -ENOENT { return 0 }
            isFirst = false
        }
    }

    /// Without batches. A deleted key makes the walk start again, so that an entry may come twice: it has not changed
    /// the second time.
    private mutating func readOneByOne(
        _ entries: inout Int, _ beforeNew: () -> Void, _ handle: (CountChange) -> Void
    ) {
        var current = sensor_key()
        var next = sensor_key()
        var value = sensor_count()
        var error = bpf_map_get_next_key(map, nil, &next)
        while error == 0 {
            var isSettled = false
            if bpf_map_lookup_elem(map, &next, &value) == 0, note(next, value, &isSettled, beforeNew, handle) {
                entries += 1
            }
            current = next
            error = bpf_map_get_next_key(map, &current, &next)
        }
    }

    /// - Parameter isSettled: whether `beforeNew` has been called since this entry was read.
    /// - Returns: whether it is the first reading of the entry in this tick.
    @discardableResult
    private mutating func note(
        _ key: sensor_key, _ value: sensor_count, _ isSettled: inout Bool, _ beforeNew: () -> Void,
        _ handle: (CountChange) -> Void
    ) -> Bool {
        let tick = tick
        let known = table.count
        let (difference, idleFor, isFirst) = table.withSlot(of: key) { slot in
            let difference = Self.difference(value, slot.count)
            let isChanged = difference.count != 0 || difference.sent != 0 || difference.received != 0
            let isFirst = slot.tick != tick
            if isChanged {
                slot.count = value
                slot.idle = 0
            } else if isFirst, slot.idle < .max {
                slot.idle += 1
            }
            slot.tick = tick
            return (isChanged ? difference : nil, slot.idle, isFirst)
        }
        if table.count > known, !isSettled {
            isSettled = true
            beforeNew()
        }
        if let difference {
            handle(CountChange(key: key, difference: difference, isEvicted: false))
        } else if idleTicks > 0, idleFor > idleTicks, isFirst {
            idle.append(key)
        }
        return isFirst
    }

    /// A smaller count than before belongs to an entry that was deleted and made again.
    private static func difference(_ now: sensor_count, _ before: sensor_count) -> sensor_count {
        guard now.count >= before.count, now.sent >= before.sent, now.received >= before.received else { return now }
        return sensor_count(
            count: now.count - before.count, sent: now.sent - before.sent, received: now.received - before.received)
    }

    // MARK: Deleting

    /// Deletes what this tick found to be idle, with its last value handed on. Returns how many, by cgroup.
    mutating func evictIdle(_ handle: (CountChange) -> Void) -> [UInt64: Int] {
        var evicted: [UInt64: Int] = [:]
        for key in idle {
            guard let change = forget(key) else { continue }
            handle(change)
            evicted[key.cgroup, default: 0] += 1
        }
        return evicted
    }

    /// Deletes one entry. Returns what it has counted since it was last read, nil if there was no such entry.
    mutating func forget(_ key: sensor_key) -> CountChange? {
        var value = sensor_count()
        guard MapElement.take(key, from: map, into: &value) else { return nil }
        let last = value
        let difference = table.withSlot(of: key) { Self.difference(last, $0.count) }
        table.remove(key)
        return CountChange(key: key, difference: difference, isEvicted: true)
    }

    /// Reads and deletes all there is. Returns how many, by cgroup.
    mutating func takeAll(
        beforeNew: () -> Void, _ handle: (CountChange) -> Void
    ) throws(KernelError) -> [UInt64: Int] {
        _ = try read(beforeNew: beforeNew, handle)
        var taken: [UInt64: Int] = [:]
        for key in table.keys {
            guard let change = forget(key) else { continue }
            handle(change)
            taken[key.cgroup, default: 0] += 1
        }
        return taken
    }

    /// One pass over the table, however many they are.
    mutating func forget(cgroups: Set<UInt64>) {
        let map = map
        table.removeAll { slot in
            guard cgroups.contains(slot.key.cgroup) else { return false }
            var key = slot.key
            _ = bpf_map_delete_elem(map, &key)
            return true
        }
    }
}
