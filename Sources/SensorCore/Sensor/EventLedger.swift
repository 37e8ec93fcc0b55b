// SPDX-License-Identifier: Apache-2.0

/// What became of events that were to travel as records.
struct EventLedger {
    private(set) var kept: UInt64 = 0
    /// For lack of room, wherever.
    private(set) var dropped: UInt64 = 0
    private var told: UInt64 = 0
    private var toldAt: ContinuousClock.Instant?

    mutating func keep(_ count: Int) { kept += UInt64(count) }

    mutating func drop(_ count: UInt64) { dropped += count }

    /// How many have been dropped of which nobody was told; nil: none, or it is too soon after the last time.
    func untold(at now: ContinuousClock.Instant, isEnd: Bool) -> UInt64? {
        guard dropped > told, isEnd || toldAt.map({ now - $0 >= Self.pause }) ?? true else { return nil }
        return dropped - told
    }

    mutating func tell(_ count: UInt64, at now: ContinuousClock.Instant) {
        told += count
        toldAt = now
    }

    private static let pause = Duration.seconds(10)
}
