// SPDX-License-Identifier: Apache-2.0

/// Answers that are good for a while, so many at most.
struct ExpiringCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var entries: [Key: (value: Value, expires: ContinuousClock.Instant)] = [:]

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.count }

    func value(_ key: Key, now: ContinuousClock.Instant = .now) -> Value? {
        entries[key].flatMap { $0.expires > now ? $0.value : nil }
    }

    mutating func set(_ key: Key, _ value: Value, for time: Duration, now: ContinuousClock.Instant = .now) {
        if entries[key] == nil, entries.count >= limit { makeRoom() }
        entries[key] = (value, now + time)
    }

    /// A quarter goes, those that would expire first.
    private mutating func makeRoom() {
        let order = entries.map { ($0.key, $0.value.expires) }.sorted { $0.1 < $1.1 }
        for (key, _) in order.prefix(max(1, limit / 4)) { entries[key] = nil }
    }
}
