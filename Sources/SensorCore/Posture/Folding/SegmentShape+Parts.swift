// SPDX-License-Identifier: Apache-2.0

extension SegmentShape {
    /// Behind a UUID at `start`, its groups separated by `-` or by `_`.
    func uuidEnd(at start: Int) -> Int? {
        guard start + 36 <= bytes.count, start + 36 == bytes.count || !bytes[start + 36].isAlphanumeric else {
            return nil
        }
        let separator = bytes[start + 8]
        guard separator == UInt8(ascii: "-") || separator == UInt8(ascii: "_") else { return nil }
        for index in 0..<36 {
            let byte = bytes[start + index]
            switch index {
            case 8, 13, 18, 23: if byte != separator { return nil }
            default: if !byte.isHexadecimal { return nil }
            }
        }
        return start + 36
    }

    /// Behind a date at `start`, and the time of day that follows it: `2026-11-22`, `20261122T101500Z`,
    /// `2026_11_22_10_15_00.123`. Dots separate the numbers of a version, not of a date.
    func dateEnd(at start: Int) -> (index: Int, hasTime: Bool)? {
        guard let year = number(at: start, places: 4), (1970...2099).contains(year) else { return nil }
        guard start + 8 <= bytes.count else { return nil }
        let mark = bytes[start + 4]
        let gap = mark == UInt8(ascii: "-") || mark == UInt8(ascii: "_") ? 1 : 0
        // A library's version.
        if gap == 0, surroundings.contains(.packaged) { return nil }
        guard let month = number(at: start + 4 + gap, places: 2), (1...12).contains(month),
            gap == 0 || start + 7 < bytes.count && bytes[start + 7] == mark,
            let day = number(at: start + 6 + 2 * gap, places: 2), (1...31).contains(day)
        else { return nil }
        let end = start + 8 + 2 * gap
        if let time = timeEnd(at: end, afterMark: gap == 1) { return (time, true) }
        return end == bytes.count || !bytes[end].isDigit ? (end, false) : nil
    }

    private func timeEnd(at start: Int, afterMark hasMark: Bool) -> Int? {
        var index = start
        guard index < bytes.count else { return nil }
        switch bytes[index] {
        case UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: " "): index += 1
        default: if hasMark { return nil }
        }
        guard let hour = number(at: index, places: 2), hour < 24 else { return nil }
        index += 2
        var gap = 0
        if index < bytes.count, !bytes[index].isDigit { gap = 1 }
        guard let minute = number(at: index + gap, places: 2), minute < 60 else { return nil }
        index += gap + 2
        if index + gap < bytes.count, let second = number(at: index + gap, places: 2), second <= 60 {
            index += gap + 2
            if index + 1 < bytes.count, bytes[index] == UInt8(ascii: ".") || bytes[index] == UInt8(ascii: ","),
                bytes[index + 1].isDigit
            {
                index += 1
                while index < bytes.count, bytes[index].isDigit { index += 1 }
            }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "z") {
            index += 1
        } else if index + 5 <= bytes.count, bytes[index] == UInt8(ascii: "+"),
            number(at: index + 1, places: 2) != nil
        {
            let colon = bytes[index + 3] == UInt8(ascii: ":") ? 1 : 0
            if number(at: index + 3 + colon, places: 2) != nil { index += 5 + colon }
        }
        return index == bytes.count || !bytes[index].isAlphanumeric ? index : nil
    }

    private func number(at start: Int, places: Int) -> Int? {
        guard start + places <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[start..<start + places] {
            guard byte.isDigit else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    /// Behind the hash of a ReplicaSet and the suffix of its pod, as Kubernetes generates them: without vowels and what
    /// resembles them.
    func podEnd(at start: Int) -> Int? {
        guard start > 0, bytes[start - 1] == UInt8(ascii: "-") else { return nil }
        var digits = 0
        var index = start
        while index < bytes.count, Self.isGenerated(bytes[index]) {
            if bytes[index].isDigit { digits += 1 }
            index += 1
        }
        guard (6...10).contains(index - start), index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "-") else {
            return nil
        }
        for byte in bytes[index + 1..<index + 6] {
            guard Self.isGenerated(byte) else { return nil }
            if byte.isDigit { digits += 1 }
        }
        let end = index + 6
        return digits >= 2 && (end == bytes.count || !bytes[end].isAlphanumeric) ? end : nil
    }

    private static func isGenerated(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "2"), UInt8(ascii: "4")...UInt8(ascii: "9"): true
        case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"),
            UInt8(ascii: "y"):
            false
        default: byte.isLower
        }
    }

    /// Behind a token in the base64url alphabet, if the name starts with one.
    var tokenEnd: Int? {
        var end = 0
        while end < bytes.count, bytes[end] != UInt8(ascii: ".") {
            let byte = bytes[end]
            let isOther = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "=")
            guard byte.isAlphanumeric || isOther || byte == UInt8(ascii: "+") else { return nil }
            end += 1
        }
        guard end >= 20 else { return nil }
        var upper = 0
        for index in 0..<end {
            if bytes[index].isUpper { upper += 1 }
            let isStart = index == 0 || !bytes[index - 1].isAlphanumeric
            if isStart, uuidEnd(at: index) != nil || dateEnd(at: index) != nil { return nil }
        }
        return upper >= 3 && Self.looksRandom(bytes.slice(0..<end)) ? end : nil
    }

    /// Whether letters and digits alternate as in base64 or base36, and as names made of words do not.
    static func looksRandom(_ text: ByteSlice) -> Bool {
        var (changes, pairs, run, longest) = (0, 0, 0, 0)
        var (upper, lower, digits) = (0, 0, 0)
        var last: UInt8 = 0
        for byte in text {
            if byte.isDigit { digits += 1 } else if byte.isUpper { upper += 1 } else if byte.isLower { lower += 1 }
            run = byte.isLower && last.isLower ? run + 1 : 0
            longest = max(longest, run)
            if last.isAlphanumeric, byte.isAlphanumeric {
                pairs += 1
                // A capital and what follows it are the beginning of a word.
                let isWord = last.isUpper && byte.isLower
                let isSame = last.isDigit == byte.isDigit && last.isUpper == byte.isUpper
                if !isWord && !isSame { changes += 1 }
            }
            last = byte
        }
        guard digits > 0, upper + lower > 0, longest <= 6 else { return false }
        return changes * 100 >= pairs * 30
    }
}
