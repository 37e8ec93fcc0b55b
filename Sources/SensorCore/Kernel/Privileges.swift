// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What a thread may do: its effective capabilities.
package struct Privileges: Sendable, Equatable {
    /// Raises the bound on this process's open descriptors to that many, or as far as it may be raised.
    package static func allowDescriptors(_ count: Int) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < rlim_t(count) else { return }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        _ = setrlimit(resource, &limit)
    }

    /// Capabilities that the sensor has a use for, by their number in `linux/capability.h`.
    package enum Capability: Int, Sendable, CaseIterable {
        case chown = 0
        case dacOverride = 1
        case dacReadSearch = 2
        case netBindService = 10
        case netAdmin = 12
        case sysPtrace = 19
        case sysAdmin = 21
        case sysResource = 24
        case perfmon = 38
        case bpf = 39

        /// As manuals and container manifests write it.
        package var name: String {
            switch self {
            case .chown: "CAP_CHOWN"
            case .dacOverride: "CAP_DAC_OVERRIDE"
            case .dacReadSearch: "CAP_DAC_READ_SEARCH"
            case .netBindService: "CAP_NET_BIND_SERVICE"
            case .netAdmin: "CAP_NET_ADMIN"
            case .sysPtrace: "CAP_SYS_PTRACE"
            case .sysAdmin: "CAP_SYS_ADMIN"
            case .sysResource: "CAP_SYS_RESOURCE"
            case .perfmon: "CAP_PERFMON"
            case .bpf: "CAP_BPF"
            }
        }

        /// What it is needed for.
        package var purpose: String {
            switch self {
            case .chown: "--agent-socket-group"
            case .dacOverride: "writing files in directories of other users"
            case .dacReadSearch: "passing directories that are another user's alone"
            case .netBindService: "listening on a port below 1024"
            case .netAdmin: "attaching cgroup programs: DNS answers, and where datagrams go"
            case .sysPtrace: "looking into other processes' /proc/<pid>/root and exe"
            case .sysAdmin: "all of it where CAP_BPF or CAP_PERFMON is not granted"
            case .sysResource: "raising RLIMIT_MEMLOCK on kernels before 5.11"
            case .perfmon: "loading tracing programs"
            case .bpf: "loading eBPF programs and maps"
            }
        }

        /// What is lost without it, where the sensor can do without.
        package var lossWithout: String {
            switch self {
            case .chown, .dacOverride, .netBindService: "that setting cannot be had"
            case .dacReadSearch: "paths that lead through other users' directories are as the caller wrote them"
            case .netAdmin: "no DNS answers, and where datagrams go only as the sender wrote it"
            case .sysPtrace: "no paths as other processes' roots show them where the kernel has no name to give"
            case .sysAdmin, .sysResource: "nothing works on kernels that ask for it"
            case .perfmon, .bpf: "nothing works"
            }
        }
    }

    let effective: UInt64

    /// - Parameter effective: the mask as `CapEff` in `/proc/thread-self/status` shows it.
    package init(effective: UInt64) {
        self.effective = effective
    }

    /// The calling thread's: capabilities go by thread. None if `/proc` is not mounted.
    package static func current() -> Privileges {
        let line = (ProcFile.text("/proc/thread-self/status") ?? "").split(separator: "\n").first {
            $0.hasPrefix("CapEff:")
        }
        let digits = line?.split(whereSeparator: \.isWhitespace).last ?? ""
        return Privileges(effective: UInt64(digits, radix: 16) ?? 0)
    }

    /// Whether it has this very one.
    package func holds(_ capability: Capability) -> Bool { effective >> UInt64(capability.rawValue) & 1 == 1 }

    /// `CAP_SYS_ADMIN` stands for `CAP_BPF` and `CAP_PERFMON`, which were split off from it.
    package func has(_ capability: Capability) -> Bool {
        if holds(capability) { return true }
        switch capability {
        case .bpf, .perfmon: return has(.sysAdmin)
        default: return false
        }
    }

    /// - Throws: `notPermitted`, naming the first capability without which no program can be loaded.
    package func requireLoading() throws(KernelError) {
        for capability in [Capability.bpf, .perfmon] where !has(capability) {
            throw KernelError(
                .notPermitted,
                "\(capability.name) is missing, needed for \(capability.purpose): run as root, or grant it",
                missingCapability: capability.name)
        }
    }
}
