// SPDX-License-Identifier: Apache-2.0

/// What an event came from, as far as the agent says: the call that it was done for, and what the model had been shown before
/// it asked for that call.
package struct CallChain {
    /// The event that it is about.
    package let event: Event
    /// The beginning of its call.
    package private(set) var begin: Event?
    package private(set) var context: Event?

    package init(_ event: Event) {
        self.event = event
        if event.kind == .toolCallBegin { begin = event }
    }

    package var events: [Event] { [event, event.kind == .toolCallBegin ? nil : begin, context].compactMap { $0 } }

    /// Id and session of the call; nil: it is of none, or of one of several.
    private var call: (id: String, session: String)? {
        if let call = event.toolCall { return call.id.isEmpty ? nil : (call.id, call.session) }
        if case .toolCall(let call) = event.detail { return (call.id, call.session) }
        return nil
    }

    /// Id of the context and the session; nil: none is claimed.
    private var source: (id: String, session: String)? {
        let (session, claims): (String, ToolCallClaims)
        if let call = event.toolCall {
            (session, claims) = (call.session, call.claims)
        } else if case .toolCall(let call) = event.detail {
            (session, claims) = (call.session, call.claims)
        } else {
            return nil
        }
        return claims.context.isEmpty ? nil : (claims.context, session)
    }

    package var isComplete: Bool { (call == nil || begin != nil) && (source == nil || context != nil) }

    /// Takes up an earlier event of the same workload if it belongs to the chain and none has been taken up yet.
    package mutating func offer(_ other: Event) {
        // Sessions of other workloads may be called the same. A pod's are known by its container.
        let (own, others) = (event.workload.identity, other.workload.identity)
        guard own.kind == others.kind, own.name == others.name, own.namespace == others.namespace else { return }
        switch other.detail {
        case .toolCall(let told) where other.kind == .toolCallBegin && begin == nil:
            if let call, told.id == call.id, told.session == call.session { begin = other }
        case .context(let told) where context == nil:
            if let source, told.id == source.id, told.session == source.session { context = other }
        default: break
        }
    }
}
