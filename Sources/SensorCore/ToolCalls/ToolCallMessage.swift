// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// A line that a client sent: the fields of all messages, of which each has its own.
struct ToolCallMessage: Decodable, Sendable {
    /// What is called, or its id alone.
    struct Call: Decodable, Sendable {
        var id: String
        var name: String?
        var type: String?
        var arguments: CallArguments?
        var context: String?
        var parent: String?
        var traceparent: String?

        private enum CodingKeys: CodingKey {
            case id, name, type, arguments, context, parent, traceparent
        }

        init(from decoder: any Decoder) throws {
            if let container = try? decoder.singleValueContainer(), let id = try? container.decode(String.self) {
                self.id = id
                return
            }
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(String.self, forKey: .id)
            name = try container.decodeIfPresent(String.self, forKey: .name)
            type = try container.decodeIfPresent(String.self, forKey: .type)
            arguments = try container.decodeIfPresent(CallArguments.self, forKey: .arguments)
            context = try container.decodeIfPresent(String.self, forKey: .context)
            parent = try container.decodeIfPresent(String.self, forKey: .parent)
            traceparent = try container.decodeIfPresent(String.self, forKey: .traceparent)
        }
    }

    struct Agent: Decodable, Sendable {
        var name: String?
        var version: String?
        var framework: String?
    }

    struct Authority: Decodable, Sendable {
        struct Approval: Decodable, Sendable {
            var id: String?
            var kind: String?
        }

        /// Seconds since 1970, or as RFC 3339 has it.
        struct Time: Decodable, Sendable {
            /// Nanoseconds since 1970.
            var value: UInt64

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let seconds = try? container.decode(Double.self), seconds >= 0 {
                    value = WallTime.nanoseconds(ofSeconds: UInt64(min(seconds, 1e18)))
                } else if let time = WallTime.parse(try container.decode(String.self)) {
                    value = time
                } else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "no time")
                }
            }
        }

        var grant: String?
        var scopes: [String]?
        var issuedAt: Time?
        var expiresAt: Time?
        var approval: Approval?
    }

    struct Source: Decodable, Sendable {
        /// As the client makes it: a word, or an object with it as the value.
        struct Digest: Decodable, Sendable {
            private enum CodingKeys: CodingKey { case value }

            var value: String?

            init(from decoder: any Decoder) {
                value = try? decoder.singleValueContainer().decode(String.self)
                if value == nil, let container = try? decoder.container(keyedBy: CodingKeys.self) {
                    value = try? container.decode(String.self, forKey: .value)
                }
            }
        }

        var kind: String
        var uri: String?
        var digest: Digest?
    }

    struct Server: Decodable, Sendable {
        var name: String
        var version: String?
        var transport: String?
    }

    struct Tool: Decodable, Sendable {
        private struct Schema: Decodable {
            /// Whatever stands there.
            struct Anything: Decodable { init(from decoder: any Decoder) {} }

            var properties: [String: Anything]?
        }

        private enum CodingKeys: CodingKey { case name, inputSchema }

        var name: String
        /// Names of the properties of its input.
        var parameters: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            let schema = try? container.decodeIfPresent(Schema.self, forKey: .inputSchema)
            parameters = schema?.properties.map { $0.keys.sorted() } ?? []
        }
    }

    var type: String
    /// The client's own counter.
    var seq: UInt64?
    var `protocol`: Int?
    var agent: Agent?
    var session: String?
    var epoch: UInt64?
    var call: Call?
    var initiator: ToolCallDetail.Initiator?
    var authority: Authority?
    var impact: String?
    var scope: CallScope?
    /// In the sender's own pid namespace.
    var threadId: UInt32?
    var status: String?
    var error: String?
    // context
    var id: String?
    var turn: UInt32?
    var sources: [Source]?
    // decision
    var policy: String?
    var outcome: String?
    var by: String?
    // catalog
    var server: Server?
    var tools: [Tool]?
    var part: Int?
    var parts: Int?
    // model
    var provider: String?
    var requested: String?
    var responding: String?
    // transition
    var kind: String?
    var from: String?
    var to: String?
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
        /// It is gone, or its workload cannot be told.
        case unknownSender = "unknown_sender"
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

/// Why a message is not taken.
struct CallRefusal: Error {
    var code: ToolCallAnswer.Code
    var message: String

    init(_ code: ToolCallAnswer.Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
