// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An IPv4 or IPv6 address, as two integers: compared, hashed and copied without touching memory elsewhere.
///
/// Formatted only when written: IPv4 dotted, IPv6 as RFC 5952 has it.
package struct IPAddress: Sendable, Hashable {
    package enum Family: UInt8, Sendable {
        case ipv4
        case ipv6
    }

    package let family: Family
    /// The first eight bytes in network order; 0 for IPv4.
    package let high: UInt64
    /// The last eight bytes in network order; for IPv4 its four bytes.
    package let low: UInt64

    private init(family: Family, high: UInt64, low: UInt64) {
        self.family = family
        self.high = high
        self.low = low
    }

    /// `ipv4` reads as it is written: 0x7f000001 is 127.0.0.1.
    package init(ipv4: UInt32) {
        self.init(family: .ipv4, high: 0, low: UInt64(ipv4))
    }

    package init(ipv6High high: UInt64, low: UInt64) {
        self.init(family: .ipv6, high: high, low: low)
    }

    /// Four bytes in network order for IPv4, sixteen for IPv6; `nil` for any other number of them.
    package init?(networkBytes bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 4:
            self.init(ipv4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        case 16:
            self.init(
                ipv6High: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        default:
            return nil
        }
    }

    /// Reads what people write: `10.0.0.7`, `2001:db8::1`. No zone, no port, no brackets.
    package init?(_ text: String) {
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(ipv4: UInt32(bigEndian: v4.s_addr))
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        guard let address = withUnsafeBytes(of: &v6, { IPAddress(networkBytes: $0) }) else { return nil }
        self = address
    }

    /// What a socket that speaks both families means: `::ffff:10.0.0.7` is 10.0.0.7. Others are themselves.
    package var unmapped: IPAddress {
        isMapped ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) : self
    }

    package var isLoopback: Bool {
        switch unmapped.family {
        case .ipv4: unmapped.low >> 24 == 127
        case .ipv6: high == 0 && low == 1
        }
    }

    /// `0.0.0.0` or `::`.
    package var isUnspecified: Bool { high == 0 && low == 0 }

    /// Whether the first `length` bits are those of `network`. Never across families.
    package func hasPrefix(of network: IPAddress, length: Int) -> Bool {
        guard family == network.family, length >= 0 else { return false }
        let skipped = family == .ipv4 ? 96 : 0
        let bits = min(length + skipped, 128)
        let highMask: UInt64 = bits >= 64 ? .max : ~(.max >> UInt64(bits))
        let lowMask: UInt64 = bits <= 64 ? 0 : ~(bits == 128 ? 0 : .max >> UInt64(bits - 64))
        return (high ^ network.high) & highMask == 0 && (low ^ network.low) & lowMask == 0
    }

    var isMapped: Bool { family == .ipv6 && high == 0 && low >> 32 == 0xffff }

    /// Group `index` (0...7) of an IPv6 address.
    func group(_ index: Int) -> UInt64 {
        (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)) & 0xffff
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        var json = JSONText()
        json.append(self)
        return String(decoding: json.bytes.contents, as: UTF8.self)
    }
}
