// SPDX-License-Identifier: Apache-2.0

/// The hook that saw an event, or lost one. The raw values are those of `enum sensor_hook` and go into recorded streams.
package enum Via: UInt8, Sendable, CaseIterable {
    case sysExit = 1
    case processExec = 2
    case processFork = 3
    case processExit = 4
    case socketState = 5
    case packetIngress = 6
    case uringComplete = 7
    case uringSubmit = 8
    case cgroupMkdir = 9
    case cgroupRmdir = 10
    case taskIterator = 11
    case connect4 = 12
    case connect6 = 13
    case sendmsg4 = 14
    case sendmsg6 = 15
    case socketRelease = 16
    /// No hook: the daemon itself, from `/proc` or at its own limits.
    case daemon = 31

    /// The name that users and other programs see: the kernel's own for the hook.
    package var name: String { nameText.description }

    /// `name` without the cost of a `String`.
    var nameText: StaticString {
        switch self {
        case .sysExit: "sys_exit"
        case .processExec: "sched_process_exec"
        case .processFork: "sched_process_fork"
        case .processExit: "sched_process_exit"
        case .socketState: "inet_sock_set_state"
        case .packetIngress: "cgroup_skb"
        case .uringComplete: "io_uring"
        case .uringSubmit: "io_uring_submit"
        case .cgroupMkdir: "cgroup_mkdir"
        case .cgroupRmdir: "cgroup_rmdir"
        case .taskIterator: "iter_task"
        case .connect4: "connect4"
        case .connect6: "connect6"
        case .sendmsg4: "sendmsg4"
        case .sendmsg6: "sendmsg6"
        case .socketRelease: "sock_release"
        case .daemon: "daemon"
        }
    }
}
