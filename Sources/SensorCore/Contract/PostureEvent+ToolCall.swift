// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureToolCall {
    init(_ call: ToolCallDetail) {
        self.init()
        let claims = call.claims
        id = call.id
        name = call.name
        session = call.session
        scope = call.scope
        if let initiator = call.initiator { self.initiator = PostureInitiator(initiator, claims.assurance) }
        status = call.status
        error = call.error
        duration = call.duration
        type = claims.type
        context = claims.context
        parent = claims.parent
        traceparent = claims.traceparent
        if let authority = claims.authority { self.authority = PostureAuthority(authority, claims.assurance) }
        impact = claims.impact
        arguments = call.arguments.map(PostureArgument.init)
        if let agent = claims.agent { self.agent = PostureAgent(agent, claims.assurance) }
        if !claims.isEmpty { assurance = claims.assurance.rawValue }
        take(call.span, call.effects)
    }

    init(_ reference: ToolCallReference) {
        self.init()
        id = reference.id
        name = reference.name
        session = reference.session
        method = reference.method.rawValue
        candidates = reference.candidates
    }
}

extension PostureInitiator {
    fileprivate init(_ initiator: ToolCallDetail.Initiator, _ assurance: ToolCallClaims.Assurance) {
        self.init()
        kind = initiator.kind
        id = initiator.id ?? ""
        onBehalfOf = initiator.onBehalfOf ?? ""
        self.assurance = assurance.rawValue
    }
}

extension PostureAuthority {
    fileprivate init(_ authority: ToolCallClaims.Authority, _ assurance: ToolCallClaims.Assurance) {
        self.init()
        grant = authority.grant
        scopes = authority.scopes
        if let time = authority.issuedAt { issuedAt = Google_Protobuf_Timestamp(nanosecondsSince1970: time) }
        if let time = authority.expiresAt { expiresAt = Google_Protobuf_Timestamp(nanosecondsSince1970: time) }
        if let approval = authority.approval {
            self.approval.id = approval.id
            self.approval.kind = approval.kind
        }
        self.assurance = assurance.rawValue
    }
}

extension PostureAgent {
    fileprivate init(_ agent: ToolCallClaims.Agent, _ assurance: ToolCallClaims.Assurance) {
        self.init()
        name = agent.name
        version = agent.version
        framework = agent.framework
        self.assurance = assurance.rawValue
    }
}

extension PostureArgument {
    fileprivate init(_ argument: ToolCallArgument) {
        self.init()
        name = argument.name
        type = argument.type
        if let length = argument.length { self.length = length }
    }
}

extension PostureContext {
    init(_ context: ContextDetail) {
        self.init()
        id = context.id
        session = context.session
        if let turn = context.turn { self.turn = turn }
        sources = context.sources.map { source in
            var message = PostureSource()
            message.kind = source.kind
            message.uri = source.uri
            return message
        }
        sourcesLeftOut = context.sourcesLeftOut
        assurance = ToolCallClaims.Assurance.claimed.rawValue
    }
}

extension PostureDecision {
    init(_ decision: DecisionDetail) {
        self.init()
        session = decision.session
        call = decision.call
        policy = decision.policy
        outcome = decision.outcome
        by = decision.by
        assurance = ToolCallClaims.Assurance.claimed.rawValue
    }
}

extension PostureAnomaly {
    init(_ anomaly: AnomalyDetail) {
        self.init()
        rule = anomaly.rule.rawValue
        session = anomaly.session
        call = anomaly.call
        expected = anomaly.expected
        came = anomaly.came
        suppressed = anomaly.suppressed
    }
}
