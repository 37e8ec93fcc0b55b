// SPDX-License-Identifier: Apache-2.0

/// Until when all that was known of subjects is on disk, as a value of the log: what came after it may be missing after a kill, of
/// whichever subject, since what has changed waits for its turn to be kept.
struct KeptUntil: Equatable {
    /// Wall clock, nanoseconds since 1970.
    let time: UInt64

    init(_ time: UInt64) { self.time = time }

    /// `ShareKey`, `SinkPosition`, `ResentRecords` and `CoarsenedRecords` have others.
    static let key: [UInt8] = [5]

    static func isKey(_ key: [UInt8]) -> Bool { key == self.key }

    var bytes: [UInt8] { withUnsafeBytes(of: time.littleEndian) { Array($0) } }

    /// nil: it is no such value.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == MemoryLayout<UInt64>.size else { return nil }
        time = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
