// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Finds out which attached programs really run, by doing what each of them waits for.
///
/// A program that loads and attaches may still never be called (an LSM hook that is not switched on, a cgroup that
/// is not above us). The kernel's own run counts tell: they do not depend on what a program thinks of the event.
struct FiringProbe {
    enum Result: Equatable {
        case fired
        case silent
        /// The thing itself could not be done here.
        case untried(String)
    }

    private var runs: [String: UInt64] = [:]
    private var obstacles: [String: String] = [:]
    /// Errno of the attempt to use io_uring; nil if it works.
    private(set) var uringError: Int32?

    /// For a session that is attached. Counts of other processes are in the result too, which does no harm: who
    /// called a program does not matter.
    static func run(_ session: KernelSession) -> FiringProbe {
        var probe = FiringProbe()
        let statistics = bpf_enable_stats(BPF_STATS_RUN_TIME)
        guard statistics >= 0 else {
            // Not permitted without CAP_SYS_ADMIN: then what they have written must do.
            for program in session.programs { probe.obstacles[program.name] = "no run counts without CAP_SYS_ADMIN" }
            probe.act(session)
            probe.runs = records(session)
            return probe
        }
        defer { close(statistics) }
        let before = counts(session)
        probe.act(session)
        for (name, count) in counts(session) { probe.runs[name] = count &- (before[name] ?? 0) }
        return probe
    }

    /// How many records each program has written.
    private static func records(_ session: KernelSession) -> [String: UInt64] {
        var byHook: [UInt8: UInt64] = [:]
        session.drain { byHook[$0.header.key.hook, default: 0] += 1 }
        return session.programs.reduce(into: [:]) { $0[$1.name] = byHook[$1.hook] }
    }

    private static func counts(_ session: KernelSession) -> [String: UInt64] {
        session.programCosts().reduce(into: [:]) { $0[$1.name] = $1.runs }
    }

    func result(of program: ProgramStatus) -> Result {
        if runs[program.name] ?? 0 > 0 { return .fired }
        return obstacles[program.name].map { .untried($0) } ?? .silent
    }

    private mutating func act(_ session: KernelSession) {
        let processHooks = [SENSOR_HOOK_PROCESS_EXEC, SENSOR_HOOK_PROCESS_FORK, SENSOR_HOOK_PROCESS_EXIT]
        note(Self.runProcess(), "no program to run", processHooks, session)
        note(sensor_probe_tcp(AF_INET), "no IPv4 on loopback", [SENSOR_HOOK_CONNECT4], session)
        note(sensor_probe_tcp(AF_INET6), "no IPv6 on loopback", [SENSOR_HOOK_CONNECT6], session)
        note(
            sensor_probe_udp(AF_INET), "no IPv4 on loopback",
            [SENSOR_HOOK_SENDMSG4, SENSOR_HOOK_SKB_INGRESS, SENSOR_HOOK_SOCK_RELEASE], session)
        note(sensor_probe_udp(AF_INET6), "no IPv6 on loopback", [SENSOR_HOOK_SENDMSG6], session)
        let hasUring = sensor_probe_uring()
        if !hasUring { uringError = errno }
        note(hasUring, "no io_uring here", [SENSOR_HOOK_URING_SUBMIT, SENSOR_HOOK_URING_COMPLETE], session)
        note(
            Self.makeCgroup(in: session.cgroups.tracked), "no cgroup may be made here",
            [SENSOR_HOOK_CGROUP_MKDIR, SENSOR_HOOK_CGROUP_RMDIR], session)
    }

    private mutating func note(_ done: Bool, _ why: String, _ hooks: [sensor_hook], _ session: KernelSession) {
        guard !done else { return }
        for program in session.programs where hooks.contains(where: { $0.rawValue == UInt32(program.hook) }) {
            obstacles[program.name] = why
        }
    }

    /// Fork, exec and exit: the shortest program there is, else this one, which prints its version.
    private static func runProcess() -> Bool {
        let candidates = [["/bin/true"], ["/usr/bin/true"], ["/bin/sh", "-c", ":"], ["/proc/self/exe", "version"]]
        return candidates.contains { run($0) }
    }

    private static func run(_ arguments: [String]) -> Bool {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 0...2 {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var child: pid_t = 0
        guard posix_spawn(&child, arguments[0], &actions, nil, &argv, &environment) == 0 else { return false }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            if errno != EINTR { return false }
        }
        return true
    }

    /// Made and removed at once; nothing is ever put into it.
    private static func makeCgroup(in tracked: String?) -> Bool {
        guard let tracked else { return false }
        let path = "\(tracked)/sensord-check-\(getpid())"
        guard mkdir(path, 0o755) == 0 else { return false }
        return rmdir(path) == 0
    }
}
