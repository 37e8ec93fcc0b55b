// SPDX-License-Identifier: Apache-2.0

import SensorCore

// Tool calls: what they came from, and what was done for them.
extension Explanation {
    mutating func addCall(of chain: CallChain) {
        if let call = chain.event.toolCall {
            add("tool call", Self.name(call), Self.reason(call.method))
            add(call.initiator, call.claims)
        }
        if case .toolCall(let call) = chain.event.detail {
            add(call)
            for effect in call.effects?.listed ?? [] { add("  meanwhile", effect) }
        } else if case .toolCall(let call) = chain.begin?.detail {
            add("  with", Self.arguments(call), "")
            addParent(call)
        }
        add(chain.context)
    }

    mutating func add(_ record: ToolCallRecord, context: Event?) {
        add(context)
        add(record.call)
        if let process = record.process {
            add("process", "\(process.executable.text) (pid \(process.pid))", process.id)
        }
        for effect in record.effects { add("  did", effect) }
        if record.leftOut > 0 { add("  and", "\(record.leftOut) more that are not listed", "") }
        if record.isIncomplete { add("  incomplete", "events of that time were lost", "") }
        for process in record.outlivedBy {
            add("  outlived by", "\(process.executable) (pid \(process.pid))", process.id)
        }
        if record.outlivedByLeftOut > 0 { add("  outlived by", "up to \(record.outlivedByLeftOut) more", "") }
    }

    private mutating func add(_ call: ToolCallDetail) {
        add("tool call", Self.name(id: call.id, name: call.name, session: call.session), call.status)
        add(call.initiator, call.claims)
        add("  with", Self.arguments(call), "")
        addParent(call)
    }

    private mutating func add(_ initiator: ToolCallDetail.Initiator?, _ claims: ToolCallClaims) {
        let assurance = claims.assurance.rawValue
        if let initiator {
            let who = [initiator.kind, initiator.id ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
            add("  asked by", who + (initiator.onBehalfOf.map { " on behalf of \($0)" } ?? ""), assurance)
        }
        if let authority = claims.authority {
            var words = authority.grant.isEmpty ? [] : ["grant \(authority.grant)"]
            if !authority.scopes.isEmpty { words.append("for \(authority.scopes.joined(separator: ", "))") }
            if authority.scopesLeftOut > 0 { words.append("and \(authority.scopesLeftOut) more") }
            if let approval = authority.approval { words.append("approved by \(approval.kind) \(approval.id)") }
            add("  allowed by", words.joined(separator: " "), assurance)
        }
        if let agent = claims.agent {
            let words = [agent.name, agent.version, agent.framework].filter { !$0.isEmpty }
            add("  agent", words.joined(separator: " "), assurance)
        }
        add("  within", claims.parent, assurance)
        add("  context", claims.context, assurance)
    }

    private mutating func addParent(_ call: ToolCallDetail) {
        guard let parent = call.parentCall else { return }
        let name = Self.name(id: parent.id, name: parent.name, session: parent.session)
        add("  within", parent.isOfOtherWorkload ? "\(name) of another workload" : name, "by their trace, claimed")
    }

    private mutating func add(_ context: Event?) {
        guard case .context(let context) = context?.detail else { return }
        let turn = context.turn.map { " (turn \($0))" } ?? ""
        add("shown", "context \(context.id)\(turn)", "claimed")
        for source in context.sources { add("  \(source.kind)", source.uri.isEmpty ? "-" : source.uri, "") }
        if context.sourcesLeftOut > 0 { add("  and", "\(context.sourcesLeftOut) more", "") }
    }

    private mutating func add(_ label: String, _ effect: ToolCallEffects.Effect) {
        let summary = effect.summary
        var words = "\(effect.kind.name) \(effect.text)"
        if let summary, summary.errorNumber != 0 { words += " \(ErrorName.of(summary.errorNumber))" }
        if let count = summary?.count, count > 1 { words += " ×\(count)" }
        add(label, words, "\(effect.event), \(Self.reason(effect.method))")
    }

    private static func arguments(_ call: ToolCallDetail) -> String {
        call.arguments.map { $0.name.isEmpty ? $0.type : "\($0.name) (\($0.type))" }.joined(separator: ", ")
    }

    private static func name(_ call: ToolCallReference) -> String {
        let others = call.candidatesLeftOut == 0 ? "" : " and \(call.candidatesLeftOut) more"
        return call.id.isEmpty
            ? "one of \(call.candidates.joined(separator: ", "))\(others)"
            : name(id: call.id, name: call.name, session: call.session)
    }

    private static func name(id: String, name: String, session: String) -> String {
        let name = name.isEmpty ? id : "\(name) (\(id))"
        return session.isEmpty ? name : "\(name) of session \(session)"
    }
}
