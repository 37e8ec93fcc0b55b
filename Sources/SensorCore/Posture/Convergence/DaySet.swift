// SPDX-License-Identifier: Apache-2.0

/// UTC days, counted from 1970: the latest of them and what lies in the 127 days before it.
///
/// Only a later day makes it forget, so that sets merge in any order and grouping.
package struct DaySet: Sendable, Hashable {
    /// Days that it reaches back, the latest included.
    package static let span = 128

    // Halves, since a UInt128 would align every fact to 16 bytes. Bit i is the day `latest` - i.
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var latestDay: UInt16 = 0

    package init() {}

    /// As it was stored: bit i of `bits` is the day `latest` - i. Bits of days before 1970 are left out.
    package init(latest: UInt16, bits: UInt128) {
        let known = latest < UInt16(Self.span - 1) ? bits & ((1 << UInt128(latest + 1)) - 1) : bits
        guard known != 0 else { return }
        let shift = known.trailingZeroBitCount
        latestDay = latest - UInt16(shift)
        self.bits = known >> UInt128(shift)
    }

    package var isEmpty: Bool { low == 0 }
    package var latest: UInt16? { isEmpty ? nil : latestDay }
    package var count: Int { low.nonzeroBitCount + high.nonzeroBitCount }

    /// Bit i: it has the day `latest` - i.
    package private(set) var bits: UInt128 {
        get { UInt128(high) << 64 | UInt128(low) }
        set {
            low = UInt64(truncatingIfNeeded: newValue)
            high = UInt64(truncatingIfNeeded: newValue >> 64)
        }
    }

    package func contains(_ day: UInt16) -> Bool {
        guard day <= latestDay, latestDay - day < Self.span else { return false }
        return bits >> UInt128(latestDay - day) & 1 != 0
    }

    package mutating func insert(_ day: UInt16) {
        if day == latestDay, low != 0 {
            low |= 1
            return
        }
        var single = DaySet()
        single.latestDay = day
        single.low = 1
        merge(with: single)
    }

    /// Days after this one were none.
    mutating func remove(after day: UInt16) {
        guard day < latestDay, !isEmpty else { return }
        let (shift, known) = (latestDay - day, bits)
        self = shift < Self.span ? DaySet(latest: day, bits: known >> UInt128(shift)) : DaySet()
    }

    package mutating func merge(with other: DaySet) {
        guard !other.isEmpty else { return }
        guard !isEmpty else {
            self = other
            return
        }
        // Shifts beyond the width give zero.
        if other.latestDay >= latestDay {
            bits = bits << UInt128(other.latestDay - latestDay) | other.bits
            latestDay = other.latestDay
        } else {
            bits |= other.bits << UInt128(latestDay - other.latestDay)
        }
    }

    /// The earliest first.
    package var days: [UInt16] {
        var days: [UInt16] = []
        days.reserveCapacity(count)
        forEach { days.append($0) }
        return days
    }

    /// The earliest first.
    package func forEach(_ body: (UInt16) -> Void) {
        Self.forEach(high, 64) { body(latestDay - $0) }
        Self.forEach(low, 0) { body(latestDay - $0) }
    }

    private static func forEach(_ half: UInt64, _ base: UInt16, _ body: (UInt16) -> Void) {
        var rest = half
        while rest != 0 {
            let bit = 63 - rest.leadingZeroBitCount
            body(base + UInt16(bit))
            rest &= ~(1 << UInt64(bit))
        }
    }
}
