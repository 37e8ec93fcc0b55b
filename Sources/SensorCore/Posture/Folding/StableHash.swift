// SPDX-License-Identifier: Apache-2.0

/// A hash that is the same in every process, version and architecture: it chooses exemplars, and they are merged by others.
///
/// FNV-1a with 64 bits (offset 0xcbf29ce484222325, prime 0x100000001b3), then two rounds of xor-shift and multiplication
/// (30, 0xbf58476d1ce4e5b9, 27, 0x94d049bb133111eb, 31), since the upper bits of FNV-1a alone hardly depend on the last
/// bytes. It is not keyed: whoever chooses the names may choose which of them become exemplars.
package enum StableHash {
    package static func of(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBufferPointer { of($0) }
    }

    static func of(_ bytes: ByteSlice) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return mixed(hash)
    }

    @inline(__always)
    static func mixed(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ hash >> 30) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ hash >> 27) &* 0x94d0_49bb_1331_11eb
        return hash ^ hash >> 31
    }
}
