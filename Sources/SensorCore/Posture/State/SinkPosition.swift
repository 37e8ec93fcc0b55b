// SPDX-License-Identifier: Apache-2.0

/// How far one that takes a log's records has come, as a value of the log: its own, in the same commit as what it took.
struct SinkPosition: Equatable {
    var stream: StreamID
    /// The last record that it has settled.
    var sequence: UInt64

    /// Of a key that is a position's: `ShareKey` has others.
    private static let mark: UInt8 = 2

    static func key(_ name: String) -> [UInt8] { [mark] + name.utf8 }

    static func isKey(_ key: [UInt8]) -> Bool { key.first == mark }

    var bytes: [UInt8] {
        var bytes = stream.bytes
        bytes.append(little: sequence)
        return bytes
    }

    init(stream: StreamID, sequence: UInt64) {
        self.stream = stream
        self.sequence = sequence
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 24, let stream = StreamID(bytes: bytes.prefix(16)) else { return nil }
        self.stream = stream
        sequence = bytes.withUnsafeBytes { $0.little(at: 16) }
    }
}
