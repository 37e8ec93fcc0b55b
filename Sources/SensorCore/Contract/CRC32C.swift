// SPDX-License-Identifier: Apache-2.0

/// The Castagnoli CRC (RFC 3720), four bytes a step.
struct CRC32C {
    private var state: UInt32 = ~0

    var value: UInt32 { ~state }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { add(UnsafeRawBufferPointer($0)) }
        if done == nil {
            for byte in bytes { state = Self.tables[0][Int((state ^ UInt32(byte)) & 0xff)] ^ state >> 8 }
        }
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        Self.tables.withUnsafeBufferPointer { tables in
            var state = state
            var index = 0
            while index + 4 <= bytes.count {
                let word = state ^ UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
                state =
                    tables[3][Int(word & 0xff)] ^ tables[2][Int(word >> 8 & 0xff)] ^ tables[1][Int(word >> 16 & 0xff)]
                    ^ tables[0][Int(word >> 24)]
                index += 4
            }
            while index < bytes.count {
                state = tables[0][Int((state ^ UInt32(bytes[index])) & 0xff)] ^ state >> 8
                index += 1
            }
            self.state = state
        }
    }

    private static let tables: [InlineArray<256, UInt32>] = {
        var first = InlineArray<256, UInt32>(repeating: 0)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : 0x82f6_3b78 ^ value >> 1 }
            first[index] = value
        }
        var tables = [first]
        for _ in 1..<4 {
            var next = InlineArray<256, UInt32>(repeating: 0)
            for index in 0..<256 {
                let value = tables[tables.count - 1][index]
                next[index] = first[Int(value & 0xff)] ^ value >> 8
            }
            tables.append(next)
        }
        return tables
    }()
}
