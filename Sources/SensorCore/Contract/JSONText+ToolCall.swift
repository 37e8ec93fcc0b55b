// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// The member `,"toolCall":{…}` of an event that is a call's beginning or end, or a call under another name.
    mutating func append(_ call: ToolCallDetail, as name: StaticString = ",\"toolCall\":") {
        let claims = call.claims
        append(name)
        let start = bytes.count
        append(text: ",\"id\":", call.id)
        append(text: ",\"name\":", call.name)
        append(text: ",\"session\":", call.session)
        append(text: ",\"scope\":", call.scope)
        if let initiator = call.initiator { append(initiator, claims.assurance) }
        append(text: ",\"status\":", call.status)
        append(text: ",\"error\":", call.error)
        if call.duration != 0 {
            append(",\"duration\":")
            append(quoted: call.duration)
        }
        append(claims, call.arguments)
        if let span = call.span { append(span) }
        if let effects = call.effects { append(effects) }
        if let parent = call.parentCall { append(parent) }
        closeObject(startedAt: start)
    }

    /// The members of a call that say what is claimed of it, and what it was called with.
    mutating func append(_ claims: ToolCallClaims, _ arguments: [ToolCallArgument] = []) {
        append(text: ",\"type\":", claims.type)
        append(text: ",\"context\":", claims.context)
        append(text: ",\"parent\":", claims.parent)
        append(text: ",\"traceparent\":", claims.traceparent)
        if let authority = claims.authority { append(authority, claims.assurance) }
        append(text: ",\"impact\":", claims.impact)
        append(arguments)
        if let agent = claims.agent { append(agent, claims.assurance) }
        if !claims.isEmpty { append(text: ",\"assurance\":", claims.assurance.rawValue) }
    }

    private mutating func append(_ parent: LinkedCall) {
        append(",\"parentCall\":")
        let start = bytes.count
        append(text: ",\"id\":", parent.id)
        append(text: ",\"name\":", parent.name)
        append(text: ",\"session\":", parent.session)
        if parent.isOfOtherWorkload { append(",\"otherWorkload\":true") }
        append(text: ",\"assurance\":", ToolCallClaims.Assurance.claimed.rawValue)
        closeObject(startedAt: start)
    }

    mutating func append(_ initiator: ToolCallDetail.Initiator, _ assurance: ToolCallClaims.Assurance) {
        append(",\"initiator\":")
        let start = bytes.count
        append(text: ",\"kind\":", initiator.kind)
        append(text: ",\"id\":", initiator.id ?? "")
        append(text: ",\"onBehalfOf\":", initiator.onBehalfOf ?? "")
        append(text: ",\"assurance\":", assurance.rawValue)
        closeObject(startedAt: start)
    }

    private mutating func append(_ authority: ToolCallClaims.Authority, _ assurance: ToolCallClaims.Assurance) {
        append(",\"authority\":")
        let start = bytes.count
        append(text: ",\"grant\":", authority.grant)
        if !authority.scopes.isEmpty {
            append(",\"scopes\":")
            append(strings: authority.scopes)
        }
        append(time: ",\"issuedAt\":\"", authority.issuedAt)
        append(time: ",\"expiresAt\":\"", authority.expiresAt)
        if let approval = authority.approval {
            append(",\"approval\":")
            let first = bytes.count
            append(text: ",\"id\":", approval.id)
            append(text: ",\"kind\":", approval.kind)
            closeObject(startedAt: first)
        }
        append(text: ",\"assurance\":", assurance.rawValue)
        if authority.scopesLeftOut != 0 {
            append(",\"scopesLeftOut\":")
            append(decimal: UInt64(authority.scopesLeftOut))
        }
        closeObject(startedAt: start)
    }

    mutating func append(time name: StaticString, _ time: UInt64?) {
        guard let time else { return }
        append(name)
        append(time: time)
        append("\"")
    }

    private mutating func append(_ agent: ToolCallClaims.Agent, _ assurance: ToolCallClaims.Assurance) {
        append(",\"agent\":")
        let start = bytes.count
        append(text: ",\"name\":", agent.name)
        append(text: ",\"version\":", agent.version)
        append(text: ",\"framework\":", agent.framework)
        append(text: ",\"assurance\":", assurance.rawValue)
        closeObject(startedAt: start)
    }

    private mutating func append(_ arguments: [ToolCallArgument]) {
        if arguments.isEmpty { return }
        append(",\"arguments\":[")
        for (index, argument) in arguments.enumerated() {
            if index > 0 { append(",") }
            let start = bytes.count
            append(text: ",\"name\":", argument.name)
            append(text: ",\"type\":", argument.type)
            if let length = argument.length {
                append(",\"length\":")
                append(quoted: length)
            }
            if let digest = argument.digest { append(digest) }
            closeObject(startedAt: start)
        }
        append("]")
    }

    private mutating func append(_ digest: KeyedDigest) {
        append(",\"digest\":")
        let start = bytes.count
        append(text: ",\"alg\":", KeyedDigest.algorithm)
        append(text: ",\"keyId\":", digest.keyID)
        append(text: ",\"value\":", digest.value)
        closeObject(startedAt: start)
    }

    mutating func append(_ context: ContextDetail) {
        append(",\"context\":")
        let start = bytes.count
        append(text: ",\"id\":", context.id)
        append(text: ",\"session\":", context.session)
        if let turn = context.turn {
            append(",\"turn\":")
            append(decimal: UInt64(turn))
        }
        if !context.sources.isEmpty {
            append(",\"sources\":[")
            for (index, source) in context.sources.enumerated() {
                if index > 0 { append(",") }
                let first = bytes.count
                append(text: ",\"kind\":", source.kind)
                append(text: ",\"uri\":", source.uri)
                if let digest = source.digest { append(digest) }
                closeObject(startedAt: first)
            }
            append("]")
        }
        if context.sourcesLeftOut != 0 {
            append(",\"sourcesLeftOut\":")
            append(decimal: UInt64(context.sourcesLeftOut))
        }
        append(text: ",\"assurance\":", ToolCallClaims.Assurance.claimed.rawValue)
        closeObject(startedAt: start)
    }

    mutating func append(_ decision: DecisionDetail) {
        append(",\"decision\":")
        let start = bytes.count
        append(text: ",\"session\":", decision.session)
        append(text: ",\"call\":", decision.call)
        append(text: ",\"policy\":", decision.policy)
        append(text: ",\"outcome\":", decision.outcome)
        append(text: ",\"by\":", decision.by)
        append(text: ",\"assurance\":", ToolCallClaims.Assurance.claimed.rawValue)
        closeObject(startedAt: start)
    }

    mutating func append(_ anomaly: AnomalyDetail) {
        append(",\"anomaly\":")
        let start = bytes.count
        append(text: ",\"rule\":", anomaly.rule.rawValue)
        append(text: ",\"session\":", anomaly.session)
        append(text: ",\"call\":", anomaly.call)
        append(text: ",\"expected\":", anomaly.expected)
        append(text: ",\"came\":", anomaly.came)
        if anomaly.suppressed != 0 {
            append(",\"suppressed\":")
            append(quoted: anomaly.suppressed)
        }
        closeObject(startedAt: start)
    }
}
