// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// RFC 3339 in UTC with nine digits of fraction, without quotes. `time` is nanoseconds since 1970.
    mutating func append(time: UInt64) {
        let (seconds, nanoseconds) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
        let (days, second) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let (year, month, day) = Self.civilDate(daysSince1970: days)
        append(padded: year, places: 4)
        bytes.append(UInt8(ascii: "-"))
        append(padded: month, places: 2)
        bytes.append(UInt8(ascii: "-"))
        append(padded: day, places: 2)
        bytes.append(UInt8(ascii: "T"))
        append(padded: second / 3600, places: 2)
        bytes.append(UInt8(ascii: ":"))
        append(padded: second / 60 % 60, places: 2)
        bytes.append(UInt8(ascii: ":"))
        append(padded: second % 60, places: 2)
        bytes.append(UInt8(ascii: "."))
        append(padded: nanoseconds, places: 9)
        bytes.append(UInt8(ascii: "Z"))
    }

    /// Nanoseconds as a duration in seconds, `1.000000500s`, without quotes.
    mutating func append(seconds nanoseconds: UInt64) {
        append(decimal: nanoseconds / 1_000_000_000)
        bytes.append(UInt8(ascii: "."))
        append(padded: nanoseconds % 1_000_000_000, places: 9)
        bytes.append(UInt8(ascii: "s"))
    }

    /// Gregorian date. Counts years from March, so that the leap day comes last, in cycles of 400 years.
    static func civilDate(daysSince1970 days: UInt64) -> (year: UInt64, month: UInt64, day: UInt64) {
        let shifted = days + 719_468  // days since 0000-03-01
        let (cycle, dayOfCycle) = shifted.quotientAndRemainder(dividingBy: 146_097)
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0), month, day)
    }
}
