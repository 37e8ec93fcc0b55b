// SPDX-License-Identifier: Apache-2.0

/// Which refusals the log tells of: whoever sends what is refused must not be able to fill a disk with it. All are counted
/// elsewhere.
struct RefusalLog {
    /// Between two lines of one reason.
    static let pause = Duration.seconds(10)

    private var told: [ReceiverRefusal.Reason: (at: ContinuousClock.Instant, untold: UInt64)] = [:]

    /// Takes note of a refusal.
    ///
    /// - Returns: how many of its reason were not told since the one that was; nil: it is not to be told either.
    mutating func note(_ reason: ReceiverRefusal.Reason, at now: ContinuousClock.Instant) -> UInt64? {
        if let last = told[reason], now - last.at < Self.pause {
            told[reason] = (last.at, last.untold + 1)
            return nil
        }
        let untold = told[reason]?.untold ?? 0
        told[reason] = (now, 0)
        return untold
    }
}
