// SPDX-License-Identifier: Apache-2.0

/// The pieces of one line of YAML, for `YAMLReader`.
enum YAMLScalar {
    typealias Fault = YAMLReader.Fault

    static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }

    /// The key that a line begins with and what stands behind its colon; nil: the line is no entry of a mapping.
    static func key(of line: YAMLReader.Line) throws(Fault) -> (key: String, rest: Substring)? {
        let text = line.text
        guard let first = text.first else { return nil }
        if first == "\"" || first == "'" {
            let (key, behind) = try quoted(text, line: line.number)
            guard behind.hasPrefix(":"), behind.dropFirst().first.map({ $0 == " " }) ?? true else { return nil }
            return (key, behind.dropFirst().drop { $0 == " " })
        }
        guard !"{[|>&*!%@`?#".contains(first), let colon = colon(in: text) else { return nil }
        return (String(trimmed(text[..<colon])), text[text.index(after: colon)...].drop { $0 == " " })
    }

    /// Of the first colon that ends a word, before a comment.
    private static func colon(in text: Substring) -> Substring.Index? {
        var before: Character = " "
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            if character == "#", before == " " { return nil }
            let after = text.index(after: index)
            if character == ":", after == text.endIndex || text[after] == " " { return index }
            before = character
            index = after
        }
        return nil
    }

    /// Up to a comment.
    static func plain(_ text: Substring, line: Int) throws(Fault) -> String {
        var end = text.startIndex
        var before: Character = "x"
        while end < text.endIndex, !(text[end] == "#" && before == " ") {
            before = text[end]
            end = text.index(after: end)
        }
        let word = trimmed(text[..<end])
        if colon(in: word) != nil { throw Fault(line: line, reason: "a second colon: quote the value") }
        return String(word)
    }

    static func checkEnd(_ behind: Substring, line: Int) throws(Fault) {
        let rest = behind.drop { $0 == " " }
        guard rest.isEmpty || (rest.first == "#" && rest.count < behind.count) else {
            throw Fault(line: line, reason: "nothing more is expected behind the value")
        }
    }

    static func emptyCollection(_ text: Substring, line: Int) throws(Fault) -> YAMLValue {
        let isMapping = text.first == "{"
        let inner = text.dropFirst().drop { $0 == " " }
        guard inner.first == (isMapping ? "}" : "]") else {
            throw Fault(line: line, reason: "{…} and […] are read only when they are empty")
        }
        try checkEnd(inner.dropFirst(), line: line)
        return isMapping ? .mapping([:]) : .sequence([])
    }

    /// A quoted scalar at the beginning of the text, and what stands behind it.
    static func quoted(_ text: Substring, line: Int) throws(Fault) -> (String, Substring) {
        let quote = text.first
        var rest = text.dropFirst()
        var value = ""
        while let character = rest.popFirst() {
            if character == quote {
                guard quote == "'", rest.first == "'" else { return (value, rest) }
                rest.removeFirst()
                value.append("'")
            } else if character == "\\", quote == "\"" {
                value.append(try escape(&rest, line: line))
            } else {
                value.append(character)
            }
        }
        throw Fault(line: line, reason: "a quoted value is not closed on its line")
    }

    private static func escape(_ rest: inout Substring, line: Int) throws(Fault) -> Character {
        let fault = Fault(line: line, reason: "an unknown escape in a quoted value")
        guard let letter = rest.popFirst() else { throw fault }
        switch letter {
        case "\\", "\"", "/", " ": return letter
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "0": return "\0"
        case "x", "u", "U":
            let count = letter == "x" ? 2 : letter == "u" ? 4 : 8
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy(\.isHexDigit), let value = UInt32(digits, radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw fault }
            rest.removeFirst(count)
            return Character(scalar)
        default: throw fault
        }
    }
}
