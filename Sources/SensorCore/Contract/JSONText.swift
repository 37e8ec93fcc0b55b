// SPDX-License-Identifier: Apache-2.0

/// Bytes of a JSON text under construction.
///
/// Knows how values are spelled, not how objects are put together: the caller writes names, commas and brackets.
/// Nothing here makes a `String` unless the input is not UTF-8.
struct JSONText: ~Copyable {
    var bytes = TextBuffer()

    /// Text that needs no escaping.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// JSON that is ready.
    @inline(__always)
    mutating func append(fragment: [UInt8]) {
        bytes.append(contentsOf: fragment)
    }

    mutating func append(_ value: Bool) {
        append(value ? "true" as StaticString : "false")
    }

    mutating func append(decimal value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    mutating func append(decimal value: UInt64) {
        if value < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
            return
        }
        var places = 1
        var bound: UInt64 = 10
        while value >= bound {
            places += 1
            let (next, isBeyond) = bound.multipliedReportingOverflow(by: 10)
            if isBeyond { break }
            bound = next
        }
        append(padded: value, places: places)
    }

    /// The last `places` digits, zeros before them where they are fewer.
    mutating func append(padded value: UInt64, places: Int) {
        let digits = bytes.extend(by: places)
        var rest = value
        for place in stride(from: places - 1, through: 0, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            digits[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
    }

    /// Lower case, at least `width` digits.
    mutating func append(hexadecimal value: UInt64, width: Int = 1) {
        let needed = max((67 - value.leadingZeroBitCount) / 4, width, 1)
        for place in stride(from: needed - 1, through: 0, by: -1) {
            let digit = place < 16 ? UInt8(truncatingIfNeeded: value >> UInt64(4 * place)) & 0xf : 0
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    mutating func append(octal value: UInt32) {
        let places = max((34 - value.leadingZeroBitCount) / 3, 1)
        for place in stride(from: places - 1, through: 0, by: -1) {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value >> UInt32(3 * place)) & 7)
        }
    }
}
