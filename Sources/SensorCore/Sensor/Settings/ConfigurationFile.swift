// SPDX-License-Identifier: Apache-2.0

/// What the configuration file says: one flat JSON object of strings, numbers and booleans.
///
/// A reader of its own, because a person has to be told the line of what is wrong, which JSON decoders do not keep.
package struct ConfigurationFile: Sendable, Equatable {
    /// One `"key": value` of the file.
    package struct Entry: Sendable, Equatable {
        package var key: String
        /// As a flag would be given: strings without quotes, numbers and booleans as they are written.
        package var value: String
        package var line: Int
    }

    /// Something that is not as it must be, and where.
    package struct Fault: Error, Sendable, Equatable {
        package var line: Int
        package var key: String?
        package var reason: String
    }

    package let entries: [Entry]

    /// - Parameter text: the file's content. At most one megabyte is looked at.
    package init(_ text: [UInt8]) throws(Fault) {
        guard text.count <= 1 << 20 else { throw Fault(line: 1, key: nil, reason: "longer than a megabyte") }
        var scanner = Scanner(text: text)
        entries = try scanner.document()
    }
}

private struct Scanner {
    typealias Fault = ConfigurationFile.Fault

    let text: [UInt8]
    var index = 0
    var line = 1
    var key: String?

    init(text: [UInt8]) { self.text = text }

    mutating func document() throws(Fault) -> [ConfigurationFile.Entry] {
        var entries: [ConfigurationFile.Entry] = []
        try expect(UInt8(ascii: "{"), "an object is expected: { \"tick\": 10 }")
        if take(UInt8(ascii: "}")) { return try atEnd(entries) }
        while true {
            key = nil
            skipSpace()
            let start = line
            guard peek == UInt8(ascii: "\"") else { throw fault("a key in double quotes is expected") }
            let name = try string()
            key = name
            if let earlier = entries.first(where: { $0.key == name }) {
                throw fault("given before, on line \(earlier.line)")
            }
            try expect(UInt8(ascii: ":"), "a colon is expected after the key")
            entries.append(.init(key: name, value: try scalar(), line: start))
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "}"), "a comma or the closing brace is expected")
            return try atEnd(entries)
        }
    }

    private mutating func atEnd(_ entries: [ConfigurationFile.Entry]) throws(Fault) -> [ConfigurationFile.Entry] {
        key = nil
        skipSpace()
        guard index == text.count else { throw fault("nothing is expected after the closing brace") }
        return entries
    }

    private var peek: UInt8? { index < text.count ? text[index] : nil }

    private func fault(_ reason: String) -> Fault { Fault(line: line, key: key, reason: reason) }

    private mutating func skipSpace() {
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            default: return
            }
            index += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek == byte else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ reason: String) throws(Fault) {
        guard take(byte) else { throw fault(reason) }
    }

    private mutating func scalar() throws(Fault) -> String {
        skipSpace()
        switch peek {
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "{"), UInt8(ascii: "["): throw fault("a string, a number or a boolean is expected")
        default: break
        }
        let start = index
        while let byte = peek, byte > UInt8(ascii: " "), byte != UInt8(ascii: ","), byte != UInt8(ascii: "}") {
            index += 1
        }
        let word = String(decoding: text[start..<index], as: UTF8.self)
        if word == "true" || word == "false" { return word }
        if let first = text[start..<index].first, first == UInt8(ascii: "-") || isDigit(first), Double(word) != nil {
            return word
        }
        throw fault(word.isEmpty ? "a value is expected" : "a string, a number or a boolean is expected")
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// From its opening to behind its closing quote.
    private mutating func string() throws(Fault) -> String {
        index += 1
        var bytes: [UInt8] = []
        while let byte = peek {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("not UTF-8") }
                return string
            case UInt8(ascii: "\\"): bytes += try escape()
            case 0..<0x20: throw fault("a string that is not closed on its line")
            default: bytes.append(byte)
            }
        }
        throw fault("a string that is never closed")
    }

    private mutating func escape() throws(Fault) -> [UInt8] {
        guard let byte = peek else { throw fault("a string that is never closed") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"):
            var value = try codeUnit()
            if (0xd800..<0xdc00).contains(value), index + 1 < text.count, text[index] == UInt8(ascii: "\\"),
                text[index + 1] == UInt8(ascii: "u")
            {
                index += 2
                let low = try codeUnit()
                guard (0xdc00..<0xe000).contains(low) else { throw fault("half a character") }
                value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw fault("half a character") }
            return Array(String(scalar).utf8)
        default: throw fault("an unknown escape in a string")
        }
    }

    private mutating func codeUnit() throws(Fault) -> UInt32 {
        let digits = text[index..<min(index + 4, text.count)]
        guard digits.count == 4, let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
            digits.first != UInt8(ascii: "+")
        else { throw fault("four hexadecimal digits are expected after \\u") }
        index += 4
        return value
    }
}
