// SPDX-License-Identifier: Apache-2.0

extension CallChange {
    /// The same with all that a client has written made anew: whatever it says may hold what it should have kept to itself.
    ///
    /// - Parameters:
    ///   - text: what a text becomes.
    ///   - name: what an id becomes, or the name of a session, which others refer to.
    func mapping(text: (String) -> String, name: (String) -> String) -> CallChange {
        switch self {
        case .begun(var call):
            call.id = name(call.id)
            call.name = text(call.name)
            call.session = name(call.session)
            call.initiator = call.initiator?.mapping(text)
            call.claims = call.claims.mapping(text, name)
            for index in call.arguments.indices { call.arguments[index].name = text(call.arguments[index].name) }
            if var parent = call.parentCall {
                (parent.id, parent.name, parent.session) = (name(parent.id), text(parent.name), name(parent.session))
                call.parentCall = parent
            }
            return .begun(call)
        case .ended(var end):
            end.error = text(end.error)
            return .ended(end)
        case .span(var call):
            (call.id, call.name, call.session) = (name(call.id), text(call.name), name(call.session))
            (call.error, call.service) = (text(call.error), text(call.service))
            (call.agentName, call.agentID) = (text(call.agentName), text(call.agentID))
            call.agentVersion = text(call.agentVersion)
            return .span(call)
        case .context(var context, let origin):
            (context.id, context.session) = (name(context.id), name(context.session))
            for index in context.sources.indices { context.sources[index].uri = text(context.sources[index].uri) }
            return .context(context, origin)
        case .decision(var decision, let origin):
            (decision.session, decision.call) = (name(decision.session), name(decision.call))
            (decision.policy, decision.by) = (text(decision.policy), text(decision.by))
            return .decision(decision, origin)
        case .anomaly(var anomaly, let origin):
            (anomaly.session, anomaly.call) = (name(anomaly.session), name(anomaly.call))
            (anomaly.expected, anomaly.came) = (text(anomaly.expected), text(anomaly.came))
            return .anomaly(anomaly, origin)
        case .catalog(var catalog, let origin):
            (catalog.server, catalog.version) = (text(catalog.server), text(catalog.version))
            catalog.transport = text(catalog.transport)
            for index in catalog.tools.indices {
                catalog.tools[index].name = text(catalog.tools[index].name)
                catalog.tools[index].parameters = catalog.tools[index].parameters.map(text)
            }
            return .catalog(catalog, origin)
        case .model(var use, let origin):
            (use.provider, use.requested, use.responding) = (
                text(use.provider), text(use.requested), text(use.responding)
            )
            return .model(use, origin)
        case .transition(var transition, let origin):
            transition.session = name(transition.session)
            (transition.from, transition.to) = (text(transition.from), text(transition.to))
            transition.initiator = transition.initiator?.mapping(text)
            transition.authority = transition.authority?.mapping(text)
            return .transition(transition, origin)
        case .sessionEnded(let session, let origin): return .sessionEnded(name(session), origin)
        case .set, .closed: return self
        }
    }
}

extension ToolCallDetail.Initiator {
    fileprivate func mapping(_ text: (String) -> String) -> Self {
        .init(kind: kind, id: id.map(text), onBehalfOf: onBehalfOf.map(text))
    }
}

extension ToolCallClaims {
    fileprivate func mapping(_ text: (String) -> String, _ name: (String) -> String) -> Self {
        var claims = self
        claims.type = text(type)
        (claims.context, claims.parent) = (name(context), name(parent))
        claims.authority = authority?.mapping(text)
        if let agent {
            claims.agent = .init(
                name: text(agent.name), version: text(agent.version), framework: text(agent.framework))
        }
        return claims
    }
}

extension ToolCallClaims.Authority {
    fileprivate func mapping(_ text: (String) -> String) -> Self {
        var authority = self
        authority.grant = text(grant)
        authority.scopes = scopes.map(text)
        if let approval { authority.approval = .init(id: text(approval.id), kind: text(approval.kind)) }
        return authority
    }
}
