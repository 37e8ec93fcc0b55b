// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureToolCallSpan {
    init(_ span: ToolCallSpan) {
        self.init()
        traceID = span.traceID
        spanID = span.spanID
        service = span.service
        agentName = span.agentName
        agentID = span.agentID
        agentVersion = span.agentVersion
        assurance = span.assurance.rawValue
    }
}

extension PostureToolCallEffect {
    init(_ effect: ToolCallEffects.Effect) {
        self.init()
        event = effect.event
        kind = effect.kind.name
        text = effect.text
        method = effect.method.rawValue
        candidates = effect.candidates
        candidatesLeftOut = effect.candidatesLeftOut
        guard let summary = effect.summary else { return }
        count = summary.count
        firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: summary.firstSeen)
        lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: summary.lastSeen)
        error = ErrorName.of(summary.errorNumber)
        process = summary.process
        executable = summary.executable
        access = summary.access.names
        if let bytes = summary.bytesSent { bytesSent = bytes }
        if let bytes = summary.bytesReceived { bytesReceived = bytes }
    }
}

extension PostureToolCall {
    /// Takes up what a span has told of the call, and what was done meanwhile.
    mutating func take(_ span: ToolCallSpan?, _ effects: ToolCallEffects?) {
        if let span { self.span = PostureToolCallSpan(span) }
        guard let effects else { return }
        self.effects = effects.listed.map(PostureToolCallEffect.init)
        effectCount = effects.count
        effectsIncomplete = effects.isIncomplete
    }
}

extension ToolCallSpan {
    /// nil: no span has told of the call.
    init?(_ call: PostureToolCall) {
        guard call.hasSpan else { return nil }
        let span = call.span
        self.init(
            traceID: span.traceID, spanID: span.spanID, service: span.service, agentName: span.agentName,
            agentID: span.agentID, agentVersion: span.agentVersion,
            assurance: Assurance(rawValue: span.assurance) ?? .claimed)
    }
}

extension ToolCallEffects {
    /// nil: nothing was joined to the call after the fact.
    init?(_ call: PostureToolCall) {
        guard !call.effects.isEmpty || call.effectCount != 0 || call.effectsIncomplete else { return nil }
        self.init(
            listed: call.effects.compactMap(Effect.init), count: call.effectCount,
            isIncomplete: call.effectsIncomplete)
    }
}

extension ToolCallEffects.Effect {
    /// nil for a kind or a method that this version does not know.
    init?(_ effect: PostureToolCallEffect) {
        guard let kind = EventKind.allCases.first(where: { $0.name == effect.kind }),
            let method = ToolCallReference.Method(rawValue: effect.method)
        else { return nil }
        self.init(
            event: effect.event, kind: kind, text: effect.text, method: method, candidates: effect.candidates,
            candidatesLeftOut: effect.candidatesLeftOut,
            summary: effect.hasFirstSeen ? ToolCallEffects.Summary(effect) : nil)
    }
}

extension ToolCallEffects.Summary {
    fileprivate init(_ effect: PostureToolCallEffect) {
        self.init(
            count: effect.count, firstSeen: effect.firstSeen.nanosecondsSince1970,
            lastSeen: effect.lastSeen.nanosecondsSince1970, errorNumber: ErrorName.number(of: effect.error),
            process: effect.process, executable: effect.executable, access: FileAccess(named: effect.access),
            bytesSent: effect.hasBytesSent ? effect.bytesSent : nil,
            bytesReceived: effect.hasBytesReceived ? effect.bytesReceived : nil)
    }
}
