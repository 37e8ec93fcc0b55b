// SPDX-License-Identifier: Apache-2.0

/// What is said of a tool call by whoever announced it, and not by the kernel.
package struct ToolCallClaims: Sendable, Equatable, Codable {
    /// What stands behind it.
    package enum Assurance: String, Sendable, Codable {
        /// The client's own word.
        case claimed
        /// A collector's that the operator trusts.
        case forwarded
    }

    /// What a call is allowed by.
    package struct Authority: Sendable, Equatable, Codable {
        /// Given by a person or a policy outside of the agent.
        package struct Approval: Sendable, Equatable, Codable {
            package var id: String
            package var kind: String

            package init(id: String, kind: String) {
                self.id = id
                self.kind = kind
            }
        }

        /// The name of the credential or permission, not its secret.
        package var grant: String
        package var scopes: [String]
        /// Nanoseconds since 1970; nil: not said.
        package var issuedAt: UInt64?
        package var expiresAt: UInt64?
        package var approval: Approval?
        /// Scopes beyond those, where not all are told.
        package var scopesLeftOut: UInt32 = 0

        package init(
            grant: String = "", scopes: [String] = [], issuedAt: UInt64? = nil, expiresAt: UInt64? = nil,
            approval: Approval? = nil
        ) {
            self.grant = grant
            self.scopes = scopes
            self.issuedAt = issuedAt
            self.expiresAt = expiresAt
            self.approval = approval
        }
    }

    package struct Agent: Sendable, Equatable, Codable {
        package var name: String
        package var version: String
        package var framework: String

        package init(name: String = "", version: String = "", framework: String = "") {
            self.name = name
            self.version = version
            self.framework = framework
        }
    }

    /// As the model asked for it: `function`, `mcp`, …
    package var type = ""
    /// Id of the prompt context that it came from.
    package var context = ""
    /// Id of the call that it was made within.
    package var parent = ""
    /// The W3C trace context's header, which joins calls across processes and workloads.
    package var traceparent = ""
    /// `low` or `high`; empty: not said.
    package var impact = ""
    package var authority: Authority?
    package var agent: Agent?
    package var assurance = Assurance.claimed

    package init() {}

    /// As each effect of the call has it: without what only describes the call, and of scopes no more than fit into a line.
    var ofEffects: ToolCallClaims {
        var claims = self
        claims.type = ""
        claims.traceparent = ""
        guard let scopes = authority?.scopes, !scopes.isEmpty else { return claims }
        var bytes = 0
        let told = scopes.prefix { scope in
            bytes += scope.utf8.count
            return bytes <= Self.scopeBytes
        }
        claims.authority?.scopes = Array(told)
        claims.authority?.scopesLeftOut = UInt32(scopes.count - told.count)
        return claims
    }

    private static let scopeBytes = 1024

    /// What both claim.
    func common(with other: ToolCallClaims) -> ToolCallClaims {
        if self == other { return self }
        var claims = ToolCallClaims()
        if type == other.type { claims.type = type }
        if context == other.context { claims.context = context }
        if parent == other.parent { claims.parent = parent }
        if traceparent == other.traceparent { claims.traceparent = traceparent }
        if impact == other.impact { claims.impact = impact }
        if authority == other.authority { claims.authority = authority }
        if agent == other.agent { claims.agent = agent }
        // The weaker of the two stands behind it.
        if assurance == other.assurance { claims.assurance = assurance }
        return claims
    }

    /// Nothing is claimed.
    var isEmpty: Bool { self == ToolCallClaims() }
}

/// What a tool call was called with, without the value.
package struct ToolCallArgument: Sendable, Hashable, Codable {
    package var name: String
    /// `string`, `number`, `boolean`, `null`, `array`, `object`; `omitted`: the client kept it to itself.
    package var type: String
    /// Bytes of a string, members of an array or object; nil for what has no length.
    package var length: UInt64?
    package var digest: KeyedDigest?

    package init(name: String, type: String, length: UInt64? = nil, digest: KeyedDigest? = nil) {
        self.name = name
        self.type = type
        self.length = length
        self.digest = digest
    }
}
