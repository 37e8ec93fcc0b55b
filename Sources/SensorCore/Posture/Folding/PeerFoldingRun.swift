// SPDX-License-Identifier: Apache-2.0

/// One folding of peers: hosts in the order of their paths, part by part, in as much room as there is.
struct PeerFoldingRun {
    private let items: [PeerFolding.Item]
    private(set) var groups: [PeerFolding.Group] = []

    init(_ items: [PeerFolding.Item]) {
        self.items = items
    }

    /// - Parameters:
    ///   - hosts: those that share the first `depth` parts of their paths.
    ///   - room: patterns that they may become.
    /// - Returns: how many they became.
    @discardableResult
    mutating func fold(_ hosts: ArraySlice<PeerHost>, depth: Int, to room: Int) -> Int {
        guard let first = hosts.first else { return 0 }
        let count = Self.patterns(of: hosts)
        if count <= room || hosts.count == 1 {
            return hosts.reduce(0) { $0 + tellAlone($1, room: hosts.count == 1 ? room : .max) }
        }
        let parts = Self.parts(of: hosts, at: depth)
        if parts.count > room, let whole = first.whole(at: depth) {
            // The name that the others are below stays itself.
            var below = hosts
            var told = 0
            if first.kind == .name, first.ends.count == depth {
                told = tellAlone(first, room: max(1, room / 2))
                below = hosts.dropFirst()
            }
            return told + tellTogether(below, as: whole, room: max(1, room - told))
        }
        let ordered = parts.map { (patterns: Self.patterns(of: hosts[$0]), range: $0) }.sorted { left, right in
            (left.patterns, left.range.lowerBound) < (right.patterns, right.range.lowerBound)
        }
        // Owners with one pattern each cannot have fewer: where they stay apart, they take no more than half the room.
        let single = first.whole(at: depth) == nil ? room / 2 : room
        var (used, taken) = (0, 0)
        for (index, part) in ordered.enumerated() {
            let told = fold(hosts[part.range], depth: depth + 1, to: max(1, (room - taken) / (parts.count - index)))
            used += told
            taken += part.patterns == 1 && taken >= single ? 0 : told
        }
        return used
    }

    /// Hosts that have the next part in common, in runs.
    private static func parts(of hosts: ArraySlice<PeerHost>, at depth: Int) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = hosts.startIndex
        for index in hosts.indices.dropFirst() where !isSame(hosts[start], hosts[index], at: depth) {
            parts.append(start..<index)
            start = index
        }
        parts.append(start..<hosts.endIndex)
        return parts
    }

    private static func isSame(_ left: PeerHost, _ right: PeerHost, at depth: Int) -> Bool {
        guard depth < left.ends.count, depth < right.ends.count else { return false }
        let end = left.ends[depth]
        return end == right.ends[depth] && left.path[..<end] == right.path[..<end]
    }

    private static func patterns(of hosts: ArraySlice<PeerHost>) -> Int {
        hosts.reduce(0) { $0 + $1.ports.count }
    }

    private mutating func tellAlone(_ host: PeerHost, room: Int) -> Int {
        var ports = host.ports
        if ports.count > room { ports.foldRegistered() }
        tell([host], as: host.host, ports)
        return ports.count
    }

    private mutating func tellTogether(_ hosts: ArraySlice<PeerHost>, as whole: PeerScope.Host, room: Int) -> Int {
        if hosts.count == 1, let host = hosts.first { return tellAlone(host, room: room) }
        var ports = PeerPorts()
        for host in hosts { ports.add(host.ports) }
        ports.foldEphemeral(beyond: PeerFolding.ephemeralLimit)
        if ports.count > room {
            ports.foldEphemeral(beyond: 1)
            ports.foldRegistered()
        }
        tell(hosts, as: whole, ports)
        return ports.count
    }

    mutating func tell(_ hosts: ArraySlice<PeerHost>, as whole: PeerScope.Host, _ ports: PeerPorts) {
        guard let first = hosts.first else { return }
        for (place, members) in ports.items {
            let range = place.low < 0 ? nil : UInt16(place.low)...UInt16(place.high)
            let scope = PeerScope(
                peerClass: first.peerClass, host: whole, transport: place.transport, ports: range)
            groups.append(group(scope, members))
        }
    }

    private func group(_ scope: PeerScope, _ members: [Int32]) -> PeerFolding.Group {
        var different: Set<Peer> = []
        for member in members { different.insert(Self.plain(items[Int(member)].peer)) }
        var group = PeerFolding.Group(
            scope: scope, members: members.map { items[Int($0)].index }.sorted(), peerCount: different.count,
            isFolded: scope.isWide || different.count > 1, exemplars: [])
        if group.isFolded {
            var exemplars = Exemplars<Peer>(limit: PeerFolding.exemplarLimit)
            for peer in different { exemplars.offer(peer, key: peer.stableKey) }
            group.exemplars = exemplars.values
        }
        return group
    }

    private static func plain(_ peer: Peer) -> Peer {
        Peer(name: peer.plainName, address: peer.address?.unmapped, port: peer.port, transport: peer.transport)
    }
}
