// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct DNSMessageTests {
    private func parse(_ message: DNSMessages) -> DNSMessage? { DNSMessage(message.bytes.span.bytes) }

    @Test func `an answer names the addresses of its question`() throws {
        let message = try #require(
            parse(DNSMessages("API.Example.test").address(nil, [10, 0, 0, 7], ttl: 60).address(nil, [10, 0, 0, 8])))
        #expect(message.name == "api.example.test")
        #expect(message.type == 1)
        #expect(message.addresses.map(\.description) == ["10.0.0.7", "10.0.0.8"])
        #expect(message.ttl == 60)
        #expect(message.aliases.isEmpty)
        #expect(!message.isTruncated)
    }

    @Test func `a chain of aliases leads to the address, in whatever order the records come`() throws {
        let v6: [UInt8] = [0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [1]
        let message = try #require(
            parse(
                DNSMessages("a.test", type: 28).address("c.test", v6).alias("b.test", to: "c.test", ttl: 5)
                    .alias(nil, to: "b.test")))
        #expect(message.addresses.map(\.description) == ["2001:db8::1"])
        #expect(message.aliases == ["b.test", "c.test"])
        #expect(message.ttl == 5)
    }

    @Test func `an address that the question does not lead to is not its`() throws {
        let message = try #require(
            parse(DNSMessages("a.test").address("bank.test", [6, 6, 6, 6]).address(nil, [10, 0, 0, 1])))
        #expect(message.addresses.map(\.description) == ["10.0.0.1"])
    }

    @Test func `aliases in a circle end`() throws {
        let message = try #require(parse(DNSMessages("a.test").alias(nil, to: "b.test").alias("b.test", to: "a.test")))
        #expect(message.addresses.isEmpty)
        #expect(message.aliases.count <= 17)
    }

    @Test func `compression pointers in a circle or forward are refused`() {
        var circle = DNSMessages("a.test")
        circle.bytes.replaceSubrange(12..<14, with: [0xc0, 12])
        #expect(parse(circle) == nil)
        var forward = DNSMessages("a.test")
        forward.bytes.replaceSubrange(12..<14, with: [0xc0, 40])
        #expect(parse(forward) == nil)
    }

    @Test func `a name that does not exist is told with its code`() throws {
        let message = try #require(parse(DNSMessages("gone.test", flags: 0x8183)))
        #expect(message.responseCode == 3)
        #expect(message.addresses.isEmpty)
        #expect(message.ttl == nil)
    }

    @Test func `queries, other opcodes and several questions are no answers`() {
        #expect(parse(DNSMessages("a.test", flags: 0x0100)) == nil)
        #expect(parse(DNSMessages("a.test", flags: 0xa800)) == nil)
        var several = DNSMessages("a.test")
        several.bytes[5] = 2
        #expect(parse(several) == nil)
    }

    @Test func `bytes of a name that are no letters are escaped`() throws {
        var message = DNSMessages("a.b.test")
        message.bytes[13] = 0x07
        message.bytes[15] = UInt8(ascii: ".")
        #expect(try #require(parse(message)).name == "\\007.\\..test")
    }

    @Test func `cut anywhere, it gives the whole records before the cut`() throws {
        let whole = DNSMessages("a.test").address(nil, [10, 0, 0, 1]).address(nil, [10, 0, 0, 2])
        for length in 0..<whole.bytes.count {
            var cut = whole
            cut.bytes.removeLast(whole.bytes.count - length)
            guard let message = parse(cut) else { continue }
            #expect(message.isTruncated)
            #expect(message.addresses.count == (length - 24) / 16)
        }
    }

    @Test func `any bytes at all are survived`() {
        var random = SplitMix(seed: 4)
        let whole = DNSMessages("a.test").alias(nil, to: "b.test").address("b.test", [10, 0, 0, 1])
        for _ in 0..<20_000 {
            var damaged = whole
            for _ in 0..<(1 + random.next() % 4) {
                damaged.bytes[Int(random.next() % UInt64(damaged.bytes.count))] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            _ = parse(damaged)
        }
    }
}

@Suite struct PeerNamesTests {
    private let address = IPAddress(ipv4: 0x0a00_0007)
    private static let second: UInt64 = 1_000_000_000

    @Test func `a name is known to the workload that was told, until it expires`() {
        var names = PeerNames(capacity: 10)
        names.learn("api.test", of: address, for: 1, ttl: 300, at: 0)
        #expect(names.names(of: address, for: 1, at: 299 * Self.second) == ["api.test"])
        #expect(names.names(of: address, for: 2, at: 0).isEmpty)
        #expect(names.names(of: address, for: 1, at: 300 * Self.second).isEmpty)
    }

    @Test func `a short TTL leaves time to connect`() {
        var names = PeerNames(capacity: 10)
        names.learn("api.test", of: address, for: 1, ttl: 0, at: 0)
        #expect(names.names(of: address, for: 1, at: 59 * Self.second) == ["api.test"])
    }

    @Test func `the latest name comes first, and there are four at most`() {
        var names = PeerNames(capacity: 10)
        for name in ["a", "b", "c", "d", "e", "b"] { names.learn(name, of: address, for: 1, ttl: 60, at: 0) }
        #expect(names.names(of: address, for: 1, at: 1) == ["b", "e", "d", "c"])
    }

    @Test func `an IPv4 address means the same in IPv6 clothes`() {
        var names = PeerNames(capacity: 10)
        names.learn("api.test", of: address, for: 1, ttl: 60, at: 0)
        #expect(names.names(of: IPAddress(ipv6High: 0, low: 0xffff_0a00_0007), for: 1, at: 1) == ["api.test"])
    }

    @Test func `a connection ends with the names that it began with, none included`() {
        var names = PeerNames(capacity: 10)
        let (one, other) = (
            PeerNames.Target(address, port: 443, transport: .tcp, for: 1),
            PeerNames.Target(address, port: 80, transport: .tcp, for: 1)
        )
        names.begin(one, with: ["api.test"])
        names.begin(other, with: [])
        #expect(names.names(ending: one) == ["api.test"] && names.names(ending: other) == [])
        #expect(names.names(ending: PeerNames.Target(address, port: 443, transport: .tcp, for: 2)) == nil)
        #expect(names.names(ending: PeerNames.Target(address, port: 443, transport: .mptcp, for: 1)) == nil)
    }

    @Test func `what falls out before its time is counted`() {
        var names = PeerNames(capacity: 2)
        for low in UInt32(0)..<4 { names.learn("n", of: IPAddress(ipv4: low), for: 1, ttl: 60, at: 0) }
        #expect(names.evicted == 2)
        // So are those of connections that may yet end; where there were none, nothing is lost.
        for port in 1...5 as ClosedRange<UInt16> {
            names.begin(
                PeerNames.Target(address, port: port, transport: .tcp, for: 1), with: port == 1 ? [] : ["api.test"])
        }
        #expect(names.evicted == 4)
    }
}
