// SPDX-License-Identifier: Apache-2.0

/// Counts in a byte: exact up to 16, then eight levels for each power of two, up to 15 · 2³⁰.
///
/// The scale is monotone, and a level's own code is that of the level. The nearest level is off by 1/16 of the count at most.
enum DayScale {
    static func level(of code: UInt8) -> UInt64 {
        code < 16 ? UInt64(code) : UInt64(8 + code % 8) << UInt64(code / 8 - 1)
    }

    /// The nearest level; in the middle, the upper one.
    static func code(of count: UInt64) -> UInt8 {
        code(of: count) { rest, step in rest >= step - rest }
    }

    /// One of the two levels around it, so that the mean over all `random` is the count.
    static func code(of count: UInt64, random: UInt64) -> UInt8 {
        code(of: count) { rest, step in random.multipliedFullWidth(by: step).high < rest }
    }

    /// - Parameter isUpper: of how much the count lies above a level, and how far the next level does.
    private static func code(of count: UInt64, isUpper: (UInt64, UInt64) -> Bool) -> UInt8 {
        if count < 16 { return UInt8(count) }
        if count >= level(of: .max) { return .max }
        let shift = UInt64(60 - count.leadingZeroBitCount)
        let code = UInt8(8 * shift + count >> shift)
        let rest = count - level(of: code)
        return rest > 0 && isUpper(rest, 1 << shift) ? code + 1 : code
    }
}
