// SPDX-License-Identifier: Apache-2.0

/// What a server says in the header `Retry-After`: seconds, or a date as HTTP writes it today (`Sun, 06 Nov 1994 08:49:37 GMT`).
enum RetryAfter {
    /// - Parameters:
    ///   - wall: nanoseconds since 1970 of this moment.
    ///   - limit: of what is believed.
    /// - Returns: nil: it says neither.
    static func pause(_ text: String, wall: UInt64, limit: Duration) -> Duration? {
        let seconds: Int64
        if let number = Int64(text) {
            seconds = number
        } else if let date = date(text) {
            seconds = date - Int64(clamping: wall / 1_000_000_000)
        } else {
            return nil
        }
        return min(max(.seconds(seconds), .zero), limit)
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Seconds since 1970.
    private static func date(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int64(words[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]),
            (1970...9999).contains(year)
        else { return nil }
        let time = words[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, zip(time, [24, 60, 61]).allSatisfy({ (0..<$1).contains($0) }) else { return nil }
        // Years begin in March here, so that the day that some have more is their last.
        let shifted = month < 2 ? year - 1 : year
        let days =
            365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * Int64((month + 10) % 12) + 2) / 5 + day
            - 719_469
        return days * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
    }
}
