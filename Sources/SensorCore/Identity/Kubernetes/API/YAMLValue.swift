// SPDX-License-Identifier: Apache-2.0

/// What `YAMLReader` has read. Encodes itself as the same document, so that one set of Decodable types reads both.
enum YAMLValue: Sendable, Equatable, Encodable {
    case null
    case boolean(Bool)
    /// Numbers too: as they were written.
    case string(String)
    case sequence([YAMLValue])
    case mapping([String: YAMLValue])

    /// A scalar without quotes: the words that mean something, else itself.
    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .boolean(true)
        case "false", "False", "FALSE": self = .boolean(false)
        default: self = .string(text)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .sequence(let values): try container.encode(values)
        case .mapping(let values): try container.encode(values)
        }
    }
}
