// SPDX-License-Identifier: Apache-2.0

/// UTC hours since 1970: those of the latest day that it has and of the 127 days before it, three bytes a day.
///
/// Only a later day makes it forget, so that sets merge in any order and grouping.
package struct HourSet: Sendable, Hashable {
    /// Days that it reaches back, the latest included.
    package static let span = 128

    // The earliest day first; the first and the last one have an hour.
    private var bytes: [UInt8] = []
    private var latestDay: UInt16 = 0

    package init() {}

    package var isEmpty: Bool { bytes.isEmpty }
    /// From the first day that it has until the last; nil: it has none.
    package var days: ClosedRange<UInt16>? { isEmpty ? nil : firstDay...latestDay }
    package var count: Int { bytes.reduce(0) { $0 + $1.nonzeroBitCount } }

    package var firstHour: UInt32? {
        isEmpty ? nil : UInt32(firstDay) * 24 + UInt32(hours(of: firstDay).trailingZeroBitCount)
    }

    private var firstDay: UInt16 { latestDay - UInt16(bytes.count / 3 - 1) }

    /// Bit h: the hour h of the day.
    package func hours(of day: UInt16) -> UInt32 {
        guard let days, days.contains(day) else { return 0 }
        let index = 3 * Int(day - days.lowerBound)
        return UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
    }

    package func contains(_ hour: UInt32) -> Bool {
        hour / 24 <= UInt16.max && hours(of: UInt16(hour / 24)) >> (hour % 24) & 1 != 0
    }

    /// - Parameter hour: one outside of `Sightings.hours` is left out. One far ahead of the truth makes the days before it be
    ///   forgotten: the caller must not trust a clock that jumps.
    package mutating func insert(_ hour: UInt32) {
        guard Sightings.hours.contains(hour) else { return }
        insert(1 << (hour % 24), of: UInt16(hour / 24))
    }

    /// As `hours(of:)` has told them.
    package mutating func insert(_ hours: UInt32, of day: UInt16) {
        guard Sightings.hours.contains(UInt32(day) * 24) else { return }
        unite(day, hours & 0xff_ffff)
    }

    /// Hours after this one were none.
    mutating func remove(after hour: UInt32) {
        guard let days, UInt32(days.upperBound) * 24 + 23 > hour else { return }
        var left = HourSet()
        for day in days where UInt32(day) * 24 <= hour {
            let isLast = UInt32(day) == hour / 24
            left.unite(day, hours(of: day) & (isLast ? (2 << (hour % 24)) - 1 : 0xff_ffff))
        }
        self = left
    }

    package mutating func merge(with other: HourSet) {
        guard let days = other.days else { return }
        // The latest first: what it makes this forget need not come in.
        for day in days.reversed() { unite(day, other.hours(of: day)) }
    }

    private mutating func unite(_ day: UInt16, _ hours: UInt32) {
        guard hours != 0 else { return }
        if bytes.isEmpty {
            latestDay = day
            bytes = [0, 0, 0]
        } else if day > latestDay {
            grow(until: day)
        } else if day < firstDay {
            guard latestDay - day < Self.span else { return }
            bytes.insert(contentsOf: repeatElement(0, count: 3 * Int(firstDay - day)), at: 0)
        }
        let index = 3 * Int(day - firstDay)
        bytes[index] |= UInt8(truncatingIfNeeded: hours)
        bytes[index + 1] |= UInt8(truncatingIfNeeded: hours >> 8)
        bytes[index + 2] |= UInt8(truncatingIfNeeded: hours >> 16)
    }

    private mutating func grow(until day: UInt16) {
        let added = Int(day - latestDay)
        let kept = max(0, Self.span - added)
        if bytes.count / 3 > kept { bytes.removeFirst(bytes.count - 3 * kept) }
        // What is empty at the front goes too, so that the same hours are the same bytes.
        let isKept = { (index: Int) in bytes[index] != 0 }
        let start = bytes.indices.first(where: isKept).map { $0 / 3 * 3 } ?? bytes.count
        bytes.removeFirst(start)
        bytes += repeatElement(0, count: bytes.isEmpty ? 3 : 3 * added)
        latestDay = day
    }
}
