// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of a protobuf message one by one, without making a message of them: what is foreign and small on the
/// wire stays small in memory.
struct WireReader {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// A string, bytes or a message.
        case bytes(ArraySlice<UInt8>)
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// nil: that was all.
    mutating func next() throws(TraceFault) -> (number: UInt64, value: Value)? {
        if rest.isEmpty { return nil }
        let tag = try varint()
        guard tag >> 3 != 0 else { throw TraceFault("a field has the number 0") }
        switch tag & 7 {
        case 0: return (tag >> 3, .varint(try varint()))
        case 1: return (tag >> 3, .fixed64(integer(try take(8))))
        case 2:
            let length = try varint()
            guard length <= UInt64(rest.count) else { throw TraceFault("a field is longer than its message") }
            return (tag >> 3, .bytes(try take(Int(length))))
        case 5: return (tag >> 3, .fixed32(UInt32(truncatingIfNeeded: integer(try take(4)))))
        default: throw TraceFault("a field has a wire type that is not known")
        }
    }

    private mutating func take(_ count: Int) throws(TraceFault) -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw TraceFault("a field is longer than its message") }
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return taken
    }

    private mutating func varint() throws(TraceFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw TraceFault("a number is cut off") }
            // Of the tenth byte only one bit has a place.
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw TraceFault("a number is too long")
    }

    private func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Why a request cannot be read.
struct TraceFault: Error, Equatable, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
