// SPDX-License-Identifier: Apache-2.0

/// Times as clients write them.
enum WallTime {
    /// Nanoseconds since 1970 of an RFC 3339 time; nil if it is none, or before 1970.
    static func parse(_ text: String) -> UInt64? {
        var rest = Array(text.utf8)[...]
        guard let year = number(&rest, 4), skip(&rest, "-"), let month = number(&rest, 2), skip(&rest, "-"),
            let day = number(&rest, 2), skip(&rest, "T") || skip(&rest, "t") || skip(&rest, " "),
            let hour = number(&rest, 2), skip(&rest, ":"), let minute = number(&rest, 2), skip(&rest, ":"),
            let second = number(&rest, 2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var nanoseconds = 0
        if skip(&rest, ".") {
            let digits = rest.prefix { isDigit($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            for place in 0..<9 {
                let digit = place < digits.count ? Int(digits[digits.startIndex + place] - UInt8(ascii: "0")) : 0
                nanoseconds = nanoseconds * 10 + digit
            }
        }
        var offset = 0
        if !(skip(&rest, "Z") || skip(&rest, "z")) {
            let isEast = skip(&rest, "+")
            guard isEast || skip(&rest, "-"), let hours = number(&rest, 2), skip(&rest, ":"),
                let minutes = number(&rest, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
        }
        guard rest.isEmpty else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        guard seconds >= 0 else { return nil }
        return Self.nanoseconds(ofSeconds: UInt64(seconds), and: UInt64(nanoseconds))
    }

    /// The end of time for what is beyond it, as what never expires.
    static func nanoseconds(ofSeconds seconds: UInt64, and rest: UInt64 = 0) -> UInt64 {
        seconds < UInt64.max / 1_000_000_000 ? seconds * 1_000_000_000 + rest : .max
    }

    /// Days since 1970 of a date, by the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // Years that begin in March have the leap day at their end.
        let year = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ count: Int) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy({ isDigit($0) }) else { return nil }
        rest = rest.dropFirst(count)
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func skip(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
