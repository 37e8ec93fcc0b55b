// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

extension IdentityState {
    /// As a record holds it.
    init(_ credentials: sensor_credentials, _ namespaces: sensor_namespaces) {
        self.init(
            user: Identifiers(
                real: credentials.uid, effective: credentials.euid, saved: credentials.suid,
                fileSystem: credentials.fsuid),
            group: Identifiers(
                real: credentials.gid, effective: credentials.egid, saved: credentials.sgid,
                fileSystem: credentials.fsgid),
            capabilities: Capabilities(
                permitted: credentials.permitted, effective: credentials.effective,
                inheritable: credentials.inheritable, bounding: credentials.bounding, ambient: credentials.ambient),
            namespaces: Namespaces(
                pid: namespaces.pid, mount: namespaces.mount, network: namespaces.network, user: namespaces.user,
                uts: namespaces.uts, ipc: namespaces.ipc, cgroup: namespaces.cgroup),
            securebits: credentials.securebits,
            groups: Groups(
                count: credentials.group_count,
                first: withUnsafeBytes(of: credentials.groups) {
                    Array($0.bindMemory(to: UInt32.self).prefix(Int(credentials.group_count)))
                }))
    }

    /// What decides what the process may do.
    var privileges: [UInt64] {
        [UInt64(user.effective), UInt64(group.effective), capabilities.permitted, capabilities.effective]
    }
}
