// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

extension CapabilityReport {
    /// Tries everything, one thing after the other: loads and attaches the programs, makes each of them fire, and takes
    /// all of it out of the kernel again. Takes about a second.
    package static func probe(settings: KernelSettings = KernelSettings()) -> CapabilityReport {
        let privileges = Privileges.current()
        var report = CapabilityReport(capabilities: [])
        report.capabilities += permissions(privileges) + restriction(privileges)
        report.capabilities += host()
        let cgroups = CgroupHierarchy.current()
        report.capabilities += self.cgroups(cgroups)
        do {
            let session = try KernelSession(settings: settings)
            report.capabilities.append(image(session.image))
            do { try session.attach() } catch {
                report.capabilities.append(Capability("attach", .missing, error.message))
            }
            let firing = FiringProbe.run(session)
            report.capabilities += session.programs.filter { isReported($0, session, firing) }
                .map { program(in: $0, firing: firing) }
            report.capabilities.append(iterator(session))
            report.capabilities += uring(firing)
        } catch  where error.code == .notPermitted && error.missingCapability == nil {
            // For the pid namespace, whose line says so: nothing else could be tried.
        } catch {
            report.missingPermission = error.missingCapability
            var text = error.description
            if error.errorNumber == EPERM, !privileges.has(.sysResource), hasMemoryLimit() {
                text += "; raise RLIMIT_MEMLOCK (ulimit -l unlimited) or grant CAP_SYS_RESOURCE"
            }
            if let log = error.log, !log.isEmpty { text += "\n" + log }
            report.capabilities.append(Capability("eBPF programs", .missing, text))
        }
        return report
    }

    // MARK: Permissions and host

    private static func permissions(_ privileges: Privileges) -> [Capability] {
        [Privileges.Capability.bpf, .perfmon, .netAdmin, .sysPtrace, .dacReadSearch].map { capability in
            if privileges.has(capability) { return Capability(capability.name, .ok, use(of: capability, privileges)) }
            return switch capability {
            case .bpf, .perfmon:
                Capability(capability.name, .missing, "run as root or grant it: needed for \(capability.purpose)")
            default:
                Capability(capability.name, .degraded, "not granted; without it: \(capability.lossWithout)")
            }
        }
    }

    private static func host() -> [Capability] {
        var found: [Capability] = []
        if access("/sys/kernel/btf/vmlinux", R_OK) == 0 {
            found.append(Capability("kernel BTF", .ok, "types of the running kernel"))
        } else {
            found.append(
                Capability(
                    "kernel BTF", .missing,
                    "/sys/kernel/btf/vmlinux is not there: use a kernel with CONFIG_DEBUG_INFO_BTF, 5.10 or later"))
        }
        found.append(ringBuffer())

        let lockdown = ProcFile.text("/sys/kernel/security/lockdown") ?? ""
        if lockdown.contains("[confidentiality]") {
            found.append(
                Capability(
                    "lockdown", .missing,
                    "lockdown=confidentiality forbids reading kernel memory: boot with lockdown=integrity or none"))
        }
        if ProcFile.number("/proc/sys/net/core/bpf_jit_enable") == 0 {
            found.append(
                Capability(
                    "eBPF JIT", .degraded, "off: each event costs several times more; sysctl net.core.bpf_jit_enable=1")
            )
        } else {
            found.append(Capability("eBPF JIT", .ok, "programs run as machine code"))
        }
        found.append(processNamespace())
        found.append(
            access("/proc/1/stat", R_OK) == 0
                ? Capability("/proc", .ok, "processes that already run, and names of files")
                : Capability(
                    "/proc", .degraded,
                    "process 1 is not to be seen: what already runs has no lineage; mount without hidepid"))
        return found
    }

    private static func processNamespace() -> Capability {
        if PidNamespace.isInitial { return Capability("pid namespace", .ok, "the host's") }
        return Capability(
            "pid namespace", .missing,
            "not the host's, so process ids do not match: \(PidNamespace.remedy)")
    }

    private static func ringBuffer() -> Capability {
        let descriptor = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, UInt32(sysconf(Int32(_SC_PAGESIZE))), nil)
        if descriptor >= 0 {
            close(descriptor)
            return Capability("ring buffer", .ok, "events in order, with counted losses")
        }
        if descriptor == -EPERM {
            return Capability("ring buffer", .missing, "not permitted to make a map: grant CAP_BPF")
        }
        return Capability(
            "ring buffer", .missing, "\(KernelError.text(ofErrno: -descriptor)): use a kernel 5.10 or later")
    }

    private static func hasMemoryLimit() -> Bool {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0 && limit.rlim_cur != rlim_t.max
    }

    private static func cgroups(_ hierarchy: CgroupHierarchy) -> [Capability] {
        var found: [Capability] = []
        if let unified = hierarchy.unified {
            found.append(Capability("cgroup2", .ok, unified))
        } else {
            found.append(
                Capability(
                    "cgroup2", .degraded,
                    "not mounted: no DNS answers; mount -t cgroup2 none /sys/fs/cgroup/unified"))
        }
        if hierarchy.isPartial {
            found.append(
                Capability(
                    "workloads", .degraded,
                    "in a cgroup namespace of its own sensord sees its own part only and cannot tell whose the rest is: "
                        + "give it the host's pid namespace (hostPID: true) or the host's cgroup namespace"))
        } else if let tracked = hierarchy.tracked {
            let kind = hierarchy.controller.map { "the v1 controller \($0)" } ?? "the unified tree"
            found.append(Capability("workloads", .ok, "by \(kind), \(tracked)"))
        } else {
            found.append(
                Capability(
                    "workloads", .degraded,
                    "no cgroup tree is mounted: every workload is the host's; mount /sys/fs/cgroup"))
        }
        return found
    }

    // MARK: Programs

    private static func image(_ image: ObjectImage) -> Capability {
        switch image {
        case .direct: Capability("eBPF programs", .ok, "direct: typed pointers")
        case .held:
            Capability("eBPF programs", .ok, "held: typed pointers, for a kernel that preempts programs")
        case .floor: Capability("eBPF programs", .ok, "floor: probe reads, somewhat dearer for each event")
        }
    }

    /// Not what another line tells: iterators; a tracepoint that has another name in this kernel; io_uring's where
    /// there is no io_uring.
    private static func isReported(_ status: ProgramStatus, _ session: KernelSession, _ firing: FiringProbe) -> Bool {
        if status.section.hasPrefix("iter") || status.isAgain && status.state == .attached { return false }
        guard status.state == .absent else { return true }
        if status.name.hasPrefix("io_uring"), firing.uringError != nil { return false }
        return !status.isReplaced(in: session.programs)
    }

    private static func program(in status: ProgramStatus, firing: FiringProbe) -> Capability {
        let name = status.section
        let isEssential = status.name == "sys_exit" || status.name == "sched_process_exec"
        let loss = status.lossWithout
        let state: Capability.State = isEssential ? .missing : .degraded
        switch status.state {
        case .absent:
            return Capability(name, state, "this kernel does not have it; without it: \(loss)")
        case .refused(let error):
            return Capability(name, state, "refused, \(reason(error, status)); without it: \(loss)")
        case .detached(let error):
            return Capability(name, state, "cannot be attached, \(reason(error, status)); without it: \(loss)")
        case .loaded, .attached:
            switch firing.result(of: status) {
            case .fired: return Capability(name, .ok, "fires")
            case .silent:
                return Capability(name, state, "attached, but does not fire; without it: \(loss)")
            case .untried(let why): return Capability(name, .ok, "attached; not seen to fire (\(why))")
            }
        }
    }

    private static func reason(_ error: Int32, _ status: ProgramStatus) -> String {
        let text = KernelError.text(ofErrno: error)
        // What libbpf guesses about permissions leads astray.
        if error == EPERM {
            let needsNetAdmin = status.isOfCgroup && !Privileges.current().has(.netAdmin)
            return needsNetAdmin ? "\(text), for lack of CAP_NET_ADMIN" : text
        }
        guard let line = status.log?.split(separator: "\n").last else { return text }
        return "\(text): \(line)"
    }

    private static func iterator(_ session: KernelSession) -> Capability {
        var count = 0
        do {
            try session.readRunningProcesses { count += $0.header.tid == $0.header.tgid ? 1 : 0 }
            return count > 0
                ? Capability("task iterator", .ok, "\(count) processes run already")
                : Capability("task iterator", .degraded, "shows no process: /proc has to serve")
        } catch {
            return Capability("task iterator", .degraded, "\(error.description): /proc has to serve")
        }
    }

    private static func uring(_ firing: FiringProbe) -> [Capability] {
        guard let error = firing.uringError else { return [] }
        return [
            Capability(
                "io_uring", .ok,
                "not to be had here (\(KernelError.text(ofErrno: error))), so nothing goes through it unseen")
        ]
    }
}
