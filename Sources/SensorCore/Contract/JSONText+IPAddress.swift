// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// An address as people write it, without quotes.
    mutating func append(_ address: IPAddress) {
        switch address.family {
        case .ipv4:
            append(dotted: address.low)
        case .ipv6 where address.isMapped:
            append("::ffff:")
            append(dotted: address.low)
        case .ipv6:
            append(groupsOf: address)
        }
    }

    private mutating func append(dotted value: UInt64) {
        for place in 0..<4 {
            if place > 0 { bytes.append(UInt8(ascii: ".")) }
            append(decimal: value >> UInt64(24 - 8 * place) & 0xff)
        }
    }

    /// RFC 5952: the first of the longest runs of two or more zero groups becomes `::`.
    private mutating func append(groupsOf address: IPAddress) {
        var longest = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || address.group(index) != 0 {
            if index - start > max(longest.count, 1) { longest = start..<index }
            start = index + 1
        }
        var index = 0
        while index < 8 {
            if longest.contains(index) {
                append("::")
                index = longest.upperBound
                continue
            }
            if index > 0, index != longest.upperBound || longest.isEmpty { bytes.append(UInt8(ascii: ":")) }
            append(hexadecimal: address.group(index))
            index += 1
        }
    }
}
