// SPDX-License-Identifier: Apache-2.0

/// Many peers as few patterns: a view over a set of peers, never a step of a merge.
///
/// What comes out depends on the set of peers, on `limit` and on the cluster's networks, not on their order nor on how they
/// were shared out before. All addresses of one name are the name (of each class apart), and more than four ephemeral ports
/// of one peer are their range. While there are more than `limit` patterns, the peers divide the room among classes, then
/// owners' domains and networks, and what needs more than its share folds: names to `*.example.com`, addresses to /24, /16,
/// /8 and at last all of their class (IPv6: /64, /48, /32), registered ports to their range.
///
/// Never folded and not counted against `limit`: metadata services. Never put together: two classes, two owners' domains, a
/// name and an address, two transports, well-known ports. So names under ever new domains are bounded by whoever collects
/// them.
package struct PeerFolding: Sendable {
    package struct Item: Sendable {
        package var peer: Peer
        /// The caller's own.
        package var index: Int

        package init(_ peer: Peer, index: Int) {
            self.peer = peer
            self.index = index
        }
    }

    package struct Group: Sendable, Equatable {
        package var scope: PeerScope
        /// The items' own numbers, ascending.
        package var members: [Int]
        /// Different peers among them.
        package var peerCount: Int
        /// Whether the pattern stands for more than one peer, or may.
        package var isFolded: Bool
        /// If folded, the peers with the smallest stable hash, smallest first.
        package var exemplars: [Peer]
    }

    package var limit: Int
    package var cluster: [AddressBlock]

    package static let exemplarLimit = 4
    /// Where Linux takes the ports of its own connections from, unless told otherwise.
    package static let ephemeralPorts: ClosedRange<UInt16> = 32768...65535
    package static let registeredPorts: ClosedRange<UInt16> = 1024...32767
    /// So many ephemeral ports of one peer are told one by one.
    package static let ephemeralLimit = 4

    /// - Parameters:
    ///   - limit: patterns that are wanted at most, metadata services aside.
    ///   - cluster: networks of pods, services and nodes.
    package init(limit: Int, cluster: [AddressBlock] = []) {
        self.limit = limit
        self.cluster = cluster
    }

    /// In the order of the descriptions.
    package func fold(_ items: [Item]) -> [Group] {
        var run = PeerFoldingRun(items)
        let hosts = hosts(of: items)
        for host in hosts where host.isMetadata { run.tell([host], as: host.host, host.ports) }
        let others = hosts.filter { !$0.isMetadata }
        run.fold(others[...], depth: 0, to: max(limit, 1))
        return run.groups.map { ($0.scope.description, $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func hosts(of items: [Item]) -> [PeerHost] {
        var places: [PeerHost.Key: Int] = [:]
        var hosts: [PeerHost] = []
        for (place, item) in items.enumerated() {
            let key = PeerHost.Key(item.peer, cluster: cluster)
            let known = places[key] ?? hosts.count
            if known == hosts.count {
                places[key] = known
                hosts.append(PeerHost(key))
            }
            hosts[known].ports.add(item.peer, Int32(place))
        }
        for index in hosts.indices where !hosts[index].isMetadata {
            hosts[index].ports.foldEphemeral(beyond: Self.ephemeralLimit)
        }
        return hosts.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }
}

/// The ports of one host or of several, and the items behind each.
struct PeerPorts {
    struct Place: Hashable {
        var transport: Transport
        /// -1: no port.
        var low: Int32
        var high: Int32
    }

    private(set) var items: [Place: [Int32]] = [:]

    var count: Int { items.count }

    mutating func add(_ peer: Peer, _ item: Int32) {
        let port = peer.port.map { Int32($0) } ?? -1
        items[Place(transport: peer.transport, low: port, high: port), default: []].append(item)
    }

    mutating func add(_ other: PeerPorts) {
        items.merge(other.items) { $0 + $1 }
    }

    mutating func foldEphemeral(beyond limit: Int) { fold(PeerFolding.ephemeralPorts, beyond: limit) }

    mutating func foldRegistered() { fold(PeerFolding.registeredPorts, beyond: 1) }

    /// More ports than `limit` within `range` become the range, of each transport.
    private mutating func fold(_ range: ClosedRange<UInt16>, beyond limit: Int) {
        if items.count <= limit { return }
        let (low, high) = (Int32(range.lowerBound), Int32(range.upperBound))
        var within: [Transport: [Place]] = [:]
        for place in items.keys where place.low >= low && place.high <= high {
            within[place.transport, default: []].append(place)
        }
        for (transport, places) in within {
            let hasRange = places.contains { $0.low < $0.high }
            guard places.count > limit || hasRange && places.count > 1 else { continue }
            var all: [Int32] = []
            for place in places { all += items.removeValue(forKey: place) ?? [] }
            items[Place(transport: transport, low: low, high: high)] = all
        }
    }
}
