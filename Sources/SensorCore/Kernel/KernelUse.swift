// SPDX-License-Identifier: Apache-2.0

/// What the kernel side takes up at one moment: room and time.
package struct KernelUse: Sendable {
    /// Bytes that wait in the rings.
    package var rings: [FillLevel] = []
    /// Entries of the hashes, about: some come and go meanwhile.
    package var maps: [FillLevel] = []
    package var programs: [ProgramCost] = []
    /// Somebody has the kernel count what programs cost (`kernel.bpf_stats_enabled`).
    package var isTimed = false

    package init() {}
}

/// What one program has cost so far. Times and runs are counted only while somebody has switched the kernel's statistics on
/// (`kernel.bpf_stats_enabled`, or BPF_ENABLE_STATS).
package struct ProgramCost: Sendable {
    package var name: String
    package var nanoseconds: UInt64
    package var runs: UInt64
    /// Runs that were skipped because the program was already running on that processor.
    package var recursionMisses: UInt64

    package init(name: String, nanoseconds: UInt64, runs: UInt64, recursionMisses: UInt64) {
        (self.name, self.nanoseconds, self.runs) = (name, nanoseconds, runs)
        self.recursionMisses = recursionMisses
    }
}

extension KernelSession {
    /// Goes through the maps, hundreds of microseconds where they are full: for whoever asks once in a while.
    package func use() -> KernelUse {
        var use = KernelUse()
        let (lifecycle, activity) = rings.fill()
        use.rings = [
            .init(name: "lifecycle", used: Int(lifecycle), size: settings.lifecycleRingBytes),
            .init(name: "activity", used: Int(activity), size: settings.activityRingBytes),
        ]
        // Those two are the largest, and are gone through at each tick anyway.
        let known = ["memory": latestCounts.entries, "failures": latestCounts.failedEntries]
        for hash in object.hashes {
            use.maps.append(
                .init(name: hash.name, used: known[hash.name] ?? MapElement.count(in: hash), size: hash.entries))
        }
        use.programs = programCosts()
        use.isTimed = ProcFile.text("/proc/sys/kernel/bpf_stats_enabled")?.hasPrefix("1") ?? false
        return use
    }
}
