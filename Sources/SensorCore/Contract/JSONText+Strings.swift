// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// A JSON string with its quotes.
    mutating func append(string text: String) {
        var text = text
        text.withUTF8 { source in _ = appendQuoted(source) }
    }

    /// A JSON string with its quotes. Returns whether bytes that are no UTF-8 had to be replaced by U+FFFD.
    @discardableResult
    mutating func append(string text: ByteString) -> Bool {
        let plain = text.bytes.withUnsafeBufferPointer { source in
            appendQuoted(source, ifUTF8: true)
        }
        if plain { return false }
        append(string: text.text)
        return true
    }

    /// Standard base64 with padding and quotes, which is what `bytes` are in the JSON of protocol buffers.
    mutating func append(base64 source: [UInt8]) {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        bytes.append(UInt8(ascii: "\""))
        var index = 0
        while index < source.count {
            let left = min(source.count - index, 3)
            var group = UInt32(source[index]) << 16
            if left > 1 { group |= UInt32(source[index + 1]) << 8 }
            if left > 2 { group |= UInt32(source[index + 2]) }
            for place in 0..<4 {
                bytes.append(
                    place <= left ? alphabet.utf8Start[Int(group >> UInt32(18 - 6 * place) & 0x3f)] : UInt8(ascii: "="))
            }
            index += 3
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Returns `false`, with nothing written, if `ifUTF8` is set and the source is not.
    @discardableResult
    private mutating func appendQuoted(_ source: UnsafeBufferPointer<UInt8>, ifUTF8 mustCheck: Bool = false) -> Bool {
        let plain = Self.plainPrefix(of: source)
        if plain < source.count, mustCheck, !Self.isUTF8(source, from: plain) { return false }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: source[..<plain]))
        if plain < source.count {
            appendEscaped(UnsafeBufferPointer(rebasing: source[plain...]))
        }
        bytes.append(UInt8(ascii: "\""))
        return true
    }

    /// `source` is UTF-8. Besides what JSON demands, DEL and the C1 controls are escaped, since a terminal obeys them.
    private mutating func appendEscaped(_ source: UnsafeBufferPointer<UInt8>) {
        var start = 0  // of the run that is copied as it is
        var index = 0
        while index < source.count {
            let byte = source[index]
            let isC1 = byte == 0xc2 && index + 1 < source.count && source[index + 1] < 0xa0
            guard byte < 0x20 || byte == 0x22 || byte == 0x5c || byte == 0x7f || isC1 else {
                index += 1
                continue
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: source[start..<index]))
            append(escapeOf: isC1 ? source[index + 1] : byte)
            index += isC1 ? 2 : 1
            start = index
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: source[start...]))
    }

    private mutating func append(escapeOf character: UInt8) {
        switch character {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x0a: append("\\n")
        case 0x0d: append("\\r")
        case 0x09: append("\\t")
        default:
            append("\\u")
            append(hexadecimal: UInt64(character), width: 4)
        }
    }

    /// How many bytes from the start need neither escaping nor a look at their encoding: eight at a time.
    private static func plainPrefix(of source: UnsafeBufferPointer<UInt8>) -> Int {
        let raw = UnsafeRawBufferPointer(source)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var index = 0
        while index + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5c)
            // The top bit of a byte is set if that byte, or one below it, is special: enough to stop here.
            let special =
                word | (word &+ ones) | (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones)
            if special & tops != 0 { break }
            index += 8
        }
        while index < source.count {
            let byte = source[index]
            if byte < 0x20 || byte >= 0x7f || byte == 0x22 || byte == 0x5c { break }
            index += 1
        }
        return index
    }

    private static func isUTF8(_ source: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool {
        (try? UTF8Span(validating: Span(_unsafeElements: UnsafeBufferPointer(rebasing: source[start...])))) != nil
    }
}
