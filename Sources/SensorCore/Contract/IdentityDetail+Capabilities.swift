// SPDX-License-Identifier: Apache-2.0

extension IdentityDetail {
    /// Names of the effective capabilities that the process has now and had not before; empty if that is not known.
    package var capabilitiesGained: [String] {
        guard let from else { return [] }
        return Self.names(of: to.capabilities.effective & ~from.capabilities.effective)
    }

    /// Names of the effective capabilities that the process had and has no more; empty if that is not known.
    package var capabilitiesLost: [String] {
        guard let from else { return [] }
        return Self.names(of: from.capabilities.effective & ~to.capabilities.effective)
    }

    private static func names(of set: UInt64) -> [String] {
        (0..<64).filter { set >> UInt64($0) & 1 != 0 }.map { bit in
            bit < capabilityNames.count ? capabilityNames[bit] : "CAP_\(bit)"
        }
    }

    private static let capabilityNames = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]
}
