// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct PeerFoldingTests {
    private static let cluster = [AddressBlock("10.244.0.0/16"), AddressBlock("10.96.0.0/12")].compactMap(\.self)

    private func fold(_ peers: [Peer], limit: Int) -> [PeerFolding.Group] {
        PeerFolding(limit: limit, cluster: Self.cluster).fold(
            peers.enumerated().map { PeerFolding.Item($1, index: $0) })
    }

    private func patterns(_ peers: [Peer], limit: Int) -> [String] {
        fold(peers, limit: limit).map(\.scope.description)
    }

    @Test func `many addresses of one name are the name`() {
        let peers = (1...9).map {
            Peer(name: $0 < 5 ? "API.example.test." : "api.example.test", address: .of("203.0.113.\($0)"), port: 443)
        }
        let groups = fold(peers + [Peer(name: "api.example.test", address: .of("10.244.1.2"), port: 443)], limit: 100)
        #expect(
            groups.map(\.scope.description) == [
                "cluster api.example.test TCP 443", "external api.example.test TCP 443",
            ])
        #expect(groups.map(\.peerCount) == [1, 9] && groups.map(\.isFolded) == [false, true])
        #expect(groups[1].exemplars.count == 4 && groups[0].exemplars.isEmpty)
    }

    @Test func `ephemeral ports of one peer fold, well-known ones stay`() {
        let ports: [UInt16] = [22, 80, 443, 5432] + (0..<20).map { 40_000 + 17 * $0 }
        let peers = ports.map { Peer(address: .of("203.0.113.9"), port: $0) }
        #expect(
            patterns(peers, limit: 100) == [
                "external 203.0.113.9 TCP 22", "external 203.0.113.9 TCP 32768-65535", "external 203.0.113.9 TCP 443",
                "external 203.0.113.9 TCP 5432", "external 203.0.113.9 TCP 80",
            ])
        #expect(
            patterns([Peer(address: .of("203.0.113.9"), port: 40_000)], limit: 1) == ["external 203.0.113.9 TCP 40000"])
        let scan = (1_100..<1_400).map { Peer(address: .of("203.0.113.9"), port: UInt16($0)) }
        #expect(patterns(scan, limit: 10) == ["external 203.0.113.9 TCP 1024-32767"])
    }

    @Test func `names fold below their owner's domain, never beyond it`() {
        var peers = (0..<40).map { Peer(name: "b\($0).s3.eu-west-1.amazonaws.com", port: 443) }
        peers += (0..<40).map { Peer(name: "n\($0).example.co.uk", port: 443) }
        peers += (0..<5).map { Peer(name: "one.owner\($0).co.uk", port: 443) }
        peers += [Peer(name: "sqs.eu-west-1.amazonaws.com", port: 443), Peer(name: "example.co.uk", port: 443)]
        #expect(
            patterns(peers, limit: 12) == [
                "external *.example.co.uk TCP 443", "external *.s3.eu-west-1.amazonaws.com TCP 443",
                "external example.co.uk TCP 443", "external one.owner0.co.uk TCP 443",
                "external one.owner1.co.uk TCP 443",
                "external one.owner2.co.uk TCP 443", "external one.owner3.co.uk TCP 443",
                "external one.owner4.co.uk TCP 443",
                "external sqs.eu-west-1.amazonaws.com TCP 443",
            ])
        let shared = fold(peers, limit: 12).compactMap { group -> Bool? in
            if case .names(_, let isShared) = group.scope.host { return isShared }
            return nil
        }
        #expect(shared == [false, true])
    }

    @Test(arguments: [
        ("a.example.com", "b.example.com", true), ("a.com", "b.com", false), ("a.co.uk", "b.co.uk", false),
        ("a.github.io", "b.github.io", true), ("x.github.io", "x.gitlab.io", false),
        ("a.s3.amazonaws.com", "b.s3.amazonaws.com", true), ("a.s3.amazonaws.com", "a.sqs.amazonaws.com", false),
        ("a.blob.core.windows.net", "b.blob.core.windows.net", true),
        ("a.blob.core.windows.net", "a.queue.core.windows.net", false),
        ("a.ns.svc.cluster.local", "b.ns.svc.cluster.local", true),
        ("a.one.svc.cluster.local", "a.two.svc.cluster.local", false), ("localhost", "b.com", false),
        ("storage.googleapis.com", "oauth2.googleapis.com", false),
    ])
    func `two names fold if they have one owner`(_ left: String, _ right: String, _ isOne: Bool) {
        #expect(patterns([Peer(name: left, port: 1), Peer(name: right, port: 1)], limit: 1).count == (isOne ? 1 : 2))
    }

    @Test func `addresses fold by network, within their class`() {
        var peers = (1...60).map { Peer(address: .of("203.0.113.\($0)"), port: 443) }
        peers += (1...60).map { Peer(address: .of("10.244.0.\($0)"), port: 443) }
        peers += (1...60).map { Peer(address: .of("10.1.\($0).7"), port: 443) }
        peers += (1...60).map { Peer(address: .of("2001:db8::\($0)"), port: 443) }
        peers += [Peer(address: .of("127.0.0.1"), port: 9), Peer(address: .of("169.254.169.254"), port: 80)]
        #expect(
            patterns(peers, limit: 8) == [
                "cluster 10.244.0.0/24 TCP 443", "external 2001:db8::/64 TCP 443", "external 203.0.113.0/24 TCP 443",
                "loopback 127.0.0.1 TCP 9", "metadata 169.254.169.254 TCP 80", "private 10.1.0.0/16 TCP 443",
            ])
    }

    @Test func `a scan of everything takes no detail from the rest`() {
        var generator = SplitMix(seed: 5)
        var peers = (0..<600).map { _ in
            Peer(address: IPAddress(ipv4: 0x0800_0000 | UInt32.random(in: 0..<0xff_ffff, using: &generator)), port: 443)
        }
        peers += (0..<10).map {
            Peer(name: "svc\($0).agents.svc.cluster.local", address: .of("10.96.0.\($0)"), port: 80)
        }
        peers += (0..<10).map { Peer(name: "h\($0).example.test", address: .of("203.0.113.1"), port: 443) }
        let groups = fold(peers, limit: 64)
        #expect(groups.count <= 64)
        for peer in peers.suffix(20) {
            #expect(groups.contains { $0.scope.host == .name(peer.name ?? "") })
        }
    }

    @Test(arguments: 0..<12)
    func `order and shares do not matter, and each peer is in the one pattern that covers it`(_ seed: Int) {
        var generator = SplitMix(seed: UInt64(seed))
        let peers = (0..<150).map { _ in Self.peer(&generator) }
        let items = peers.enumerated().map { PeerFolding.Item($1, index: $0) }
        let folding = PeerFolding(limit: [1, 10, 40, 400][seed % 4], cluster: Self.cluster)
        let expected = folding.fold(items)
        #expect(folding.fold(items.shuffled(using: &generator)) == expected)
        #expect(expected.flatMap(\.members).sorted() == Array(items.indices))
        #expect(Set(expected.map(\.scope)).count == expected.count)
        // A set of peers, whoever saw them and how often.
        let once = folding.fold(Set(peers).map { PeerFolding.Item($0, index: 0) })
        #expect(once.map(\.scope) == expected.map(\.scope) && once.map(\.exemplars) == expected.map(\.exemplars))
        for group in expected {
            for member in group.members {
                #expect(group.scope.covers(peers[member], cluster: Self.cluster), "\(group.scope) \(peers[member])")
                let peerClass = PeerClass(
                    name: peers[member].name, address: peers[member].address, cluster: Self.cluster)
                #expect(peerClass == group.scope.peerClass)
            }
        }
    }

    private static func peer(_ generator: inout SplitMix) -> Peer {
        let low = UInt32.random(in: 0..<600, using: &generator)
        let bases: [UInt32] = [
            0x7f00_0000, 0xa9fe_a900, 0x0af4_0000, 0x0a01_0000, 0xcb00_7100, 0x0808_0000, 0x6464_6400,
        ]
        let isV6 = Bool.random(using: &generator)
        let v6 = IPAddress(
            ipv6High: [0x2001_0db8_0000_0000, 0xfd00_0ec2_0000_0000, 0xfe80_0000_0000_0000].randomElement(
                using: &generator) ?? 0,
            low: UInt64(low))
        let v4 = IPAddress(ipv4: (bases.randomElement(using: &generator) ?? 0) + low)
        let names = [
            "a\(low).example.com", "example.com", "b\(low).s3.amazonaws.com", "c\(low).ns.svc.cluster.local",
            "d\(low).co.uk", "x",
        ]
        let name = Int.random(in: 0..<2, using: &generator) == 0 ? names.randomElement(using: &generator) : nil
        let ports: [UInt16?] = [nil, 443, 80, UInt16(1_024 + low), UInt16(40_000 + low)]
        return Peer(
            name: name, address: Int.random(in: 0..<5, using: &generator) == 0 ? nil : isV6 ? v6 : v4,
            port: ports.randomElement(using: &generator) ?? nil, transport: Bool.random(using: &generator) ? .tcp : .udp
        )
    }
}

extension IPAddress {
    fileprivate static func of(_ text: String) -> IPAddress? { IPAddress(text) }
}
