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
        if !effects.listed.isEmpty {
            append(",\"effects\":[")
            for (index, effect) in effects.listed.enumerated() {
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
                closeObject(startedAt: start)
            }
            append("]")
        }
        if effects.count != 0 {
            append(",\"effectCount\":")
            append(quoted: effects.count)
        }
        if effects.isIncomplete { append(",\"effectsIncomplete\":true") }
    }
}
