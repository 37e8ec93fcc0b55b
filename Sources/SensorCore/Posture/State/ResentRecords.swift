// SPDX-License-Identifier: Apache-2.0

/// Which of a stream's records were set aside and are sent again, as a value of the log: in the same commit as what they are now.
/// So none of them gets a second new sequence, whatever is killed when, and however often its file is there.
struct ResentRecords {
    private let stream: StreamID
    private(set) var sequences = SequenceSet()

    init(stream: StreamID) { self.stream = stream }

    func contains(_ sequence: UInt64) -> Bool { sequences.contains(sequence) }

    mutating func insert(_ sequence: UInt64) { sequences.insert(sequence) }

    // MARK: Keeping

    /// `ShareKey` and `SinkPosition` have others.
    static let key: [UInt8] = [3]

    static func isKey(_ key: [UInt8]) -> Bool { key == self.key }

    var bytes: [UInt8] { sequences.bytes(of: stream) }

    /// nil: it is of another stream, or no such value.
    init?(_ bytes: [UInt8], of stream: StreamID) {
        self.init(stream: stream)
        guard sequences.insert(bytes, of: stream) else { return nil }
    }
}
