// SPDX-License-Identifier: Apache-2.0

/// A line that a client sent: the fields of all messages, of which each has its own.
struct ToolCallMessage: Sendable {
    /// What is called, or its id alone.
    struct Call: Sendable {
        var id: String
        var name: String?
        var type: String?
        var arguments: CallArguments?
        var context: String?
        var parent: String?
        var traceparent: String?
    }

    struct Agent: Sendable {
        var name: String?
        var version: String?
        var framework: String?
    }

    struct Authority: Sendable {
        struct Approval: Sendable {
            var id: String?
            var kind: String?
        }

        var grant: String?
        var scopes: [String]?
        /// Nanoseconds since 1970; a client says seconds, or writes it as RFC 3339 has it.
        var issuedAt: UInt64?
        var expiresAt: UInt64?
        var approval: Approval?
    }

    struct Source: Sendable {
        var kind: String
        var uri: String?
        /// As the client makes it.
        var digest: String?
    }

    struct Server: Sendable {
        var name: String
        var version: String?
        var transport: String?
    }

    struct Tool: Sendable {
        var name: String
        /// Names of the properties of its input.
        var parameters: [String]
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
    /// When the call began or ended, on the boot clock, ns.
    var bootTime: UInt64?
    /// So long a client waits for its call's `ack`, ns.
    var patience: UInt64?
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
struct ToolCallAnswer: Sendable {
    enum Code: String, Sendable {
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
        var json = JSONText()
        json.append("{\"type\":")
        json.append(string: type)
        if let seq {
            json.append(",\"seq\":")
            json.append(decimal: seq)
        }
        json.append(text: ",\"span\":", span ?? "")
        json.append(text: ",\"scope\":", scope?.rawValue ?? "")
        json.append(text: ",\"code\":", code?.rawValue ?? "")
        json.append(text: ",\"message\":", message ?? "")
        json.append("}\n")
        return json.bytes.array
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
