// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureToolCall {
    init(_ call: ToolCallDetail) {
        self.init()
        id = call.id
        name = call.name
        session = call.session
        scope = call.scope
        take(call.initiator, call.claims)
        status = call.status
        error = call.error
        duration = call.duration
        arguments = call.arguments.map(PostureArgument.init)
        take(call.span, call.effects)
        if let parent = call.parentCall { parentCall = PostureLinkedCall(parent) }
    }

    private mutating func take(_ initiator: ToolCallDetail.Initiator?, _ claims: ToolCallClaims) {
        if let initiator { self.initiator = PostureInitiator(initiator, claims.assurance) }
        type = claims.type
        context = claims.context
        parent = claims.parent
        traceparent = claims.traceparent
        if let authority = claims.authority { self.authority = PostureAuthority(authority, claims.assurance) }
        impact = claims.impact
        if let agent = claims.agent { self.agent = PostureAgent(agent, claims.assurance) }
        if !claims.isEmpty { assurance = claims.assurance.rawValue }
    }

    init(_ reference: ToolCallReference) {
        self.init()
        id = reference.id
        name = reference.name
        session = reference.session
        method = reference.method.rawValue
        candidates = reference.candidates
        candidatesLeftOut = reference.candidatesLeftOut
        take(reference.initiator, reference.claims)
    }
}

extension PostureLinkedCall {
    fileprivate init(_ call: LinkedCall) {
        self.init()
        id = call.id
        name = call.name
        session = call.session
        otherWorkload = call.isOfOtherWorkload
        assurance = ToolCallClaims.Assurance.claimed.rawValue
    }
}

extension PostureDigest {
    fileprivate init(_ digest: KeyedDigest) {
        self.init()
        alg = KeyedDigest.algorithm
        keyID = digest.keyID
        value = digest.value
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
        scopesLeftOut = authority.scopesLeftOut
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
        if let digest = argument.digest { self.digest = PostureDigest(digest) }
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
            if let digest = source.digest { message.digest = PostureDigest(digest) }
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
