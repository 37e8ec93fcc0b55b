// SPDX-License-Identifier: Apache-2.0

package import CSensorBPF

/// What one entry of the in-kernel memory has counted since it was last read.
package struct CountChange: Sendable {
    package let key: sensor_key
    /// More since the last time. The first sight, which went through the ring, is not in it.
    package let difference: sensor_count
    /// The entry was deleted with this reading: the next event is a first sight again.
    package let isEvicted: Bool
}

/// How a reading of the counts went.
package struct CountSummary: Sendable, Equatable {
    /// Entries that the memory holds.
    package var entries = 0
    /// Entries that the memory of failed opens holds.
    package var failedEntries = 0
    /// Entries of both that had counted something since they were last read.
    package var changed = 0
    /// Entries deleted because they were idle.
    package var evicted = 0

    /// Fewer than one in a hundred of many entries had changed.
    package var isQuiet: Bool { entries + failedEntries >= 4096 && changed < (entries + failedEntries) / 100 }
}

/// Reads the counts of `memory` and `failures`, tells what has changed, and deletes what has long been idle. For one
/// thread.
struct CountReader: ~Copyable {
    private var memory: CountSource
    private var failures: CountSource
    /// The map that tells the programs how many entries of a cgroup were deleted. Only this side writes it.
    private let released: Int32

    init(memory: Int32, failures: Int32, released: Int32, idleTicks: UInt16) {
        self.memory = CountSource(map: memory, idleTicks: idleTicks)
        self.failures = CountSource(map: failures, idleTicks: idleTicks)
        self.released = released
    }

    /// - Parameter beforeNew: called when entries were found that were not there before, ahead of their counts.
    mutating func read(
        beforeNew: () -> Void, _ handle: (CountChange) -> Void
    ) throws(KernelError) -> CountSummary {
        var changed = 0
        let count = { (change: CountChange) in
            changed += 1
            handle(change)
        }
        let entries = try memory.read(beforeNew: beforeNew, count)
        let evicted = memory.evictIdle(handle)
        let failedEntries = try failures.read(beforeNew: beforeNew, count)
        let failedEvicted = failures.evictIdle(handle)
        giveBack(evicted, failed: false)
        giveBack(failedEvicted, failed: true)
        let (gone, failedGone) = (evicted.values.reduce(0, +), failedEvicted.values.reduce(0, +))
        return CountSummary(
            entries: entries - gone, failedEntries: failedEntries - failedGone, changed: changed,
            evicted: gone + failedGone)
    }

    private func giveBack(_ entries: [UInt64: Int], failed: Bool) {
        for (cgroup, count) in entries {
            var cgroup = cgroup
            var total = sensor_released()
            _ = bpf_map_lookup_elem(released, &cgroup, &total)
            if failed { total.failed_entries &+= UInt64(count) } else { total.entries &+= UInt64(count) }
            _ = bpf_map_update_elem(released, &cgroup, &total, UInt64(BPF_ANY))
        }
    }

    /// Reads and deletes all entries: the next event of each is a first sight. Exact only while programs leave the memory
    /// alone.
    mutating func takeAll(beforeNew: () -> Void, _ handle: (CountChange) -> Void) throws(KernelError) {
        giveBack(try memory.takeAll(beforeNew: beforeNew, handle), failed: false)
        giveBack(try failures.takeAll(beforeNew: beforeNew, handle), failed: true)
    }

    /// Deletes these entries, wherever they are. Returns for each what it has counted since it was last read.
    mutating func forget(_ keys: [sensor_key]) -> [CountChange] {
        var evicted: [UInt64: Int] = [:]
        var failedEvicted: [UInt64: Int] = [:]
        var changes: [CountChange] = []
        changes.reserveCapacity(keys.count)
        for key in keys {
            if let change = memory.forget(key) {
                evicted[key.cgroup, default: 0] += 1
                changes.append(change)
            } else if let change = failures.forget(key) {
                failedEvicted[key.cgroup, default: 0] += 1
                changes.append(change)
            } else {
                changes.append(CountChange(key: key, difference: sensor_count(), isEvicted: true))
            }
        }
        giveBack(evicted, failed: false)
        giveBack(failedEvicted, failed: true)
        return changes
    }

    /// Deletes all entries of these cgroups that were read once.
    mutating func forget(cgroups: Set<UInt64>) {
        memory.forget(cgroups: cgroups)
        failures.forget(cgroups: cgroups)
    }
}
