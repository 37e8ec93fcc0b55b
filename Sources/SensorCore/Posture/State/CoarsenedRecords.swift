// SPDX-License-Identifier: Apache-2.0

/// Which of a stream's records went since later ones say the same, as a value of the log: what went so is no damage, also after a
/// restart, and its `gap` says why.
struct CoarsenedRecords {
    private let stream: StreamID
    private(set) var sequences = SequenceSet(limit: 4096)

    init(stream: StreamID) { self.stream = stream }

    /// All of these went so.
    func contains(_ range: ClosedRange<UInt64>) -> Bool { sequences.contains(range) }

    mutating func insert(_ sequence: UInt64) { sequences.insert(sequence) }

    /// What nobody asks for any more.
    mutating func forget(through sequence: UInt64) { sequences.remove(through: sequence) }

    // MARK: Keeping

    /// `ShareKey`, `SinkPosition` and `ResentRecords` have others.
    static let key: [UInt8] = [4]

    static func isKey(_ key: [UInt8]) -> Bool { key == self.key }

    var bytes: [UInt8] { sequences.bytes(of: stream) }

    /// nil: it is of another stream, or no such value.
    init?(_ bytes: [UInt8], of stream: StreamID) {
        self.init(stream: stream)
        guard sequences.insert(bytes, of: stream) else { return nil }
    }
}
