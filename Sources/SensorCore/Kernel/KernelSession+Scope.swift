// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// What is reported, and what is streamed for a `--tail`: settings that take effect at once.
extension KernelSession {
    package enum Stream: UInt32, Sendable {
        /// First sights only.
        case none = 0
        /// Besides them every event of the processes and cgroups in the scope.
        case scoped = 1
        /// Every event.
        case all = 2
    }

    /// - Parameter kinds: one bit for each `enum sensor_kind`.
    package func setStream(_ stream: Stream, kinds: UInt64 = .max) {
        control.setStream(stream.rawValue, kinds: kinds)
    }

    /// - Parameter kinds: what is reported at all, one bit for each `enum sensor_kind`.
    package func setEnabledKinds(_ kinds: UInt64) {
        control.setEnabledKinds(kinds)
    }

    /// Whether what is outside the scope is not reported at all.
    package func setScopeOnly(_ scopeOnly: Bool) {
        control.setScopeOnly(scopeOnly)
    }

    /// - Parameters:
    ///   - process: as the initial pid namespace numbers it.
    ///   - descendants: whether what it forks from now on comes into the scope too.
    package func addScope(process: UInt32, descendants: Bool) throws(KernelError) {
        try add(
            UInt32(SENSOR_SCOPE_SELF | (descendants ? SENSOR_SCOPE_DESCENDANTS : 0)), at: process, to: "scope_processes"
        )
    }

    package func removeScope(process: UInt32) throws(KernelError) {
        try remove(process, from: "scope_processes")
    }

    /// - Parameter cgroup: id in the tracked hierarchy.
    package func addScope(cgroup: UInt64) throws(KernelError) {
        try add(1, at: cgroup, to: "scope_cgroups")
    }

    package func removeScope(cgroup: UInt64) throws(KernelError) {
        try remove(cgroup, from: "scope_cgroups")
    }

    private func add(_ value: UInt32, at key: some BitwiseCopyable, to name: String) throws(KernelError) {
        let map = try object.map(name)
        var key = key
        var value = value
        let error = bpf_map_update_elem(map, &key, &value, UInt64(BPF_ANY))
        guard error == 0 else {
            throw KernelError(.systemCall, "cannot add to the scope", errorNumber: -error)
        }
    }

    private func remove(_ key: some BitwiseCopyable, from name: String) throws(KernelError) {
        let map = try object.map(name)
        var key = key
        let error = bpf_map_delete_elem(map, &key)
        guard error == 0 || error == -ENOENT else {
            throw KernelError(.systemCall, "cannot remove from the scope", errorNumber: -error)
        }
    }
}
