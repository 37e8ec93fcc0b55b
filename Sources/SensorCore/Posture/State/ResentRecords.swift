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

    /// The stream, and of each range the first and the last.
    var bytes: [UInt8] {
        var bytes = stream.bytes
        for range in sequences.ranges {
            bytes.append(little: range.lowerBound)
            bytes.append(little: range.upperBound)
        }
        return bytes
    }

    /// nil: it is of another stream, or no such value.
    init?(_ bytes: [UInt8], of stream: StreamID) {
        guard bytes.count % 16 == 0, StreamID(bytes: bytes.prefix(16)) == stream else { return nil }
        self.init(stream: stream)
        for place in stride(from: 16, to: bytes.count, by: 16) {
            let (first, last): (UInt64, UInt64) = bytes.withUnsafeBytes {
                ($0.little(at: place), $0.little(at: place + 8))
            }
            guard first > 0, first <= last else { return nil }
            sequences.insert(first...last)
        }
    }
}
