// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import Glibc

// Sockets and names.
extension Pipeline {
    mutating func network(_ view: borrowing RecordView, _ header: sensor_header, _ kind: EventKind) {
        guard let network = view.network else { return }
        let process = process(header)
        let workload = workload(header)
        var detail = NetworkDetail(
            direction: NetworkDetail.Direction(rawValue: network.direction), transport: Self.transport(network))

        switch Int32(network.family) {
        case AF_INET, AF_INET6:
            let peer = Self.address(network.family, network.peer)
            let local = Self.address(network.family, network.local)
            if let peer, !(peer.isUnspecified && network.peer_port == 0) {
                detail.peer = Endpoint(
                    address: peer, port: network.peer_port,
                    names: peerNames(peer, network.peer_port, detail, kind, for: workload.number, at: header.time))
            }
            if let local, !(local.isUnspecified && network.local_port == 0) {
                detail.local = Endpoint(address: local, port: network.local_port)
            }
        case AF_VSOCK:
            let (contextID, port) = Self.virtualSocket(network.peer)
            // Its ports have 32 bits; those that do not fit are left out.
            detail.peer = Endpoint(port: UInt16(exactly: port), contextID: contextID)
        default:
            if let path = Self.socketPath(view).map(configuration.redactor.path) {
                if kind == .networkListen {
                    detail.local = Endpoint(path: path)
                } else {
                    detail.peer = Endpoint(path: path)
                }
            }
        }
        if kind == .networkListen { detail.direction = nil }
        // What was received is only known of a connection, at its end.
        if kind == .networkClose || network.sent != 0 { detail.bytesSent = network.sent }
        if kind == .networkClose || network.received != 0 { detail.bytesReceived = network.received }
        if kind == .networkClose { detail.duration = network.duration }
        emit(
            kind, header, process: process, workload: workload, detail: .network(detail), elapsed: network.duration)
    }

    /// What a peer is called, at the end of a connection as at its beginning: both are told of the same peer.
    private mutating func peerNames(
        _ address: IPAddress, _ port: UInt16, _ detail: NetworkDetail, _ kind: EventKind, for workload: UInt64,
        at time: UInt64
    ) -> [String] {
        guard detail.direction == .egress, kind == .networkConnect || kind == .networkClose else {
            return names.names(of: address, for: workload, at: time)
        }
        let target = PeerNames.Target(address, port: port, transport: detail.transport, for: workload)
        if kind == .networkClose, let known = names.names(ending: target) { return known }
        let found = names.names(of: address, for: workload, at: time)
        if kind == .networkConnect { names.begin(target, with: found) }
        return found
    }

    /// A DNS message reached a socket of the process: its names are this workload's from now on.
    mutating func answered(_ view: borrowing RecordView, _ header: sensor_header) {
        guard let payload = view.section(SENSOR_SECTION_PAYLOAD) else {
            lose(header.key, .badRecord)
            return
        }
        // What is no answer to one question (a query, multicast chatter) tells no names.
        guard let message = DNSMessage(payload.bytes) else { return }
        let process = process(header)
        let workload = workload(header)
        for address in message.addresses {
            names.learn(message.name, of: address, for: workload.number, ttl: message.ttl ?? 0, at: header.time)
        }
        emit(
            .dnsAnswer, header, process: process, workload: workload,
            detail: .dns(
                DNSDetail(
                    name: message.name, type: DNSMessage.typeName(message.type), addresses: message.addresses,
                    ttl: message.ttl,
                    source: process.map { Self.isResolver($0.description) ? "resolver" : "process" } ?? "")),
            elapsed: view.network?.duration ?? 0)
    }

    /// Daemons that ask on behalf of the node: what they are told is no workload's knowledge.
    private static func isResolver(_ process: ProcessDescription) -> Bool {
        let name = process.executable.bytes.split(separator: UInt8(ascii: "/")).last.map {
            String(decoding: $0, as: UTF8.self)
        }
        return ["systemd-resolved", "dnsmasq", "unbound", "nscd", "named", "coredns", "node-cache"].contains(name)
    }

    private static func transport(_ network: sensor_network) -> Transport {
        switch Int32(network.family) {
        case AF_UNIX: return .unix
        case AF_VSOCK: return .vsock
        case AF_PACKET: return .packet
        case AF_NETLINK: return .netlink
        case AF_INET, AF_INET6: break
        default: return .other
        }
        if network.flags & UInt32(SENSOR_NETWORK_MPTCP) != 0 { return .mptcp }
        if network.type == 3 { return .raw }  // SOCK_RAW
        switch Int32(network.protocol) {
        case 6: return .tcp
        case 17, 136: return .udp
        case 132: return .sctp
        case 1, 58: return .icmp
        default: return .other
        }
    }

    private typealias AddressBytes = (
        UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8
    )

    private static func address(_ family: UInt8, _ bytes: AddressBytes) -> IPAddress? {
        withUnsafeBytes(of: bytes) { bytes in
            IPAddress(networkBytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(Int32(family) == AF_INET ? 4 : 16)))
        }
    }

    private static func virtualSocket(_ bytes: AddressBytes) -> (contextID: UInt32, port: UInt32) {
        withUnsafeBytes(of: bytes) {
            ($0.loadUnaligned(as: UInt32.self), $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        }
    }

    /// The path of a bound socket file, else the address the caller gave, from its working directory; abstract names begin
    /// with `@`.
    private static func socketPath(_ view: borrowing RecordView) -> ByteString? {
        if let section = view.section(SENSOR_SECTION_PATH) { return PathAssembler.path(section).path }
        guard let section = view.section(SENSOR_SECTION_ARGUMENT) else { return nil }
        var bytes = section.bytes.withUnsafeBytes { [UInt8]($0) }
        if bytes.isEmpty { return nil }
        if bytes[0] == 0 {
            bytes[0] = UInt8(ascii: "@")
            return ByteString(bytes)
        }
        var base: ByteString?
        if let section = view.section(SENSOR_SECTION_BASE) { base = PathAssembler.path(section).path }
        return PathAssembler.normalized(PathAssembler.joined(base, bytes))
    }
}
