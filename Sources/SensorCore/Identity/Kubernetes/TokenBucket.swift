// SPDX-License-Identifier: Apache-2.0

/// So many at once, and then so many a second.
struct TokenBucket: Sendable {
    private let capacity: Double
    private let perSecond: Double
    /// Below zero: promised to those who wait.
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    init(capacity: Double, perSecond: Double, now: ContinuousClock.Instant = .now) {
        self.capacity = capacity
        self.perSecond = perSecond
        tokens = capacity
        filledAt = now
    }

    /// Takes one, and says how long to wait until it is there.
    mutating func take(now: ContinuousClock.Instant = .now) -> Duration {
        let seconds = (now - filledAt) / .seconds(1)
        tokens = min(capacity, tokens + max(0, seconds) * perSecond) - 1
        filledAt = now
        return tokens >= 0 ? .zero : .seconds(-tokens / perSecond)
    }

    /// One was taken and not used.
    mutating func giveBack() { tokens = min(capacity, tokens + 1) }
}
