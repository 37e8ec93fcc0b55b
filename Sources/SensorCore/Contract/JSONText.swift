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
        var places = 2
        var bound: UInt64 = 100
        while value >= bound {
            places += 1
            // 10 to the 20th is beyond what there is.
            if places == 20 { break }
            bound &*= 10
        }
        append(padded: value, places: places)
    }

    /// The last `places` digits, zeros before them where they are fewer.
    mutating func append(padded value: UInt64, places: Int) {
        let digits = bytes.extend(by: places)
        var rest = value
        var place = places
        // Two at a time: a digit costs a division.
        while place > 1 {
            place -= 2
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            (digits + place).update(from: Self.pairs.utf8Start + 2 * Int(truncatingIfNeeded: pair), count: 2)
            rest = quotient
        }
        if place == 1 { digits[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10) }
    }

    /// 00 to 99.
    private static var pairs: StaticString {
        """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657\
        585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """
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
