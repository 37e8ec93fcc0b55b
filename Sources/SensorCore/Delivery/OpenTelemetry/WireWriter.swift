// SPDX-License-Identifier: Apache-2.0

/// Writes a protobuf message field by field, without making a message of it. What is empty is left out, as proto3 has it.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ number: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        append(number << 3)
        append(value)
    }

    mutating func fixed64(_ number: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        append(number << 3 | 1)
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }

    mutating func bytes(_ number: UInt64, _ value: some Collection<UInt8>) {
        guard !value.isEmpty else { return }
        append(number << 3 | 2)
        append(UInt64(value.count))
        bytes += value
    }

    mutating func text(_ number: UInt64, _ value: String) { bytes(number, value.utf8) }

    /// An empty one is there.
    mutating func message(_ number: UInt64, _ write: (inout WireWriter) -> Void) {
        var message = WireWriter()
        write(&message)
        append(number << 3 | 2)
        append(UInt64(message.bytes.count))
        bytes += message.bytes
    }

    private mutating func append(_ value: UInt64) {
        var rest = value
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
