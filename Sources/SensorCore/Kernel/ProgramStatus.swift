// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What became of one program of the object.
package struct ProgramStatus: Sendable {
    package enum State: Sendable, Equatable {
        /// Accepted by the kernel, not attached (yet, or no longer).
        case loaded
        case attached
        /// This kernel has nothing to attach it to.
        case absent
        /// The verifier or the kernel refused to load it; errno.
        case refused(Int32)
        /// Loaded, but it could not be attached; errno.
        case detached(Int32)
    }

    /// As in `bpf/sensor.bpf.c`.
    package let name: String
    /// What it is attached to, as libbpf writes it: `tp_btf/sys_exit`.
    package let section: String
    package internal(set) var state: State
    /// Why, in the verifier's or libbpf's words; nil where all is well.
    package internal(set) var log: String?

    /// Attached to a cgroup, for which CAP_NET_ADMIN is asked.
    var isOfCgroup: Bool { section.hasPrefix("cgroup") }

    /// Whether it does what the first program of its hook is left out of, and nothing else (`again.bpf.h`).
    var isAgain: Bool { name.hasSuffix("_again") }

    /// `enum sensor_hook`: what the records and losses of this program go under; 0 if it has none.
    package var hook: UInt8 {
        let hook: sensor_hook? =
            switch section {
            case "tp_btf/sys_exit": SENSOR_HOOK_SYS_EXIT
            case "tp_btf/sched_process_exec": SENSOR_HOOK_PROCESS_EXEC
            case "tp_btf/sched_process_fork": SENSOR_HOOK_PROCESS_FORK
            case "tp_btf/sched_process_exit": SENSOR_HOOK_PROCESS_EXIT
            case "tp_btf/inet_sock_set_state": SENSOR_HOOK_SOCKET_STATE
            case "tp_btf/cgroup_mkdir": SENSOR_HOOK_CGROUP_MKDIR
            case "tp_btf/cgroup_rmdir": SENSOR_HOOK_CGROUP_RMDIR
            case "iter/task": SENSOR_HOOK_ITER_TASK
            case "cgroup/connect4": SENSOR_HOOK_CONNECT4
            case "cgroup/connect6": SENSOR_HOOK_CONNECT6
            case "cgroup/sendmsg4": SENSOR_HOOK_SENDMSG4
            case "cgroup/sendmsg6": SENSOR_HOOK_SENDMSG6
            case "cgroup/sock_release": SENSOR_HOOK_SOCK_RELEASE
            case _ where section.hasPrefix("cgroup_skb"): SENSOR_HOOK_SKB_INGRESS
            case _ where section.hasPrefix("tp_btf/io_uring_complete"): SENSOR_HOOK_URING_COMPLETE
            case _ where section.hasPrefix("tp_btf/io_uring"): SENSOR_HOOK_URING_SUBMIT
            default: nil
            }
        return hook.map { UInt8($0.rawValue) } ?? 0
    }
}

extension ProgramStatus {
    /// Whether this kernel lacks what it attaches to and another program sees the same: each kernel has one of several
    /// names for some tracepoints.
    package func isReplaced(in programs: [ProgramStatus]) -> Bool {
        state == .absent && programs.contains { $0.hook == hook && $0.state == .attached }
    }

    /// What is not seen without this program, for a person.
    var lossWithout: String {
        switch sensor_hook(UInt32(hook)) {
        case SENSOR_HOOK_SYS_EXIT: "no files, no sockets, no syscalls, no identity changes"
        case SENSOR_HOOK_PROCESS_EXEC: "no programs started"
        case SENSOR_HOOK_PROCESS_FORK: "parents only as far as /proc shows them"
        case SENSOR_HOOK_PROCESS_EXIT: "no ends of processes, and more memory used"
        case SENSOR_HOOK_SOCKET_STATE: "no TCP connections with their outcome, bytes and ends"
        case SENSOR_HOOK_SKB_INGRESS: "no DNS answers: peers are addresses without names"
        case SENSOR_HOOK_CONNECT4, SENSOR_HOOK_CONNECT6:
            "DNS answers to connected sockets without the process that asked"
        case SENSOR_HOOK_SENDMSG4, SENSOR_HOOK_SENDMSG6:
            "no DNS answers to sockets that are not connected, and where datagrams go only as the sender wrote it"
        case SENSOR_HOOK_SOCK_RELEASE:
            "what is known of datagram sockets is kept when they are gone, until there is no more room"
        case SENSOR_HOOK_URING_COMPLETE, SENSOR_HOOK_URING_SUBMIT:
            "no files opened by io_uring, and its operations uncounted"
        case SENSOR_HOOK_CGROUP_MKDIR: "containers known only from their first process on"
        case SENSOR_HOOK_CGROUP_RMDIR: "what is known of a removed container is kept too long"
        case SENSOR_HOOK_ITER_TASK: "what already runs is read from /proc"
        default: "its events"
        }
    }
}
