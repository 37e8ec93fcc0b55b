// SPDX-License-Identifier: Apache-2.0

/// A rollout as several nodes know it. Merging is a join, as that of a `SharedProfile`.
package struct SharedRevision: Sendable, Equatable {
    /// Wall clock, nanoseconds since 1970.
    package private(set) var firstSeen: UInt64
    package private(set) var lastSeen: UInt64
    /// Hours in which a replica of it was watched; empty: nobody knows.
    package private(set) var observed: HourSet

    package mutating func merge(with other: SharedRevision) {
        firstSeen = min(firstSeen, other.firstSeen)
        lastSeen = max(lastSeen, other.lastSeen)
        observed.merge(with: other.observed)
    }
}

extension SharedRevision {
    init(_ message: PostureRevision) {
        self.init(
            firstSeen: message.firstSeen.nanosecondsSince1970, lastSeen: message.lastSeen.nanosecondsSince1970,
            observed: HourSet(message.observed))
    }
}
