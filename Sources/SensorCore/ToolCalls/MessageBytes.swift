// SPDX-License-Identifier: Apache-2.0

/// The bytes of a message, whatever a client sends.
enum MessageBytes {
    /// - Throws: a refusal that says what is wrong.
    static func decode(_ bytes: [UInt8]) throws(CallRefusal) -> ToolCallMessage {
        guard (try? UTF8Span(validating: bytes.span)) != nil else { throw CallRefusal(.malformed, "not UTF-8") }
        guard let json = JSONValue(bytes) else { throw CallRefusal(.malformed, "not a message: no JSON") }
        do throws(JSONFields.Fault) { return try ToolCallMessage(json) } catch {
            throw CallRefusal(.malformed, "not a message: \(error.description)")
        }
    }

    /// The number of a message that is not decoded, or cannot be; nil if there is none to be seen. One that stands in something
    /// else, as in a call's arguments, is not the message's.
    static func sequence(_ bytes: [UInt8]) -> UInt64? {
        var (depth, index) = (0, 0)
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""):
                let end = endOfText(bytes, from: index + 1)
                if depth == 1, bytes[index..<end].elementsEqual("\"seq\"".utf8), let number = number(bytes[end...]) {
                    return number
                }
                index = end
                continue
            default: break
            }
            index += 1
        }
        return nil
    }

    /// Behind the quote that ends it.
    private static func endOfText(_ bytes: [UInt8], from begin: Int) -> Int {
        var index = begin
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index + 1, bytes.count)
    }

    /// Of what follows a name.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        let rest = bytes.drop { $0 == UInt8(ascii: " ") }
        guard rest.first == UInt8(ascii: ":") else { return nil }
        let digits = rest.dropFirst().drop { $0 == UInt8(ascii: " ") }.prefix { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
