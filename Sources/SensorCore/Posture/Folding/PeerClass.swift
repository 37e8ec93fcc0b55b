// SPDX-License-Identifier: Apache-2.0

/// Whose side a peer is on. No pattern ever spans two.
package enum PeerClass: UInt8, Sendable, CaseIterable, Comparable {
    case loopback
    case linkLocal
    case multicast
    /// In a network that the operator or the cluster names as its own.
    case cluster
    /// An address that is not routed publicly, or a name that only a private resolver knows.
    case `private`
    case metadata
    case external

    package var name: String {
        switch self {
        case .loopback: "loopback"
        case .linkLocal: "link_local"
        case .multicast: "multicast"
        case .cluster: "cluster"
        case .private: "private"
        case .metadata: "metadata"
        case .external: "external"
        }
    }

    /// The address decides where there is one: a name says what it likes.
    ///
    /// - Parameters:
    ///   - name: in lower case, without a dot at the end.
    ///   - cluster: networks of pods, services and nodes.
    package init(name: String?, address: IPAddress?, cluster: [AddressBlock]) {
        if let address, MetadataService(address) != nil {
            self = .metadata
        } else if let address {
            self.init(address.unmapped, cluster: cluster)
        } else if let name {
            self.init(name)
        } else {
            self = .external
        }
    }

    private init(_ address: IPAddress, cluster: [AddressBlock]) {
        if address.isLoopback || address.isUnspecified {
            self = .loopback
        } else if cluster.contains(where: { $0.contains(address) }) {
            self = .cluster
        } else if address.family == .ipv4 {
            self.init(ipv4: address.low)
        } else {
            self.init(ipv6: address.high)
        }
    }

    private init(ipv4 value: UInt64) {
        if value >> 16 == 0xa9fe {
            self = .linkLocal
        } else if value >> 28 == 0xe || value == 0xffff_ffff {
            self = .multicast
        } else {
            let isPrivate = value >> 24 == 10 || value >> 20 == 0xac1 || value >> 16 == 0xc0a8 || value >> 22 == 0x191
            self = isPrivate ? .private : .external
        }
    }

    private init(ipv6 high: UInt64) {
        switch high >> 48 {
        case 0xfe80...0xfebf: self = .linkLocal
        case 0xff00...0xffff: self = .multicast
        case 0xfc00...0xfdff: self = .private
        default: self = .external
        }
    }

    private init(_ name: String) {
        if MetadataService(name: name) != nil {
            self = .metadata
        } else if name == "localhost" || name.hasSuffix(".localhost") {
            self = .loopback
        } else if name.hasSuffix(".cluster.local") || name.hasSuffix(".svc") {
            self = .cluster
        } else {
            let isPrivate =
                !name.contains(".") || [".local", ".internal", ".lan", ".home.arpa"].contains(where: name.hasSuffix)
            self = isPrivate ? .private : .external
        }
    }

    package static func < (left: PeerClass, right: PeerClass) -> Bool { left.rawValue < right.rawValue }
}
