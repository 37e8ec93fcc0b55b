// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import Glibc

/// Where the daemon and the operator's commands meet: `<run-dir>/control/tail.sock`.
package enum ControlSocket {
    package static func directory(in runDirectory: String) -> String { runDirectory + "/control" }
    package static func path(in runDirectory: String) -> String { directory(in: runDirectory) + "/tail.sock" }

    /// Connects to a daemon that runs on this node; `nil` if none does.
    ///
    /// A daemon is one that root or this user runs: what anybody else has put there gets no commands.
    ///
    /// - Parameter patience: milliseconds.
    /// - Throws: also when there is a daemon that takes no connection in that time.
    package static func connect(in runDirectory: String, patience: Int = 2000) throws(SystemError) -> Int32? {
        let path = path(in: runDirectory)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        // A daemon that stands still has those wait who come when its queue is full.
        setSendTimeout(descriptor, milliseconds: patience)
        let error = UnixAddress.with(path) { Glibc.connect(descriptor, $0, $1) } == 0 ? 0 : errno
        guard error == 0, isPeerTrusted(descriptor) else {
            close(descriptor)
            if error == EAGAIN { throw SystemError("connect to the daemon (\(path))", number: ETIMEDOUT) }
            return nil
        }
        setSendTimeout(descriptor, milliseconds: 0)
        return descriptor
    }

    private static func setSendTimeout(_ descriptor: Int32, milliseconds: Int) {
        var time = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Whether root or this very user is at the other end.
    package static func isPeerTrusted(_ descriptor: Int32) -> Bool {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
        guard sensor_peer_credentials(descriptor, &process, &user, &group) == 0 else { return false }
        return user == 0 || user == geteuid()
    }

    /// The process at the other end, as this process's pid namespace numbers it; nil if that cannot be told.
    static func process(at descriptor: Int32) -> UInt32? {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
        guard sensor_peer_credentials(descriptor, &process, &user, &group) == 0 else { return nil }
        return UInt32(exactly: process)
    }

    /// Whether the peer may give orders: a trusted user's process, of this host or of the container that the daemon
    /// itself runs in. Root within another container is not the operator.
    static func isOperator(_ descriptor: Int32) -> Bool {
        guard isPeerTrusted(descriptor), let process = process(at: descriptor),
            let peer = ProcFile.text("/proc/\(process)/cgroup"), let own = ProcFile.text("/proc/self/cgroup")
        else { return false }
        return isOperator(cgroups: peer, own: own)
    }

    /// - Parameters:
    ///   - cgroups: the text of the peer's `/proc/PID/cgroup`.
    ///   - own: the daemon's.
    package static func isOperator(cgroups: String, own: String) -> Bool {
        containers(in: cgroups).isSubset(of: containers(in: own))
    }

    private static func containers(in cgroups: String) -> Set<String> {
        var found: Set<String> = []
        for line in cgroups.split(separator: "\n") {
            let path =
                line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).dropFirst(2).first ?? ""
            if case .container(let container) = CgroupPath(String(path)).owner { found.insert(container.id) }
        }
        return found
    }
}
