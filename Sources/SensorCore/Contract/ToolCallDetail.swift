// SPDX-License-Identifier: Apache-2.0

/// The beginning or the end of a tool call, as its agent announced it.
package struct ToolCallDetail: Sendable, Equatable {
    /// Who asked for it: the client's own word.
    package struct Initiator: Sendable, Equatable, Codable {
        /// `human`, `agent`, `service` or `schedule`.
        package var kind: String
        package var id: String?
        package var onBehalfOf: String?

        package init(kind: String, id: String? = nil, onBehalfOf: String? = nil) {
            self.kind = kind
            self.id = id
            self.onBehalfOf = onBehalfOf
        }
    }

    package var id: String
    /// Of the tool.
    package var name: String
    package var session: String
    /// What acts for it: `thread`, `process`, `tree` or `none`.
    package var scope: String
    package var initiator: Initiator?
    package var claims: ToolCallClaims
    package var arguments: [ToolCallArgument]
    /// Names and types of what it was called with, also at its end. Not told.
    package var shape = ""
    /// At its end: `ok`, `error`, `cancelled`, `denied`, or `abandoned` if the client went away without an end; empty at
    /// its beginning.
    package var status: String
    package var error: String
    /// Nanoseconds, at its end.
    package var duration: UInt64
    /// What the span says that told of the call, after the fact.
    package var span: ToolCallSpan?
    /// At the end of such a call.
    package var effects: ToolCallEffects?
    /// The one call of another session or process that claims to be of the same trace.
    package var parentCall: LinkedCall?

    package init(
        id: String, name: String, session: String, scope: String, initiator: Initiator? = nil,
        claims: ToolCallClaims = ToolCallClaims(), arguments: [ToolCallArgument] = [], status: String = "",
        error: String = "", duration: UInt64 = 0
    ) {
        self.id = id
        self.name = name
        self.session = session
        self.scope = scope
        self.initiator = initiator
        self.claims = claims
        self.arguments = arguments
        self.status = status
        self.error = error
        self.duration = duration
    }

    static func shape(of arguments: [ToolCallArgument]) -> String {
        arguments.map { "\($0.name):\($0.type)" }.sorted().joined(separator: ",")
    }
}
