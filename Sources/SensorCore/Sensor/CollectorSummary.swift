// SPDX-License-Identifier: Apache-2.0

/// How collecting went so far.
package struct CollectorSummary: Sendable {
    /// Kernel and daemon together.
    package var losses = LossLedger()
    package var statistics = PipelineStatistics()
    /// io_uring operations that nobody decodes, by cgroup.
    package var uringOperations: [Pipeline.UringOperation: UInt64] = [:]
    package var programs: [ProgramStatus] = []
    /// Which of the embedded objects they are of: see `ObjectImage`.
    package var image = ""
    /// What was found of an earlier run; nil: nothing, or nothing is pinned.
    package var takeOver: TakeOverReport?
    /// Cgroups that the kernel had no room to leave unwatched: what they do costs, though no event is made of it.
    package var unenforcedCgroups: UInt64 = 0
    /// Workloads cannot be told: this process sees a part of the host's cgroups only.
    package var seesPartOfCgroups = false
    /// The first thing that went wrong while collecting and did not end it: reading counts, writing the recording.
    package var trouble: String?
    /// What waits for the journal.
    package var queues: [FillLevel] = []
    /// What the kernel side takes up; nil: nobody has looked.
    package var kernel: KernelUse?
    /// nil: there are no limits to be held.
    package var overload: OverloadStatus?

    package init() {}

    /// io_uring operations that nobody decodes, by `UringOperationNames`.
    package var blindUringOperations: [String: UInt64] {
        uringOperations.reduce(into: [:]) { $0[UringOperationNames.name(of: $1.key.opcode), default: 0] &+= $1.value }
    }

    /// What was done and no event tells of, by name: `io_uring unlinkat`, or `compat` for 32-bit calls.
    package var blindOperations: [String: UInt64] {
        var found: [String: UInt64] = [:]
        for (name, count) in blindUringOperations { found["io_uring \(name)"] = count }
        let compat = losses.compatCalls
        if compat > 0 { found[LossReason.compat.name] = compat }
        return found
    }
}
