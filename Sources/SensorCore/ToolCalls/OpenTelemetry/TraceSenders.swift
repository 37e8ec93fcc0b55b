// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc
import NIOConcurrencyHelpers

/// Finds who holds the other end of a connection, by the kernel's records alone. Its methods read /proc and may take
/// milliseconds. From any thread.
package struct TraceSenders: Sendable {
    /// One end of a TCP connection.
    struct End: Sendable, Hashable {
        var address: IPAddress
        var port: UInt16
    }

    private let senders: CallSenders
    private let hierarchy: CgroupHierarchy
    /// Processes that have sent before, the latest first: most likely it is one of them again.
    private let known = NIOLockedValueBox<[UInt32]>([])

    package init(hierarchy: CgroupHierarchy) {
        senders = CallSenders(hierarchy: hierarchy)
        self.hierarchy = hierarchy
    }

    /// The process that a Unix connection was made by; nil: it is gone, or its cgroup cannot be told.
    func sender(process: UInt32) -> CallSender? { process == 0 ? nil : senders.sender(process) }

    /// Who holds `remote` of a TCP connection to `local`; nil: nobody on this host whom the kernel names.
    func sender(remote: End, local: End) -> CallSender? {
        var connection = sensor_connection()
        connection.is_ipv6 = remote.address.family == .ipv6 ? 1 : 0
        (connection.local_port, connection.remote_port) = (remote.port, local.port)
        withUnsafeMutableBytes(of: &connection.local) { $0.copyBytes(from: remote.address.networkBytes) }
        withUnsafeMutableBytes(of: &connection.remote) { $0.copyBytes(from: local.address.networkBytes) }
        var found = sensor_socket()
        if sensor_find_socket(&connection, &found) == 1 { return sender(of: found, in: nil) }
        // Whoever is not on loopback may have a network namespace of its own.
        guard !remote.address.isLoopback else { return nil }
        return otherNamespaces(remote: remote, local: local)
    }

    private func sender(of socket: sensor_socket, in namespace: String?) -> CallSender? {
        let holder = holder(of: socket.inode, in: namespace).flatMap { senders.sender($0) }
        // The cgroup that a socket was made in is the kernel's own word; who holds it is looked up a moment later.
        guard hierarchy.controller == nil, socket.cgroup != 0, holder?.cgroup != socket.cgroup else { return holder }
        return CallSender(process: CallTask(id: 0, start: 0), cgroup: socket.cgroup, workload: socket.cgroup)
    }

    // MARK: Other network namespaces

    private func otherNamespaces(remote: End, local: End) -> CallSender? {
        var seen: Set<String> = []
        if let own = ProcFile.link("/proc/self/ns/net") { seen.insert(own) }
        for process in known.withLockedValue({ $0 }) + ProcFile.numbers(in: "/proc") {
            guard let namespace = ProcFile.link("/proc/\(process)/ns/net"), seen.insert(namespace).inserted else {
                continue
            }
            guard seen.count <= Self.namespaceLimit else { return nil }
            let file = "/proc/\(process)/net/" + (remote.address.family == .ipv6 ? "tcp6" : "tcp")
            if let inode = ConnectionTable(ProcFile.text(file) ?? "").inode(local: remote, remote: local) {
                return sender(of: sensor_socket(inode: inode, cgroup: 0, user: 0), in: namespace)
            }
        }
        return nil
    }

    private static let namespaceLimit = 1024

    // MARK: Holders of sockets

    /// A process that has the socket open.
    ///
    /// - Parameter namespace: of the network, in which alone it is looked for; nil: everywhere.
    private func holder(of inode: UInt64, in namespace: String?) -> UInt32? {
        let name = "socket:[\(inode)]"
        let known = known.withLockedValue { $0 }
        guard let found = known.first(where: { holds($0, name) }) ?? search(name, namespace) else { return nil }
        self.known.withLockedValue { known in
            known.removeAll { $0 == found }
            known.insert(found, at: 0)
            if known.count > Self.knownLimit { known.removeLast() }
        }
        return found
    }

    private static let knownLimit = 64

    private func search(_ name: String, _ namespace: String?) -> UInt32? {
        ProcFile.numbers(in: "/proc").first { process in
            if let namespace, ProcFile.link("/proc/\(process)/ns/net") != namespace { return false }
            return holds(process, name)
        }
    }

    private func holds(_ process: UInt32, _ name: String) -> Bool {
        let folder = "/proc/\(process)/fd"
        return ProcFile.numbers(in: folder).contains { ProcFile.link("\(folder)/\($0)") == name }
    }
}

/// What `/proc/net/tcp` and `tcp6` say.
struct ConnectionTable {
    private let text: String

    init(_ text: String) { self.text = text }

    /// Of a connection's socket; nil: there is none such.
    func inode(local: TraceSenders.End, remote: TraceSenders.End) -> UInt64? {
        let (own, other) = (Self.text(local), Self.text(remote))
        for line in text.split(separator: "\n") where line.contains(own) {
            let fields = line.split(separator: " ", maxSplits: 10)
            guard fields.count > 9, fields[1] == own, fields[2] == other else { continue }
            return UInt64(fields[9]).flatMap { $0 == 0 ? nil : $0 }
        }
        return nil
    }

    /// Word by word as this machine has them in memory.
    private static func text(_ end: TraceSenders.End) -> String {
        let bytes = end.address.networkBytes
        var text = ""
        for first in stride(from: 0, to: bytes.count, by: 4) {
            let word = bytes[first..<(first + 4)].withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
            text += padded(String(word, radix: 16, uppercase: true), 8)
        }
        return text + ":" + padded(String(end.port, radix: 16, uppercase: true), 4)
    }

    private static func padded(_ digits: String, _ width: Int) -> String {
        String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
    }
}

extension IPAddress {
    /// Four bytes or sixteen.
    fileprivate var networkBytes: [UInt8] {
        let all = [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
        return family == .ipv4 ? Array(all.suffix(4)) : all
    }
}

extension ProcFile {
    /// What a link of procfs names; nil if it cannot be read.
    fileprivate static func link(_ path: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count = readlink(path, start, buffer.count)
            return count < 0 ? nil : String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }
}
