// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension ToolCallDetail {
    init(_ call: PostureToolCall) {
        self.init(
            id: call.id, name: call.name, session: call.session, scope: call.scope, initiator: Initiator(call),
            claims: ToolCallClaims(call),
            arguments: call.arguments.map {
                ToolCallArgument(
                    name: $0.name, type: $0.type, length: $0.hasLength ? $0.length : nil,
                    digest: $0.hasDigest ? KeyedDigest($0.digest) : nil)
            },
            status: call.status, error: call.error, duration: call.duration)
        span = ToolCallSpan(call)
        effects = ToolCallEffects(call)
        if call.hasParentCall { parentCall = LinkedCall(call.parentCall) }
    }
}

extension ToolCallDetail.Initiator {
    /// nil: nobody is said to have asked for it.
    fileprivate init?(_ call: PostureToolCall) {
        guard call.hasInitiator else { return nil }
        let initiator = call.initiator
        self.init(
            kind: initiator.kind, id: initiator.id.isEmpty ? nil : initiator.id,
            onBehalfOf: initiator.onBehalfOf.isEmpty ? nil : initiator.onBehalfOf)
    }
}

extension LinkedCall {
    fileprivate init(_ call: PostureLinkedCall) {
        self.init(id: call.id, name: call.name, session: call.session, isOfOtherWorkload: call.otherWorkload)
    }
}

extension KeyedDigest {
    fileprivate init(_ digest: PostureDigest) { self.init(keyID: digest.keyID, value: digest.value) }
}

extension ToolCallClaims {
    fileprivate init(_ call: PostureToolCall) {
        self.init()
        type = call.type
        context = call.context
        parent = call.parent
        traceparent = call.traceparent
        impact = call.impact
        if call.hasAuthority { authority = Authority(call.authority) }
        if call.hasAgent {
            agent = Agent(name: call.agent.name, version: call.agent.version, framework: call.agent.framework)
        }
        // Where nothing else is claimed the initiator may be.
        let words = [call.assurance, call.initiator.assurance]
        assurance = words.contains(Assurance.forwarded.rawValue) ? .forwarded : .claimed
    }
}

extension ToolCallClaims.Authority {
    fileprivate init(_ authority: PostureAuthority) {
        self.init(
            grant: authority.grant, scopes: authority.scopes,
            issuedAt: authority.hasIssuedAt ? authority.issuedAt.nanosecondsSince1970 : nil,
            expiresAt: authority.hasExpiresAt ? authority.expiresAt.nanosecondsSince1970 : nil,
            approval: authority.hasApproval
                ? Approval(id: authority.approval.id, kind: authority.approval.kind) : nil)
        scopesLeftOut = authority.scopesLeftOut
    }
}

extension ToolCallReference {
    /// nil for what is the call itself.
    convenience init?(_ call: PostureToolCall) {
        guard let method = Method(rawValue: call.method) else { return nil }
        self.init(
            id: call.id, name: call.name, session: call.session, method: method, candidates: call.candidates,
            candidatesLeftOut: call.candidatesLeftOut, initiator: ToolCallDetail.Initiator(call),
            claims: ToolCallClaims(call))
    }
}

extension ContextDetail {
    init(_ context: PostureContext) {
        self.init(
            id: context.id, session: context.session, turn: context.hasTurn ? context.turn : nil,
            sources: context.sources.map {
                Source(kind: $0.kind, uri: $0.uri, digest: $0.hasDigest ? KeyedDigest($0.digest) : nil)
            },
            sourcesLeftOut: context.sourcesLeftOut)
    }
}

extension AnomalyDetail {
    /// nil for a rule that this version does not know.
    init?(_ anomaly: PostureAnomaly) {
        guard let rule = AnomalyRule(rawValue: anomaly.rule) else { return nil }
        self.init(
            rule: rule, session: anomaly.session, call: anomaly.call, expected: anomaly.expected, came: anomaly.came,
            suppressed: anomaly.suppressed)
    }
}
