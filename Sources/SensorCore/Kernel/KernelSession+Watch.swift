// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// Which cgroups are watched, of which all is streamed, and of which less is told: takes effect at once, and costs who leaves none of them out one
/// load for each look.
extension KernelSession {
    /// Watched is what nobody said anything of.
    ///
    /// - Parameter cgroup: id in the tracked hierarchy.
    /// - Returns: false where there is no room for another unwatched cgroup: it is watched then.
    package func setWatched(_ isWatched: Bool, cgroup: UInt64) -> Bool {
        let isDone = put(isWatched, cgroup, leftOut: &unwatched, map: "unwatched")
        control.setHasUnwatched(!unwatched.isEmpty)
        return isDone
    }

    /// Where all is streamed, that is what nobody said anything of.
    ///
    /// - Parameter cgroup: id in the tracked hierarchy.
    /// - Returns: false where there is no room for another unstreamed cgroup: it is streamed then.
    package func setStreamed(_ isStreamed: Bool, cgroup: UInt64) -> Bool {
        let isDone = put(isStreamed, cgroup, leftOut: &unstreamed, map: "unstreamed")
        control.setHasUnstreamed(!unstreamed.isEmpty)
        return isDone
    }

    /// How much of what is done in a cgroup comes from now on. All of it does where nobody said anything.
    ///
    /// - Parameter cgroup: id in the tracked hierarchy.
    /// - Returns: false where there is no room for another cgroup of which less comes: it stays as it is then.
    package func setDetail(_ detail: KernelDetail, cgroup: UInt64) -> Bool {
        guard detail != .whole || reduced.contains(cgroup) else { return true }
        guard let map = object.optionalMap("reduced") else { return detail == .whole }
        var (id, value) = (cgroup, sensor_detail())
        value.detail = detail.rawValue
        if detail == .whole {
            guard bpf_map_delete_elem(map, &id) == 0 else { return true }
            reduced.remove(cgroup)
        } else {
            guard bpf_map_update_elem(map, &id, &value, UInt64(BPF_ANY)) == 0 else { return false }
            reduced.insert(cgroup)
        }
        control.setHasReduced(!reduced.isEmpty)
        return true
    }

    private func put(_ isIn: Bool, _ cgroup: UInt64, leftOut: inout Set<UInt64>, map name: String) -> Bool {
        guard isIn == leftOut.contains(cgroup) else { return true }
        guard let map = object.optionalMap(name) else { return isIn }
        var id = cgroup
        if isIn {
            guard bpf_map_delete_elem(map, &id) == 0 else { return true }
            leftOut.remove(cgroup)
        } else {
            var value: UInt32 = 1
            guard bpf_map_update_elem(map, &id, &value, UInt64(BPF_ANY)) == 0 else { return false }
            leftOut.insert(cgroup)
        }
        return true
    }
}
