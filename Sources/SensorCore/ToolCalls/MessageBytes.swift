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

    /// The number of a message that is not decoded, or cannot be; nil if there is none to be seen.
    static func sequence(_ bytes: [UInt8]) -> UInt64? {
        let name = Array("\"seq\"".utf8)
        guard let found = bytes.firstRange(of: name) else { return nil }
        let rest = bytes[found.upperBound...].drop { $0 == UInt8(ascii: " ") }
        guard rest.first == UInt8(ascii: ":") else { return nil }
        let digits = rest.dropFirst().drop { $0 == UInt8(ascii: " ") }.prefix { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
