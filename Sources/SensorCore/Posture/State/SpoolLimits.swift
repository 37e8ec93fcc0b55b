// SPDX-License-Identifier: Apache-2.0

/// How much is kept for those that have not taken it.
package struct SpoolLimits: Sendable, Equatable {
    /// Bytes of records: a day of 50 records of a kilobyte a second. The files take up to twice that.
    package var bytes = 4 << 30
    package var age = Duration.seconds(7 * 86_400)
    /// Hundredths of the file system that are left free.
    package var freePercent = 10

    /// What is kept however little room there is, as what is on its way goes through the log.
    static let least = 4 << 20

    package init() {}

    /// Bytes that records may take now.
    ///
    /// - Parameters:
    ///   - taken: what they take.
    ///   - garbage: what the log gives back in time.
    ///   - space: of the file system; nil: it is not known.
    func allowance(taken: Int, garbage: Int, space: (free: Int, total: Int)?) -> Int {
        guard let space else { return bytes }
        return min(bytes, max(Self.least, taken + garbage + space.free - reserve(of: space.total)))
    }

    /// Bytes that are left free.
    func reserve(of total: Int) -> Int { total / 100 * freePercent }
}
