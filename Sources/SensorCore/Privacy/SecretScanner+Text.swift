// SPDX-License-Identifier: Apache-2.0

/// Where words, values and arguments begin and end.
extension SecretScanner {
    /// NUL behind the end, since that is what ends an argument.
    func byte(at index: Int) -> UInt8 {
        index < text.count ? text[index] : 0
    }

    /// Whether lower-case `word` stands at `start`, in either case.
    func matches(_ word: StaticString, at start: Int) -> Bool {
        guard word.utf8CodeUnitCount <= text.count - start else { return false }
        return word.withUTF8Buffer { bytes in
            for index in 0..<bytes.count
            where SecretName.lowercased(text[start + index]) != SecretName.lowercased(bytes[index]) {
                return false
            }
            return true
        }
    }

    func withoutDashes(_ word: Range<Int>) -> Range<Int> {
        var start = word.lowerBound
        while start < word.upperBound, text[start] == UInt8(ascii: "-") { start += 1 }
        return start..<word.upperBound
    }

    func isAtStartOfWord(_ index: Int) -> Bool {
        index == 0 || Self.endsWord(text[index - 1])
    }

    func isSpaceOrEnd(_ byte: UInt8) -> Bool {
        byte == 0 || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
    }

    func endOfArgument(from start: Int) -> Int {
        end(from: start) { $0 == 0 }
    }

    func end(from start: Int, where isEnd: (UInt8) -> Bool) -> Int {
        var index = min(start, text.count)
        while index < text.count, text[index] != 0, !isEnd(text[index]) { index += 1 }
        return index
    }

    /// The end of a word, or of what a shell puts in its place.
    func endOfValue(from start: Int) -> Int {
        guard byte(at: start) == UInt8(ascii: "$") else { return end(from: start, where: Self.endsWord) }
        let close: UInt8
        switch byte(at: start + 1) {
        case UInt8(ascii: "{"): close = UInt8(ascii: "}")
        case UInt8(ascii: "("): close = UInt8(ascii: ")")
        default: return end(from: start, where: Self.endsWord)
        }
        let last = end(from: start) { $0 == close }
        return byte(at: last) == close ? last + 1 : last
    }

    /// What stands between quotes that begin at `start`, themselves perhaps escaped; nil if there is none.
    func quotedValue(from start: Int) -> Range<Int>? {
        var begin = start
        while byte(at: begin) == UInt8(ascii: "\\") { begin += 1 }
        let quote = byte(at: begin)
        guard Self.isQuote(quote) else { return nil }
        let isEscaped = begin > start
        begin += 1
        var end = begin
        while byte(at: end) != 0, text[end] != quote {
            if text[end] == UInt8(ascii: "\\") {
                if isEscaped, byte(at: end + 1) == quote { break }
                if byte(at: end + 1) != 0 { end += 1 }
            }
            end += 1
        }
        return begin..<end
    }

    /// Whether a name and its value are all of an argument, and that is not a script for a shell.
    func isWholeArgument(_ word: Range<Int>) -> Bool {
        (word.lowerBound == 0 || text[word.lowerBound - 1] == 0) && !isShellText(at: word.lowerBound)
    }

    /// Whether the argument around `index` follows an option like `-c` or `-lc`, and so holds commands of its own.
    func isShellText(at index: Int) -> Bool {
        var start = index
        while start > 0, text[start - 1] != 0 { start -= 1 }
        guard start >= 3, text[start - 2] == UInt8(ascii: "c") else { return false }
        var before = start - 2
        while before > 0, text[before - 1] != 0 { before -= 1 }
        return text[before] == UInt8(ascii: "-") && start - 1 - before <= 5 && text[before + 1] != UInt8(ascii: "-")
    }

    /// Whether the word is what `-H` or `--header` takes, or stands right behind `-H`.
    func isHeaderOption(_ word: Range<Int>) -> Bool {
        if matches("-h", at: word.lowerBound) { return true }
        var before = word.lowerBound
        while before > 0, Self.endsWord(text[before - 1]), word.lowerBound - before < 3 { before -= 1 }
        return before < word.lowerBound
            && (before >= 2 && matches("-h", at: before - 2) || before >= 8 && matches("--header", at: before - 8))
    }

    static func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
    }

    static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"), UInt8(ascii: "&"), UInt8(ascii: ";"),
            UInt8(ascii: ","), UInt8(ascii: "|"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"),
            UInt8(ascii: ">"), UInt8(ascii: "}"):
            true
        default: false
        }
    }

    /// The value of a member of an object that is not in quotes.
    static func endsMember(_ byte: UInt8) -> Bool {
        endsLine(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")
    }

    static func endsLine(_ byte: UInt8) -> Bool {
        isQuote(byte) || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    static func endsAuthority(_ byte: UInt8) -> Bool {
        byte <= 0x20 || isQuote(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?")
            || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">")
    }
}
