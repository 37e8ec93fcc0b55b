// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct GzipTests {
    @Test func `what is packed is the same when it is unpacked, and no larger than is wanted`() throws {
        let random = (0..<5000).map { _ in UInt8.random(in: .min ... .max) }
        for bytes in [[], [1], random, [UInt8](repeating: 7, count: 1 << 20)] {
            let packed = try #require(Gzip.pack(bytes))
            #expect(packed.starts(with: [0x1f, 0x8b]))
            #expect(try Gzip.unpack(packed, limit: max(bytes.count, 1)) == bytes)
        }
        let packed = try #require(Gzip.pack([UInt8](repeating: 7, count: 1 << 20)))
        #expect(throws: Gzip.Fault.tooLarge) { try Gzip.unpack(packed, limit: 1 << 19) }
        #expect(throws: Gzip.Fault.malformed) { try Gzip.unpack(Array(packed.dropLast()), limit: 1 << 20) }
    }
}
