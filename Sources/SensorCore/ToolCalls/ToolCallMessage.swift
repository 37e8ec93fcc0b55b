// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// A line that a client sent.
struct ToolCallMessage: Decodable, Sendable {
    struct Call: Decodable, Sendable {
        var id: String
        var name: String?
        var arguments: CallArguments?
    }

    struct Agent: Decodable, Sendable {
        var name: String?
        var version: String?
        var framework: String?
    }

    var type: String
    /// The client's own counter.
    var seq: UInt64?
    var `protocol`: Int?
    var agent: Agent?
    var session: String?
    var call: Call?
    var initiator: ToolCallDetail.Initiator?
    var scope: CallScope?
    /// In the sender's own pid namespace.
    var threadId: UInt32?
    var status: String?
    var error: String?
}

/// Of a call's arguments, what joins effects to it: strings that may be paths, hosts or commands. Nothing else is kept.
struct CallArguments: Decodable, Sendable {
    /// Each of these at most so long, and no more of them.
    static let termBytes = 1024
    static let termCount = 64

    private(set) var terms: [String] = []

    init(from decoder: any Decoder) throws {
        let value = try Value(from: decoder)
        collect(value, depth: 0)
    }

    private indirect enum Value: Decodable {
        case text(String)
        case list([Value])
        case object([String: Value])
        case other

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let list = try? container.decode([Value].self) {
                self = .list(list)
            } else if let object = try? container.decode([String: Value].self) {
                self = .object(object)
            } else {
                self = .other
            }
        }
    }

    private mutating func collect(_ value: Value, depth: Int) {
        guard depth < 8, terms.count < Self.termCount else { return }
        switch value {
        case .text(let text):
            if !text.isEmpty, text.utf8.count <= Self.termBytes { terms.append(text) }
        case .list(let list): for item in list { collect(item, depth: depth + 1) }
        case .object(let object): for item in object.values { collect(item, depth: depth + 1) }
        case .other: break
        }
    }
}

/// What a client is answered.
struct ToolCallAnswer: Encodable, Sendable {
    enum Code: String, Encodable, Sendable {
        case malformed
        case tooLarge = "too_large"
        case unknownType = "unknown_type"
        case unsupportedProtocol = "unsupported_protocol"
        case duplicateCall = "duplicate_call"
        case unknownCall = "unknown_call"
        case unknownSession = "unknown_session"
        case outOfOrder = "out_of_order"
        case notYourThread = "not_your_thread"
        case notYourSession = "not_your_session"
        case rateLimited = "rate_limited"
    }

    var type: String
    var seq: UInt64?
    /// Of a call that the kernel knows.
    var span: String?
    var scope: CallScope?
    var code: Code?
    var message: String?

    static func ack(_ seq: UInt64?, span: String? = nil, scope: CallScope? = nil) -> ToolCallAnswer {
        ToolCallAnswer(type: "ack", seq: seq, span: span, scope: scope)
    }

    static func error(_ seq: UInt64?, _ code: Code, _ message: String) -> ToolCallAnswer {
        ToolCallAnswer(type: "error", seq: seq, code: code, message: message)
    }

    /// With the newline.
    var line: [UInt8] {
        // Strings and numbers cannot fail to encode.
        Array((try? JSONEncoder().encode(self)) ?? Data()) + [UInt8(ascii: "\n")]
    }
}
