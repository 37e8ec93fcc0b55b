// SPDX-License-Identifier: Apache-2.0

// What a message must have, and how long it may be.
extension ToolCallMessage {
    /// Bytes of an id or a name.
    static let nameBytes = 128
    /// Bytes of another word.
    static let wordBytes = 256
    /// Bytes of what leads to something else, and of what it is known by.
    static let textBytes = 1024
    /// Scopes of an authority, and sources of a context.
    static let listCount = 64

    /// A word that has to be there.
    func required(
        _ word: String?, _ name: String, bytes limit: Int = nameBytes
    ) throws(CallRefusal) -> String {
        guard let word, !word.isEmpty else { throw CallRefusal(.malformed, "\(type): \(name) is missing") }
        return try bounded(word, name, bytes: limit)
    }

    /// A word that may be left out.
    func bounded(_ word: String?, _ name: String, bytes limit: Int = wordBytes) throws(CallRefusal) -> String {
        guard let word else { return "" }
        guard word.utf8.count <= limit else {
            throw CallRefusal(.malformed, "\(type): \(name) has more than \(limit) bytes")
        }
        return word
    }

    /// One of those.
    func one(of known: [String], _ word: String?, _ name: String) throws(CallRefusal) -> String {
        let word = try required(word, name)
        guard known.contains(word) else {
            throw CallRefusal(.malformed, "\(type): \(name) is none of \(known.joined(separator: ", "))")
        }
        return word
    }

    func claimedInitiator() throws(CallRefusal) -> ToolCallDetail.Initiator? {
        guard let initiator else { return nil }
        _ = try one(of: ["human", "agent", "service", "schedule"], initiator.kind, "initiator.kind")
        _ = try bounded(initiator.id, "initiator.id")
        _ = try bounded(initiator.onBehalfOf, "initiator.onBehalfOf")
        return initiator
    }

    func claimedAuthority() throws(CallRefusal) -> ToolCallClaims.Authority? {
        guard let authority else { return nil }
        let scopes = authority.scopes ?? []
        guard scopes.count <= Self.listCount, scopes.allSatisfy({ $0.utf8.count <= 256 }) else {
            throw CallRefusal(.tooLarge, "\(type): more than \(Self.listCount) scopes, or one of more than 256 bytes")
        }
        var claimed = ToolCallClaims.Authority(
            grant: try bounded(authority.grant, "authority.grant"), scopes: scopes,
            issuedAt: authority.issuedAt, expiresAt: authority.expiresAt)
        if let approval = authority.approval {
            claimed.approval = .init(
                id: try bounded(approval.id, "authority.approval.id"),
                kind: try bounded(approval.kind, "authority.approval.kind"))
        }
        return claimed
    }

    func claimedAgent() throws(CallRefusal) -> ToolCallClaims.Agent? {
        guard let agent else { return nil }
        return .init(
            name: try bounded(agent.name, "agent.name"), version: try bounded(agent.version, "agent.version"),
            framework: try bounded(agent.framework, "agent.framework"))
    }

    /// What is said of the call beyond what it is.
    func claims(agent: ToolCallClaims.Agent?) throws(CallRefusal) -> ToolCallClaims {
        var claims = ToolCallClaims()
        claims.type = try bounded(call?.type, "call.type")
        claims.context = try bounded(call?.context, "call.context", bytes: Self.nameBytes)
        claims.parent = try bounded(call?.parent, "call.parent", bytes: Self.nameBytes)
        if let trace = call?.traceparent {
            guard Self.isTraceParent(trace) else {
                throw CallRefusal(.malformed, "\(type): call.traceparent is not as W3C Trace Context has it")
            }
            claims.traceparent = trace
        }
        if impact != nil { claims.impact = try one(of: ["low", "high"], impact, "impact") }
        claims.authority = try claimedAuthority()
        claims.agent = agent
        return claims
    }

    /// `00-<32 hexadecimal digits>-<16>-<2>`, of which the ids are not zero.
    static func isTraceParent(_ text: String) -> Bool {
        let fields = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard fields.count >= 4, fields.prefix(4).map(\.count) == [2, 32, 16, 2], text.utf8.count <= 128 else {
            return false
        }
        let isHexadecimal = fields.prefix(4).joined().allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        let zero = UInt8(ascii: "0")
        return isHexadecimal && !fields[1].allSatisfy { $0 == zero } && !fields[2].allSatisfy { $0 == zero }
            && (fields.count == 4 || !fields[0].elementsEqual("00".utf8))
    }
}
