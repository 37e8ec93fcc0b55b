// SPDX-License-Identifier: Apache-2.0

/// The owner of one or more cgroups: a container, a pod, a unit, the host. For the pipeline's thread only.
///
/// A reference, since what is known of it grows while cgroups, first sights and waiting events refer to it.
package final class Workload {
    // Of the properties that each event reads, exclusive access is not checked: only that thread changes them, as a whole.

    /// Unique while the sensor runs and never used again; what per-workload tables are keyed by.
    package let number: UInt64
    /// What its cgroup's path says.
    let path: CgroupPath
    let isContainer: Bool
    /// What the container's runtime keeps of it on disk; nil if nothing was to be had.
    var runtime: RuntimeContainer?
    /// Who it is, as far as is known now.
    @exclusivity(unchecked) package internal(set) var description: WorkloadDescription {
        didSet { ofRuntime = nil }
    }
    /// More will be known in a moment, so that its events had better wait.
    @exclusivity(unchecked) package internal(set) var isAwaited = false
    /// What it does is to be told.
    @exclusivity(unchecked) package internal(set) var isWatched = true
    /// The kernel is to tell what it does: it is watched itself, or the operator's map has a watched workload for one of
    /// its programs.
    var isCaptured = true
    /// A tail asks for what it does, or may do so once it is known.
    var isStreamed = true
    /// How much of what it does the kernel is to tell.
    var detail = KernelDetail.whole
    /// Events wait for it.
    var isHeld = false
    /// How many cgroups of the table, living and removed ones, are its.
    var references = 0
    /// Its cgroups that are alive.
    var cgroups: [UInt64] = []
    /// The container has executed a program of its own, not only its runtime's.
    var hasRunOwnProgram = false
    /// What its first sights take of the memory for them.
    @exclusivity(unchecked) var templateBytes = 0
    /// It has announced a tool call since it began.
    @exclusivity(unchecked) var announcesCalls = false
    /// So has a call for which tasks act.
    @exclusivity(unchecked) var hasAnnounced = false
    /// OpenTelemetry spans tell of its calls, after the fact.
    var sendsSpans = false
    private var ofRuntime: WorkloadDescription?

    init(number: UInt64, path: CgroupPath, description: WorkloadDescription) {
        self.number = number
        self.path = path
        self.description = description
        if case .container = path.owner { isContainer = true } else { isContainer = false }
    }

    /// - Parameter isRuntime: whether it is about what the container's runtime does in its cgroup, to set it up: not the
    ///   workload's doing, so it is told as another type of container.
    func description(ofRuntime isRuntime: Bool) -> WorkloadDescription {
        guard isRuntime else { return description }
        if let ofRuntime { return ofRuntime }
        var identity = description.identity
        identity.container?.type = "runtime"
        let made = WorkloadDescription(identity)
        ofRuntime = made
        return made
    }
}
