// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct PeerClassTests {
    private static let cluster = [AddressBlock("10.244.0.0/16"), AddressBlock("fd00:10:244::/56")].compactMap(\.self)

    @Test(arguments: [
        ("127.0.0.1", PeerClass.loopback), ("::1", .loopback), ("0.0.0.0", .loopback), ("169.254.1.1", .linkLocal),
        ("fe80::1", .linkLocal), ("224.0.0.1", .multicast), ("ff02::1", .multicast), ("10.244.3.4", .cluster),
        ("::ffff:10.244.3.4", .cluster), ("10.245.3.4", .private), ("172.31.0.1", .private), ("172.32.0.1", .external),
        ("192.168.0.1", .private), ("100.64.0.1", .private), ("100.128.0.1", .external), ("fd00:10:244::7", .cluster),
        ("fd00:11::7", .private), ("8.8.8.8", .external), ("2001:db8::1", .external), ("169.254.169.254", .metadata),
        ("fd00:ec2::254", .metadata), ("100.100.100.200", .metadata),
    ])
    func `an address has a side`(_ address: String, _ peerClass: PeerClass) throws {
        let address = try #require(IPAddress(address))
        #expect(PeerClass(name: "any.example.com", address: address, cluster: Self.cluster) == peerClass)
    }

    @Test(arguments: [
        ("localhost", PeerClass.loopback), ("a.ns.svc.cluster.local", .cluster), ("a.ns.svc", .cluster),
        ("db", .private),
        ("printer.local", .private), ("a.corp.internal", .private), ("metadata.google.internal", .metadata),
        ("api.example.com", .external),
    ])
    func `a name alone has one too`(_ name: String, _ peerClass: PeerClass) {
        #expect(PeerClass(name: name, address: nil, cluster: []) == peerClass)
    }

    @Test(arguments: [
        ("10.1.2.3/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("2001:db8::1/32", "2001:db8::/32"),
        ("1.2.3.4/0", "0.0.0.0/0"),
        ("2001:db8:1:2:3::/65", "2001:db8:1:2::/65"), ("::1", "::1/128"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ])
    func `a block is written as it was read, its host bits cleared`(_ text: String, _ written: String) {
        #expect(AddressBlock(text)?.description == written)
    }

    @Test(arguments: ["", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "10.0.0/8"])
    func `what is no block is none`(_ text: String) {
        #expect(AddressBlock(text) == nil)
    }
}
