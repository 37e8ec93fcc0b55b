// SPDX-License-Identifier: Apache-2.0

/// Reads JSON that a person wrote, value by value: decoders keep no lines, and the person has to be told the line of what
/// is wrong.
struct ConfigurationScanner {
    typealias Fault = ConfigurationFile.Fault

    private let text: [UInt8]
    private var index = 0
    private(set) var line = 1
    /// What faults are named after.
    var key: String?

    init(_ text: [UInt8]) { self.text = text }

    /// To be called after the last value.
    mutating func atEnd(_ what: String) throws(Fault) {
        key = nil
        skipSpace()
        guard index == text.count else { throw fault("nothing is expected after the closing \(what)") }
    }

    var peek: UInt8? { index < text.count ? text[index] : nil }

    func fault(_ reason: String) -> Fault { Fault(line: line, key: key, reason: reason) }

    mutating func skipSpace() {
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            default: return
            }
            index += 1
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek == byte else { return false }
        index += 1
        return true
    }

    mutating func expect(_ byte: UInt8, _ reason: String) throws(Fault) {
        guard take(byte) else { throw fault(reason) }
    }

    mutating func scalar() throws(Fault) -> String {
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
    mutating func string() throws(Fault) -> String {
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
