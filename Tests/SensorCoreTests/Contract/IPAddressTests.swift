// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        "0.0.0.0", "127.0.0.1", "10.0.0.7", "255.255.255.255", "::", "::1", "1::", "2001:db8::1",
        "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1", "fe80::1:2:3:4", "1:2:3:4:5:6:7:8",
        "0:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6::", "::ffff:10.0.0.7", "::fffe:a00:7",
        "ff02::1:ff00:0",
    ])
    func `an address is written as it is read`(_ text: String) throws {
        #expect(try #require(IPAddress(text)).description == text)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.256", "1.2.3.4.5", "::g", ":::", "1:2:3:4:5:6:7", "fe80::1%eth0", "::1 ",
    ])
    func `what is no address is none`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `IPv6 is written as the C library writes it`() throws {
        var random = SplitMix(seed: 7)
        for _ in 0..<2000 {
            let address = IPAddress(ipv6High: random.next() & random.holes(), low: random.next() & random.holes())
            var bytes = [address.high.bigEndian, address.low.bigEndian]
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            try #require(inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count)) != nil)
            let expected = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            // The library still writes the long-withdrawn ::a.b.c.d.
            if address.high == 0 && address.low >> 32 == 0 { continue }
            #expect(address.description == expected)
        }
    }

    @Test(arguments: [
        ("10.1.2.3", "10.0.0.0", 8, true), ("11.1.2.3", "10.0.0.0", 8, false), ("10.1.2.3", "99.0.0.0", 0, true),
        ("10.1.2.3", "10.1.2.3", 32, true), ("10.1.2.2", "10.1.2.3", 32, false), ("10.1.2.2", "10.1.2.3", 31, true),
        ("2001:db8::1", "2001:db8::", 32, true), ("2001:db9::1", "2001:db8::", 32, false),
        ("2001:db8::1", "2001:db8::", 64, true), ("2001:db8::1", "2001:db8::", 127, true),
        ("2001:db8::1", "2001:db8::", 128, false), ("::1", "8000::", 0, true), ("::1", "0.0.0.0", 0, false),
    ])
    func `a prefix is compared bit by bit`(_ address: String, _ network: String, _ length: Int, _ inside: Bool) throws {
        #expect(try #require(IPAddress(address)).hasPrefix(of: #require(IPAddress(network)), length: length) == inside)
    }

    @Test func `bytes of the network are taken in their order`() {
        let v4: [UInt8] = [10, 0, 0, 7]
        #expect(v4.withUnsafeBytes { IPAddress(networkBytes: $0) } == IPAddress(ipv4: 0x0a00_0007))
        let v6: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [1]
        #expect(v6.withUnsafeBytes { IPAddress(networkBytes: $0) }?.description == "2001:db8::1")
        #expect(v6.dropLast().withUnsafeBytes { IPAddress(networkBytes: $0) } == nil)
    }

    @Test func `a mapped address stands for the IPv4 one`() {
        #expect(IPAddress("::ffff:127.0.0.1")?.unmapped == IPAddress("127.0.0.1"))
        #expect(IPAddress("::ffff:127.0.0.1")?.isLoopback == true)
        #expect(IPAddress("::1")?.isLoopback == true)
        #expect(IPAddress("::2")?.isLoopback == false)
        #expect(IPAddress("0.0.0.0")?.isUnspecified == true)
    }
}

extension SplitMix {
    /// A mask that often empties whole groups.
    fileprivate mutating func holes() -> UInt64 {
        (0..<4).reduce(0) { mask, _ in mask << 16 | (Bool.random(using: &self) ? 0xffff : 0) }
    }
}
