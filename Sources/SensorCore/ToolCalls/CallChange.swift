// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What the tool-call socket has learned, as the pipeline takes it in: in this order, and before the first event that
/// could be joined to it.
///
/// It goes from hand to hand, and into arrays that grow: what is large is boxed.
package enum CallChange: Sendable, Equatable, Codable {
    indirect case begun(ToolCall)
    /// A set of calls that tasks act for; its number is never used again.
    case set(UInt32, members: [UInt64])
    case ended(CallEnd)
    /// All calls of the set have ended: no task acts for it any more.
    case closed(UInt32)
    indirect case context(ContextDetail, CallOrigin)
    indirect case decision(DecisionDetail, CallOrigin)
    indirect case anomaly(AnomalyDetail, CallOrigin)
    indirect case catalog(ToolCatalog, CallOrigin)
    indirect case model(ModelUse, CallOrigin)
    indirect case transition(SessionTransition, CallOrigin)
    /// A call that an OpenTelemetry span has told of, after the fact.
    indirect case span(SpanCall)
    /// The session of that name is over; another may get its name.
    case sessionEnded(String, CallOrigin)
}

extension CallChange {
    /// What a call was called with never gets onto a disk.
    package var withoutTerms: CallChange {
        guard case .begun(var call) = self else { return self }
        call.terms = []
        call.mentions = nil
        return .begun(call)
    }

    package var json: [UInt8] {
        // Strings and numbers cannot fail to encode.
        Array((try? JSONEncoder().encode(self)) ?? Data())
    }

    package init?(json: [UInt8]) {
        guard let change = try? JSONDecoder().decode(CallChange.self, from: Data(json)) else { return nil }
        self = change
    }
}

/// A tool call, as its agent announced it. Of what it was called with there is no more here than what joins its effects.
package struct ToolCall: Sendable, Equatable, Codable {
    /// Unique while the sensor runs.
    package var number: UInt64
    /// The agent's own, unique within the session.
    package var id: String
    /// Of the tool.
    package var name: String
    package var session: String
    package var scope: CallScope
    package var initiator: ToolCallDetail.Initiator?
    /// Who announced it, as the initial pid namespace has it.
    package var process: UInt32
    /// The thread that acts for it, in the same namespace; 0: any of the process.
    package var thread: UInt32
    /// Id of the announcing process's cgroup in the tracked hierarchy.
    package var cgroup: UInt64
    /// Id of the cgroup that its container or unit begins at; nil: not known.
    package var workload: UInt64?
    /// Boot clock, ns.
    package var time: UInt64
    /// Paths, hosts and commands among its arguments.
    package var terms: [String]
    /// What else stands there and may be one of these; nil: not all that stands there is known.
    package var mentions: [String]?
    package var claims: ToolCallClaims
    package var arguments: [ToolCallArgument]
    /// The one call of another session or process that claims to be of the same trace.
    package var parentCall: LinkedCall?

    package init(
        number: UInt64, id: String, name: String, session: String, scope: CallScope,
        initiator: ToolCallDetail.Initiator? = nil, process: UInt32, thread: UInt32 = 0, cgroup: UInt64, time: UInt64,
        terms: [String] = [], mentions: [String]? = nil, claims: ToolCallClaims = ToolCallClaims(),
        arguments: [ToolCallArgument] = []
    ) {
        self.number = number
        self.id = id
        self.name = name
        self.session = session
        self.scope = scope
        self.initiator = initiator
        self.process = process
        self.thread = thread
        self.cgroup = cgroup
        self.time = time
        self.terms = terms
        self.mentions = mentions
        self.claims = claims
        self.arguments = arguments
    }
}

/// What acts for a call.
package enum CallScope: String, Sendable, Codable {
    /// The thread that announced it, and what it forks.
    case thread
    /// The process that announced it, and what it forks.
    case process
    /// That process and all its descendants that live when the call begins.
    case tree
    /// Nothing is to be joined to it.
    case none
}

package struct CallEnd: Sendable, Equatable, Codable {
    package var number: UInt64
    /// `ok`, `error`, `cancelled`, `denied`; `abandoned`: the client went away without an end.
    package var status: String
    package var error: String
    /// Boot clock, ns.
    package var time: UInt64
    /// When it became known, where that was later.
    package var toldAt: UInt64?

    /// When it became known.
    var arrival: UInt64 { toldAt ?? time }

    package init(number: UInt64, status: String, error: String = "", time: UInt64, toldAt: UInt64? = nil) {
        self.number = number
        self.status = status
        self.error = error
        self.time = time
        self.toldAt = toldAt == time ? nil : toldAt
    }
}
