// SPDX-License-Identifier: Apache-2.0

/// Who a process is to the kernel.
package struct IdentityState: Sendable, Equatable {
    /// User and group ids, as the initial user namespace has them.
    package struct Identifiers: Sendable, Equatable {
        package var real: UInt32
        package var effective: UInt32
        package var saved: UInt32
        package var fileSystem: UInt32

        package init(real: UInt32, effective: UInt32, saved: UInt32, fileSystem: UInt32) {
            self.real = real
            self.effective = effective
            self.saved = saved
            self.fileSystem = fileSystem
        }
    }

    /// Capability sets, one bit a capability as in `linux/capability.h`.
    package struct Capabilities: Sendable, Equatable {
        package var permitted: UInt64
        package var effective: UInt64
        package var inheritable: UInt64
        package var bounding: UInt64
        package var ambient: UInt64

        package init(
            permitted: UInt64, effective: UInt64, inheritable: UInt64, bounding: UInt64, ambient: UInt64
        ) {
            self.permitted = permitted
            self.effective = effective
            self.inheritable = inheritable
            self.bounding = bounding
            self.ambient = ambient
        }
    }

    /// Inode numbers of namespaces, 0 if unknown. The kernel reuses them: to show, never to key by.
    package struct Namespaces: Sendable, Equatable {
        package var pid: UInt32
        package var mount: UInt32
        package var network: UInt32
        package var user: UInt32
        package var uts: UInt32
        package var ipc: UInt32
        package var cgroup: UInt32

        package init(
            pid: UInt32 = 0, mount: UInt32 = 0, network: UInt32 = 0, user: UInt32 = 0, uts: UInt32 = 0,
            ipc: UInt32 = 0, cgroup: UInt32 = 0
        ) {
            self.pid = pid
            self.mount = mount
            self.network = network
            self.user = user
            self.uts = uts
            self.ipc = ipc
            self.cgroup = cgroup
        }
    }

    /// Supplementary groups, as the initial user namespace has them.
    package struct Groups: Sendable, Equatable {
        package var count: UInt32
        /// The first of them: at most `SENSOR_GROUPS_MAX`.
        package var first: [UInt32]

        package init(count: UInt32, first: [UInt32]) {
            self.count = count
            self.first = first
        }
    }

    package var user: Identifiers
    package var group: Identifiers
    package var capabilities: Capabilities
    package var namespaces: Namespaces
    /// As in `linux/securebits.h`; nil if not known.
    package var securebits: UInt32?
    /// nil if not known.
    package var groups: Groups?

    package init(
        user: Identifiers, group: Identifiers, capabilities: Capabilities, namespaces: Namespaces = Namespaces(),
        securebits: UInt32? = nil, groups: Groups? = nil
    ) {
        self.user = user
        self.group = group
        self.capabilities = capabilities
        self.namespaces = namespaces
        self.securebits = securebits
        self.groups = groups
    }
}
