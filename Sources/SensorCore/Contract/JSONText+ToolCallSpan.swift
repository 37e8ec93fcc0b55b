// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    mutating func append(_ span: ToolCallSpan) {
        append(",\"span\":")
        let start = bytes.count
        append(text: ",\"traceId\":", span.traceID)
        append(text: ",\"spanId\":", span.spanID)
        append(text: ",\"service\":", span.service)
        append(text: ",\"agentName\":", span.agentName)
        append(text: ",\"agentId\":", span.agentID)
        append(text: ",\"agentVersion\":", span.agentVersion)
        append(text: ",\"assurance\":", span.assurance.rawValue)
        closeObject(startedAt: start)
    }

    mutating func append(_ effects: ToolCallEffects) {
        append(effects.listed)
        if effects.count != 0 {
            append(",\"effectCount\":")
            append(quoted: effects.count)
        }
        if effects.isIncomplete { append(",\"effectsIncomplete\":true") }
    }

    mutating func append(_ effects: [ToolCallEffects.Effect]) {
        if effects.isEmpty { return }
        append(",\"effects\":[")
        for (index, effect) in effects.enumerated() {
            if index > 0 { append(",") }
            let start = bytes.count
            append(text: ",\"event\":", effect.event)
            append(text: ",\"kind\":", effect.kind.name)
            append(text: ",\"text\":", effect.text)
            append(text: ",\"method\":", effect.method.rawValue)
            if !effect.candidates.isEmpty {
                append(",\"candidates\":")
                append(strings: effect.candidates)
            }
            append(candidatesLeftOut: effect.candidatesLeftOut)
            if let summary = effect.summary { append(summary) }
            closeObject(startedAt: start)
        }
        append("]")
    }

    mutating func append(candidatesLeftOut count: UInt32) {
        if count == 0 { return }
        append(",\"candidatesLeftOut\":")
        append(decimal: UInt64(count))
    }

    private mutating func append(_ summary: ToolCallEffects.Summary) {
        append(",\"count\":")
        append(quoted: summary.count)
        append(time: ",\"firstSeen\":\"", summary.firstSeen)
        append(time: ",\"lastSeen\":\"", summary.lastSeen)
        if summary.errorNumber != 0 {
            append(",\"error\":\"")
            append(errorName: summary.errorNumber)
            append("\"")
        }
        append(text: ",\"process\":", summary.process)
        append(text: ",\"executable\":", summary.executable)
        if !summary.access.isEmpty {
            append(",\"access\":")
            append(strings: summary.access.names)
        }
        if let bytes = summary.bytesSent {
            append(",\"bytesSent\":")
            append(quoted: bytes)
        }
        if let bytes = summary.bytesReceived {
            append(",\"bytesReceived\":")
            append(quoted: bytes)
        }
    }
}
