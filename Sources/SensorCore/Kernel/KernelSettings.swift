// SPDX-License-Identifier: Apache-2.0

/// Bounds and times of the kernel side. Sizes are fixed when the programs are loaded.
package struct KernelSettings: Sendable {
    /// Programs to be tried, the best first.
    package var images = ObjectImage.candidates(release: KernelTypes.release)
    /// Bytes of the ring of process and cgroup records: a power of two. Counts twice in RSS.
    package var lifecycleRingBytes = 1 << 20
    /// Bytes of the ring of all other records: a power of two. Counts twice in RSS.
    package var activityRingBytes = 2 << 20
    /// Entries of the in-kernel memory, 56 bytes and the hash's own each.
    package var memoryEntries: UInt32 = 131_072
    /// Entries of the memory of failed opens.
    package var failureEntries: UInt32 = 16_384
    /// Cgroups that are kept account of.
    package var workloadEntries: UInt32 = 4096
    /// Different losses (cgroup, hook, reason, kind) that are told apart.
    package var lossEntries: UInt32 = 16_384
    /// Processes that can be in the scope of a tail.
    package var scopeProcesses: UInt32 = 32_768
    /// Cgroups that can be in the scope of a tail.
    package var scopeCgroups: UInt32 = 1024
    /// Cgroups that can be left unwatched, as many that can be left unstreamed, and as many of which less can be told.
    package var unwatchedCgroups: UInt32 = 8192

    /// Bytes that one cgroup may put into the activity ring in one pass while it is more than half full.
    package var ringBudget: UInt32 = 256 << 10
    /// Entries of the memory for one cgroup.
    package var entryBudget: UInt32 = 32_768
    /// Entries of the memory of failed opens for one cgroup.
    package var failedEntryBudget: UInt32 = 4096
    /// The consumer is woken each time that many more bytes have gathered: a power of two.
    package var wakeBytes: UInt32 = 256 << 10

    /// Milliseconds between two passes while records keep coming.
    package var batchMilliseconds: Int32 = 50
    /// Milliseconds after which a sleeping consumer looks at the rings without having been woken.
    package var idleMilliseconds: Int32 = 500
    /// Records handed on in one pass.
    package var batchLimit = 65_536
    /// Ticks without a count after which an entry of the memory is deleted; 0: never. See `KernelSession.readCounts`.
    package var idleTicks: UInt16 = 60

    /// A directory of a BPF file system, in which programs and maps outlive the session; nil: they end with it.
    package var pinDirectory: String?
    /// Nanoseconds after which programs that are pinned go quiet, when nobody looks at the rings.
    package var pinPatience: UInt64 = 300_000_000_000
    /// The most that settings let that be.
    static let longestPatience: UInt64 = 86_400_000_000_000

    /// Report nothing but what is in the scope of a tail.
    package var scopeOnly = false

    package init() {}

    func check() throws(KernelError) {
        for (name, value) in [
            ("lifecycle ring", lifecycleRingBytes), ("activity ring", activityRingBytes),
            ("wake-up threshold", Int(wakeBytes)),
        ] where value < 4096 || value > 1 << 30 || value & (value - 1) != 0 {
            throw KernelError(
                .badSetting, "the size of the \(name) must be a power of two from 4096 to 1073741824: \(value)")
        }
        for (name, value) in [
            ("memory", memoryEntries), ("failures", failureEntries), ("workloads", workloadEntries),
            ("losses", lossEntries), ("scope processes", scopeProcesses), ("scope cgroups", scopeCgroups),
            ("unwatched cgroups", unwatchedCgroups),
        ] where value == 0 || value > 1 << 24 {
            throw KernelError(.badSetting, "the entries of \(name) must be from 1 to 16777216: \(value)")
        }
        guard batchMilliseconds >= 0, idleMilliseconds > 0, batchLimit > 0 else {
            throw KernelError(.badSetting, "times and limits of a pass must be positive")
        }
    }
}
