// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The bytes of a message, whatever a client sends.
enum MessageBytes {
    /// - Throws: a refusal that says what is wrong.
    static func decode(_ bytes: [UInt8], _ decoder: JSONDecoder = JSONDecoder()) throws(CallRefusal) -> ToolCallMessage
    {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw CallRefusal(.malformed, "not UTF-8") }
        do { return try decoder.decode(ToolCallMessage.self, from: Data(bytes)) } catch {
            throw CallRefusal(.malformed, "not a message: \(reason(error))")
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

    private static func reason(_ error: any Error) -> String {
        func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        return switch error {
        case DecodingError.keyNotFound(let key, let context): "\(name(context.codingPath + [key])) is missing"
        case DecodingError.typeMismatch(_, let context) where context.codingPath.isEmpty: "no JSON object"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(name(context.codingPath)) is of the wrong type"
        case DecodingError.dataCorrupted(let context):
            context.codingPath.isEmpty ? "no JSON" : "\(name(context.codingPath)) cannot be understood"
        default: "no JSON object"
        }
    }
}
