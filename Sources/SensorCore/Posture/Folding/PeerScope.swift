// SPDX-License-Identifier: Apache-2.0

/// Who somebody spoke to or was spoken to by, as it was seen.
package struct Peer: Sendable, Hashable {
    package var name: String?
    package var address: IPAddress?
    package var port: UInt16?
    package var transport: Transport

    package init(name: String? = nil, address: IPAddress? = nil, port: UInt16? = nil, transport: Transport = .tcp) {
        self.name = name
        self.address = address
        self.port = port
        self.transport = transport
    }

    /// The name as it is compared: lower case, no dot at the end; `nil` if nothing is left of it.
    var plainName: String? {
        guard let name else { return nil }
        var plain = name.utf8.contains { $0.isUpper || $0 == 0 } ? Self.lowered(name) : name
        while plain.hasSuffix(".") { plain.removeLast() }
        return plain.isEmpty ? nil : plain
    }

    private static func lowered(_ name: String) -> String {
        String(decoding: name.utf8.map { $0.isUpper ? $0 | 0x20 : $0 == 0 ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }

    /// What its stable hash is taken of.
    var stableKey: [UInt8] {
        var bytes = Array((plainName ?? "").utf8)
        bytes.append(0)
        if let address = address?.unmapped {
            bytes.append(address.family.rawValue + 1)
            for value in [address.high, address.low] {
                for shift in stride(from: 56, through: 0, by: -8) {
                    bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
                }
            }
        }
        bytes += [0, transport.rawValue, UInt8((port ?? 0) >> 8), UInt8((port ?? 0) & 0xff), port == nil ? 0 : 1]
        return bytes
    }
}

/// One peer, or all that are meant: of one class, transport and host pattern, at one port or a range of them.
package struct PeerScope: Sendable, Hashable {
    package enum Host: Sendable, Hashable {
        case name(String)
        /// All names below this one, not the name itself. `isShared`: they belong to different customers of a provider.
        case names(below: String, isShared: Bool)
        case address(IPAddress)
        case network(AddressBlock)
        /// Neither was known.
        case unknown
    }

    package var peerClass: PeerClass
    package var host: Host
    package var transport: Transport
    /// `nil`: without ports.
    package var ports: ClosedRange<UInt16>?

    package var isWide: Bool {
        if let ports, ports.count > 1 { return true }
        switch host {
        case .name, .address, .unknown: return false
        case .names, .network: return true
        }
    }

    package func covers(_ peer: Peer, cluster: [AddressBlock] = []) -> Bool {
        guard transport == peer.transport,
            peerClass == PeerClass(name: peer.plainName, address: peer.address, cluster: cluster)
        else { return false }
        guard ports == nil ? peer.port == nil : peer.port.map({ ports?.contains($0) ?? false }) ?? false else {
            return false
        }
        switch host {
        case .name(let name): return peer.plainName == name
        case .names(let suffix, _):
            guard let name = peer.plainName, MetadataService(name: name) == nil else { return false }
            return name.hasSuffix("." + suffix)
        case .address(let address): return peer.plainName == nil && peer.address?.unmapped == address
        case .network(let block): return peer.plainName == nil && peer.address.map(block.contains) ?? false
        case .unknown: return peer.plainName == nil && peer.address == nil
        }
    }
}

extension PeerScope: CustomStringConvertible {
    /// For people and for sorting: `external *.s3.amazonaws.com TCP 443`. A star in a name is written `\*`.
    package var description: String {
        let host =
            switch host {
            case .name(let name): Self.escaped(name)
            case .names(let suffix, _): "*." + Self.escaped(suffix)
            case .address(let address): address.description
            case .network(let block): block.description
            case .unknown: "?"
            }
        let port = ports.map { $0.count == 1 ? " \($0.lowerBound)" : " \($0.lowerBound)-\($0.upperBound)" } ?? ""
        return "\(peerClass.name) \(host) \(transport.name)\(port)"
    }

    private static func escaped(_ name: String) -> String {
        name.utf8.contains(UInt8(ascii: "*"))
            ? name.split(separator: "*", omittingEmptySubsequences: false).joined(separator: "\\*") : name
    }
}
