// SPDX-License-Identifier: Apache-2.0

/// A name or an address of one class with the ports that were seen, and its place in the tree of peers.
struct PeerHost {
    /// What makes two peers the same host.
    struct Key: Hashable {
        var peerClass: PeerClass
        var name: String?
        /// Without meaning where there is a name.
        var address: IPAddress?

        init(_ peer: Peer, cluster: [AddressBlock]) {
            name = peer.plainName
            let address = peer.address?.unmapped
            peerClass = PeerClass(name: name, address: address, cluster: cluster)
            self.address = name == nil ? address : nil
        }
    }

    enum Kind: UInt8 {
        case ipv4
        case ipv6
        case name
        case unknown
    }

    let peerClass: PeerClass
    let kind: Kind
    let host: PeerScope.Host
    let address: IPAddress?
    let suffix: NameSuffix
    /// Class, kind, then the parts of the address or of the name, widest first.
    let path: [UInt8]
    /// Where each part of `path` ends.
    let ends: [Int]
    var ports = PeerPorts()

    init(_ key: Key) {
        peerClass = key.peerClass
        var path: [UInt8] = [key.peerClass.rawValue]
        var ends = [1]
        var suffix = NameSuffix(of: [])
        if let name = key.name {
            kind = .name
            host = .name(name)
            path.append(kind.rawValue)
            ends.append(2)
            let labels = name.split(separator: ".", omittingEmptySubsequences: false)
            suffix = NameSuffix(of: labels)
            for (place, label) in labels.reversed().enumerated() {
                path += Array(label.utf8) + [0]
                // The suffix is one part: nothing folds within it.
                if place + 1 >= suffix.labels { ends.append(path.count) }
            }
        } else if let address = key.address {
            kind = address.family == .ipv4 ? .ipv4 : .ipv6
            host = .address(address)
            path.append(kind.rawValue)
            ends.append(2)
            if address.family == .ipv4 {
                for shift in [24, 16, 8, 0] {
                    path.append(UInt8(truncatingIfNeeded: address.low >> UInt64(shift)))
                    ends.append(path.count)
                }
            } else {
                for value in [address.high, address.low] {
                    for shift in stride(from: 56, through: 0, by: -8) {
                        path.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
                    }
                }
                // /32, /48, /64 and the address itself.
                ends += [6, 8, 10, 18]
            }
        } else {
            kind = .unknown
            host = .unknown
            path.append(kind.rawValue)
            ends.append(2)
        }
        (self.path, self.ends, self.suffix, address) = (path, ends, suffix, key.address)
    }

    /// By its address or by its name, even one that an address elsewhere was given out for.
    var isMetadata: Bool {
        if peerClass == .metadata { return true }
        guard case .name(let name) = host else { return false }
        return MetadataService(name: name) != nil
    }

    /// What all hosts that share this one's first `depth` parts become together; `nil` if they stay apart.
    func whole(at depth: Int) -> PeerScope.Host? {
        switch kind {
        case .unknown: return nil
        case .ipv4:
            guard let address, depth >= 2, depth < ends.count else { return nil }
            return .network(AddressBlock(address, length: 8 * (depth - 2)))
        case .ipv6:
            guard let address, depth >= 2, depth < ends.count else { return nil }
            return .network(AddressBlock(address, length: [0, 32, 48, 64][depth - 2]))
        case .name:
            guard depth >= 3, case .name(let name) = host else { return nil }
            let labels = name.split(separator: ".", omittingEmptySubsequences: false)
            let below = labels.suffix(suffix.labels + depth - 3).joined(separator: ".")
            return .names(below: below, isShared: suffix.isShared && depth == 3)
        }
    }
}
