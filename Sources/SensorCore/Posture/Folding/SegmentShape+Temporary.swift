// SPDX-License-Identifier: Apache-2.0

extension SegmentShape {
    /// The part of the name that a maker of temporary names made up.
    var temporaryPart: (range: Range<Int>, name: StaticString)? {
        switch bytes[0] {
        case UInt8(ascii: "t"):
            if bytes.hasPrefix("tmp."), let end = end(of: 6...12, at: 4, where: \.isAlphanumeric), isMadeUp(4..<end) {
                return (4..<end, "{tmp}")
            }
            // Eight characters: Python's tempfile.
            if bytes.hasPrefix("tmp"), let end = end(of: 8...8, at: 3, where: \.isTempfile),
                surroundings.contains(.temporary) || has(\.isDigitOrUnderscore, in: 3..<end)
            {
                return (3..<end, "{tmp}")
            }
        case UInt8(ascii: "."):
            if bytes.hasPrefix(".goutputstream-"), bytes.count == 21 { return (15..<21, "{tmp}") }
            if bytes.hasPrefix(".nfs"), bytes.count >= 20, !has({ !$0.isHexadecimal }, in: 4..<bytes.count) {
                return (4..<bytes.count, "{hex}")
            }
        case UInt8(ascii: "p"):
            if bytes.hasPrefix("pip-"), let range = tail(of: 8, where: \.isTempfile),
                has(\.isDigitOrUnderscore, in: range) || bytes.slice(4..<range.lowerBound - 1).isOne(of: Self.pipStages)
            {
                return (range, "{tmp}")
            }
        case UInt8(ascii: "s"):
            if bytes.hasPrefix("sess_"), bytes.count >= 27, !has({ !$0.isSession }, in: 5..<bytes.count) {
                return (5..<bytes.count, "{token}")
            }
            if bytes.hasPrefix("ssh-"), surroundings.contains(.temporary),
                let end = end(of: 10...14, at: 4, where: \.isAlphanumeric), end == bytes.count, isMadeUp(4..<end)
            {
                return (4..<end, "{tmp}")
            }
        default: break
        }
        guard surroundings.contains(.temporary) || bytes[0] == UInt8(ascii: ".") else { return nil }
        if let range = tail(of: 6, where: \.isAlphanumeric), isMixed(range) { return (range, "{tmp}") }
        if let range = tail(of: 8, where: \.isTempfile), bytes[range.lowerBound - 1] == UInt8(ascii: "-"),
            isMixed(range)
        {
            return (range, "{tmp}")
        }
        return nil
    }

    private static let pipStages: [StaticString] = [
        "install", "build-env", "unpack", "req-build", "ephem-wheel-cache", "modern-metadata", "wheel", "metadata",
        "uninstall", "target", "download", "editable",
    ]

    /// Behind as many as `counts` of such characters from `start` on, if the name or its stem ends there.
    private func end(of counts: ClosedRange<Int>, at start: Int, where matches: (UInt8) -> Bool) -> Int? {
        var end = start
        while end < bytes.count, matches(bytes[end]) { end += 1 }
        guard counts.contains(end - start), end == bytes.count || bytes[end] == UInt8(ascii: ".") else { return nil }
        return end
    }

    /// The last `count` characters, if they are such and stand behind a separator.
    private func tail(of count: Int, where matches: (UInt8) -> Bool) -> Range<Int>? {
        let start = bytes.count - count
        guard start > 1 else { return nil }
        let before = bytes[start - 1]
        let isSeparated = before == UInt8(ascii: "-") || before == UInt8(ascii: "_") || before == UInt8(ascii: ".")
        guard isSeparated else { return nil }
        for byte in bytes[start...] where !matches(byte) { return nil }
        return start..<bytes.count
    }

    private func has(_ property: (UInt8) -> Bool, in range: Range<Int>) -> Bool {
        bytes[range].contains(where: property)
    }

    private func isMadeUp(_ range: Range<Int>) -> Bool {
        has(\.isDigit, in: range) || has(\.isUpper, in: range) && has(\.isLower, in: range)
    }

    /// Letters and digits in turn, or all three kinds: `Qt5Gui` is a name, and is none of these outside of `/tmp`.
    private func isMixed(_ range: Range<Int>) -> Bool {
        if has(\.isDigit, in: range), has(\.isUpper, in: range), has(\.isLower, in: range) { return true }
        var changes = 0
        for index in range.dropFirst() {
            let (last, byte) = (bytes[index - 1], bytes[index])
            if last.isDigit != byte.isDigit || last.isLower && byte.isUpper { changes += 1 }
        }
        return changes >= 2
    }
}

extension UInt8 {
    fileprivate var isTempfile: Bool { isDigit || isLower || self == UInt8(ascii: "_") }
    fileprivate var isDigitOrUnderscore: Bool { isDigit || self == UInt8(ascii: "_") }
    fileprivate var isSession: Bool { isAlphanumeric || self == UInt8(ascii: "-") || self == UInt8(ascii: ",") }
}
