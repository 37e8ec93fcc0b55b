// SPDX-License-Identifier: Apache-2.0

/// What a tail needs the kernel to send, as far as the kernel can tell it apart.
package struct StreamDemand: Sendable, Equatable {
    /// Processes; empty together with `root`: all.
    package var pids: Set<UInt32>
    /// A process with everything that it forks.
    package var root: UInt32?
    package var kinds: KindSet
    package var workloads: WorkloadFilter
    /// First sights come in any case: nothing needs to be streamed.
    package var isFirstSeenOnly: Bool

    /// - Parameters:
    ///   - filter: which events the tail shows.
    ///   - compiled: the same.
    ///   - root: a process that is watched with everything that it forks, instead of those of the filter.
    package init(filter: EventFilter, compiled: CompiledFilter, root: UInt32? = nil) {
        pids = root == nil ? Set(filter.pids) : []
        self.root = root
        kinds = compiled.kinds.withPrerequisites
        workloads = compiled.workloads
        isFirstSeenOnly = filter.firstSeenOnly
    }

    /// Wants events of every process.
    package var isOfAll: Bool { pids.isEmpty && root == nil }
}

/// What all tails together need: the words and the map of the kernel's streaming.
package struct StreamPlan: Sendable, Equatable {
    package var stream: KernelSession.Stream = .none
    package var kinds: KindSet = []
    package var pids: Set<UInt32> = []
    package var roots: Set<UInt32> = []
    /// Where all is streamed: of which workloads; none: of all of them.
    package var workloads: [WorkloadFilter] = []

    package init(_ demands: some Sequence<StreamDemand>) {
        for demand in demands where !demand.isFirstSeenOnly {
            kinds.formUnion(demand.kinds)
            if demand.isOfAll {
                stream = .all
                workloads.append(demand.workloads)
            } else {
                if stream == .none { stream = .scoped }
                pids.formUnion(demand.pids)
                if let root = demand.root { roots.insert(root) }
            }
        }
        if workloads.contains(where: \.isEverything) { workloads = [] }
    }
}
