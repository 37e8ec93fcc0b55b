// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What HTTP calls `gzip`.
package enum Gzip {
    package enum Fault: Error {
        /// It is not packed so, or not whole.
        case malformed
        case tooLarge
    }

    /// nil: there is no memory for it, or it is of 2 GiB.
    package static func pack(_ bytes: [UInt8]) -> [UInt8]? {
        var result = 0
        let packed = [UInt8](unsafeUninitializedCapacity: sensor_deflate_room(bytes.count)) { room, count in
            result = bytes.withUnsafeBytes { sensor_deflate($0.baseAddress, $0.count, room.baseAddress, room.count) }
            count = max(result, 0)
        }
        return result < 0 ? nil : packed
    }

    /// Whatever the packed bytes promise, no more than `limit` bytes are made of them. Takes zlib's own form too.
    package static func unpack(_ packed: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
        var result = 0
        // What deflate can at most make of it.
        let capacity = min(limit, packed.count.multipliedReportingOverflow(by: 1032).partialValue + 1)
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { room, count in
            result = packed.withUnsafeBytes { sensor_inflate($0.baseAddress, $0.count, room.baseAddress, room.count) }
            count = max(result, 0)
        }
        switch result {
        case 0...: return bytes
        case -2: throw .tooLarge
        default: throw .malformed
        }
    }
}
