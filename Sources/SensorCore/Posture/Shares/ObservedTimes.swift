// SPDX-License-Identifier: Apache-2.0

/// Hours in which a subject was watched and did something, and in which something of a discipline was lost.
package struct ObservedTimes: Sendable, Equatable {
    /// In which a container of it ran and was watched.
    package var observed = HourSet()
    /// In which it did anything.
    package var active = HourSet()
    package var lossy: [Discipline: HourSet] = [:]

    package init() {}

    /// Something of these disciplines was lost in this UTC hour since 1970.
    mutating func lose(_ disciplines: [Discipline] = Discipline.allCases, in hour: UInt32) {
        for discipline in disciplines { lossy[discipline, default: HourSet()].insert(hour) }
    }

    /// Hours after this one were none.
    mutating func remove(after hour: UInt32) {
        observed.remove(after: hour)
        active.remove(after: hour)
        for discipline in lossy.keys { lossy[discipline]?.remove(after: hour) }
    }

    mutating func merge(with other: Self) {
        observed.merge(with: other.observed)
        active.merge(with: other.active)
        for (discipline, hours) in other.lossy { lossy[discipline, default: HourSet()].merge(with: hours) }
    }
}

extension ObservedTimes {
    init(_ message: PostureProfile) {
        observed = HourSet(message.observed)
        active = HourSet(message.active)
        for discipline in Discipline.allCases {
            if let hours = message.lossy[discipline.name] { lossy[discipline] = HourSet(hours) }
        }
    }
}

extension PostureProfile {
    mutating func set(_ times: ObservedTimes) {
        observed = PostureHours(times.observed)
        active = PostureHours(times.active)
        lossy = [:]
        for (discipline, hours) in times.lossy { lossy[discipline.name] = PostureHours(hours) }
    }
}
