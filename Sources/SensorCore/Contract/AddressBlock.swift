// SPDX-License-Identifier: Apache-2.0

/// Addresses that share their first bits.
package struct AddressBlock: Sendable, Hashable {
    /// The bits behind the prefix are 0.
    package let base: IPAddress
    package let length: Int

    package init(_ address: IPAddress, length: Int) {
        let isMapped = address.unmapped != address
        let address = address.unmapped
        let width = address.family == .ipv4 ? 32 : 128
        let length = min(max(isMapped ? length - 96 : length, 0), width)
        self.length = length
        if address.family == .ipv4 {
            let mask: UInt32 = length == 0 ? 0 : .max << UInt32(32 - length)
            base = IPAddress(ipv4: UInt32(truncatingIfNeeded: address.low) & mask)
        } else {
            let high: UInt64 = length == 0 ? 0 : .max << UInt64(max(64 - length, 0))
            let low: UInt64 = length <= 64 ? 0 : .max << UInt64(128 - length)
            base = IPAddress(ipv6High: address.high & high, low: address.low & low)
        }
    }

    /// Reads `10.0.0.0/8`; an address alone is itself.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(address, length: 128)
            return
        }
        guard let length = Int(parts[1]), (0...(address.family == .ipv4 ? 32 : 128)).contains(length) else {
            return nil
        }
        self.init(address, length: length)
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.unmapped.hasPrefix(of: base, length: length)
    }
}

extension AddressBlock: CustomStringConvertible {
    package var description: String { "\(base)/\(length)" }
}
