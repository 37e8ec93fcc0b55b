// SPDX-License-Identifier: Apache-2.0

/// A cgroup that is watched from now on, or is not any more.
package struct WatchChange: Sendable, Equatable {
    /// Id in the tracked hierarchy.
    package var cgroup: UInt64
    package var isWatched: Bool
}

/// A cgroup of which all is streamed from now on, or is not any more.
package struct StreamChange: Sendable, Equatable {
    /// Id in the tracked hierarchy.
    package var cgroup: UInt64
    package var isStreamed: Bool
}

// Which workloads are watched, and which of them tails ask for: decided when one is described and when its description
// changes, for all its cgroups.
extension CgroupTable {
    /// From now on these are watched: all that are known are decided anew.
    package mutating func watch(_ selector: WorkloadSelector) {
        self.selector = selector
        decideAll()
    }

    /// From now on tails ask for these, none: for all. All that are known are decided anew.
    package mutating func stream(_ filters: [WorkloadFilter]) {
        streamed = filters
        decideAll()
    }

    /// What changed since the last call, in the order in which it has to be carried out.
    package mutating func takeWatchChanges() -> [WatchChange] {
        if watchChanges.isEmpty { return [] }
        defer { watchChanges = [] }
        return watchChanges
    }

    /// As `takeWatchChanges`, of what is streamed.
    package mutating func takeStreamChanges() -> [StreamChange] {
        if streamChanges.isEmpty { return [] }
        defer { streamChanges = [] }
        return streamChanges
    }

    /// Cgroups that live and are not watched.
    package var unwatchedCount: Int {
        selector.isEverything
            ? 0 : owners.values.reduce(0) { $0 + ($1.isWatched ? 0 : $1.cgroups.count) }
    }

    /// Who is not known, or not known yet, is watched until it is. A pod is known when its labels are, whatever the name of
    /// its container.
    package func selects(_ description: WorkloadDescription) -> Bool {
        let identity = description.identity
        return selector.isEverything || identity.kind == "Unknown"
            || selector.matches(
                namespace: identity.namespace, kind: identity.kind, name: identity.name, labels: identity.labels)
    }

    private mutating func decideAll() {
        for workload in owners.values.sorted(by: { $0.number < $1.number }) { decide(workload) }
    }

    mutating func decide(_ workload: Workload) {
        workload.isWatched = selects(workload.description)
        let isCaptured = workload.isWatched || resolver.programs(of: workload).contains { selects($0) }
        if isCaptured != workload.isCaptured {
            workload.isCaptured = isCaptured
            watchChanges += workload.cgroups.map { WatchChange(cgroup: $0, isWatched: isCaptured) }
        }
        let isStreamed = isStreamed(workload)
        if isStreamed != workload.isStreamed {
            workload.isStreamed = isStreamed
            streamChanges += workload.cgroups.map { StreamChange(cgroup: $0, isStreamed: isStreamed) }
        }
    }

    /// What its runtime does in it has the same names: see `Workload.description(ofRuntime:)`.
    private func isStreamed(_ workload: Workload) -> Bool {
        if streamed.isEmpty || workload.isAwaited || workload.description.isUnknown { return true }
        func isAskedFor(_ description: WorkloadDescription) -> Bool { streamed.contains { $0.matches(description) } }
        return isAskedFor(workload.description) || resolver.programs(of: workload).contains(where: isAskedFor)
    }

    /// A cgroup has come to a workload.
    mutating func join(_ id: UInt64, _ workload: Workload) {
        workload.cgroups.append(id)
        if !workload.isCaptured { watchChanges.append(WatchChange(cgroup: id, isWatched: false)) }
        if !workload.isStreamed { streamChanges.append(StreamChange(cgroup: id, isStreamed: false)) }
        if workload.detail != .whole { detailChanges.append(DetailChange(cgroup: id, detail: workload.detail)) }
    }

    /// A cgroup that lives is none of the workload's any more: what is not known is watched and streamed.
    mutating func leave(_ id: UInt64, _ workload: Workload) {
        workload.cgroups.removeAll { $0 == id }
        if !workload.isCaptured { watchChanges.append(WatchChange(cgroup: id, isWatched: true)) }
        if !workload.isStreamed { streamChanges.append(StreamChange(cgroup: id, isStreamed: true)) }
        if workload.detail != .whole { detailChanges.append(DetailChange(cgroup: id, detail: .whole)) }
    }
}
