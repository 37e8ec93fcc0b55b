// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Bytes that somebody else keeps. Slices share them.
typealias ByteSlice = UnsafeBufferPointer<UInt8>

extension UnsafeBufferPointer where Element == UInt8 {
    @inline(__always)
    func slice(_ range: Range<Int>) -> ByteSlice {
        ByteSlice(rebasing: self[range])
    }

    @inline(__always)
    func from(_ start: Int) -> ByteSlice {
        slice(start..<count)
    }

    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefix(text)
    }

    @inline(__always)
    func hasPrefix(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length, let start = baseAddress else { return length == 0 }
        return memcmp(start, text.utf8Start, length) == 0
    }

    @inline(__always)
    func hasSuffix(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length, let start = baseAddress else { return length == 0 }
        return memcmp(start + (count - length), text.utf8Start, length) == 0
    }

    func isOne(of texts: [StaticString]) -> Bool {
        texts.contains { equals($0) }
    }

    func equals(_ other: ByteSlice) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return true }
        return memcmp(left, right, count) == 0
    }

    /// By bytes, the shorter first.
    func precedes(_ other: ByteSlice) -> Bool {
        if let left = baseAddress, let right = other.baseAddress {
            let order = memcmp(left, right, Swift.min(count, other.count))
            if order != 0 { return order < 0 }
        }
        return count < other.count
    }

    /// The next `/` at or behind `start`, or the end.
    @inline(__always)
    func segmentEnd(from start: Int) -> Int {
        guard let base = baseAddress, start < count else { return count }
        guard let found = memchr(base + start, Int32(UInt8(ascii: "/")), count - start) else { return count }
        return UnsafeRawPointer(base).distance(to: found)
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
    @inline(__always) var isUpper: Bool { self &- 0x41 < 26 }
    @inline(__always) var isLower: Bool { self &- 0x61 < 26 }
    @inline(__always) var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inline(__always) var isAlphanumeric: Bool { isDigit || isLetter }
    @inline(__always) var isHexadecimal: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
}
