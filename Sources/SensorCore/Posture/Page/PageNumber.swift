// SPDX-License-Identifier: Apache-2.0

/// Numbers and times as a page shows them.
enum PageNumber {
    /// At most one decimal place.
    static func decimal(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return value.isNaN ? "?" : "∞" }
        let tenths = Int((abs(value) * 10).rounded())
        let sign = value < 0 && tenths > 0 ? "-" : ""
        return sign + (tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)")
    }

    /// With a narrow space between thousands, where no line breaks.
    static func grouped(_ value: UInt64) -> String {
        let digits = Array(String(value))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202f}" }
            text.append(digit)
        }
        return text
    }

    static func bytes(_ count: UInt64) -> String {
        switch count {
        case 0..<10_240: "\(count) B"
        case 10_240..<10_485_760: "\(count >> 10) KiB"
        case 10_485_760..<10_737_418_240: "\(count >> 20) MiB"
        default: "\(count >> 30) GiB"
        }
    }

    /// `2026-11-22`.
    static func date(day: UInt64) -> String {
        let date = JSONText.civilDate(daysSince1970: min(day, 2_932_896))
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    }

    /// `2026-11-22 15:04 UTC`.
    static func time(_ nanoseconds: UInt64) -> String {
        let minutes = nanoseconds / 60_000_000_000
        return "\(date(day: minutes / 1440)) \(padded(minutes / 60 % 24, 2)):\(padded(minutes % 60, 2)) UTC"
    }

    static func hours(_ count: Int) -> String {
        count < 48 ? "\(count) h" : "\(decimal(Double(count) / 24)) days"
    }

    private static func padded(_ value: UInt64, _ places: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, places - text.count)) + text
    }
}
