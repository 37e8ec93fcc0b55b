// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// Which cgroups are watched: takes effect at once, and costs who watches all of them one load for each look.
extension KernelSession {
    /// Watched is what nobody said anything of.
    ///
    /// - Parameter cgroup: id in the tracked hierarchy.
    /// - Returns: false where there is no room for another unwatched cgroup: it is watched then.
    package func setWatched(_ isWatched: Bool, cgroup: UInt64) -> Bool {
        guard isWatched == unwatched.contains(cgroup) else { return true }
        guard let map = object.optionalMap("unwatched") else { return isWatched }
        var id = cgroup
        if isWatched {
            guard bpf_map_delete_elem(map, &id) == 0 else { return true }
            unwatched.remove(cgroup)
        } else {
            var value: UInt32 = 1
            guard bpf_map_update_elem(map, &id, &value, UInt64(BPF_ANY)) == 0 else { return false }
            unwatched.insert(cgroup)
        }
        control.setHasUnwatched(!unwatched.isEmpty)
        return true
    }
}
