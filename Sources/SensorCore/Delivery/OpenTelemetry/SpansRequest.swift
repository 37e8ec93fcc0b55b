// SPDX-License-Identifier: Apache-2.0

/// Tool calls that are over as spans, with what was done for them as span events: `ExportTraceServiceRequest` of OTLP.
///
/// A call that came with a `traceparent`, or as a span, is part of the agent's own trace. The same record makes the same
/// span, byte for byte, however often it is sent. The numbers are those of
/// opentelemetry/proto/collector/trace/v1/trace_service.proto and of what it imports.
enum SpansRequest {
    /// nil: there is no call among the records.
    static func encoded(_ records: [TelemetryRecord]) -> [UInt8]? {
        var request = WireWriter()
        for resource in TelemetryRecord.byResource(records.filter { call(of: $0) != nil }) {
            request.message(1) { spans in
                spans.message(1) { resource.attributes.write(to: &$0, 1) }
                spans.message(2) { scope in
                    scope.message(1) { $0.text(1, "sensord") }
                    for record in resource.records {
                        guard let call = call(of: record) else { continue }
                        scope.message(2) { write(call, of: record, to: &$0) }
                    }
                }
            }
        }
        return request.bytes.isEmpty ? nil : request.bytes
    }

    private static func call(of record: TelemetryRecord) -> PostureToolCallRecord? {
        guard case .toolCall(let call)? = record.message.body, call.hasEnded else { return nil }
        return call
    }

    private static func write(_ record: PostureToolCallRecord, of origin: TelemetryRecord, to span: inout WireWriter) {
        let call = record.call
        let own = PayloadDigest(of: origin.envelope.payload).bytes
        let context = TraceParent(call)
        span.bytes(1, context?.trace ?? Array(own[0..<16]))
        span.bytes(2, own[16..<24])
        span.bytes(4, context?.span ?? [])
        span.text(5, "execute_tool \(call.name)")
        // SPAN_KIND_INTERNAL
        span.varint(6, 1)
        span.fixed64(7, record.began.nanosecondsSince1970)
        span.fixed64(8, max(record.ended.nanosecondsSince1970, record.began.nanosecondsSince1970))
        var attributes = TelemetryAttributes()
        attributes.add(call)
        attributes.add(record.process)
        attributes.add("error.type", call.error)
        attributes.add("sensord.effects.incomplete", record.effectsIncomplete)
        attributes.add("sensord.stream", origin.envelope.stream.description)
        attributes.add("sensord.sequence", origin.envelope.sequence)
        attributes.write(to: &span, 9)
        for effect in record.effects { span.message(11) { write(effect, to: &$0) } }
        span.varint(12, min(record.leftOut, UInt64(UInt32.max)))
        if call.status == "error" || call.status == "denied" {
            span.message(15) { status in
                status.text(2, call.error.isEmpty ? call.status : call.error)
                // STATUS_CODE_ERROR
                status.varint(3, 2)
            }
        }
    }

    private static func write(_ effect: PostureToolCallEffect, to event: inout WireWriter) {
        event.fixed64(1, effect.firstSeen.nanosecondsSince1970)
        event.text(2, effect.kind)
        var attributes = TelemetryAttributes()
        attributes.add("sensord.effect.object", effect.text)
        if effect.kind.hasPrefix("file.") { attributes.add("file.path", effect.text) }
        attributes.add("sensord.effect.count", effect.count)
        attributes.add("sensord.effect.method", effect.method)
        attributes.add("sensord.effect.candidates", effect.candidates)
        attributes.add("sensord.effect.access", effect.access)
        attributes.add("sensord.event.id", effect.event)
        attributes.add("sensord.process.id", effect.process)
        attributes.add("process.executable.path", effect.executable)
        attributes.add("error.type", effect.error)
        attributes.write(to: &event, 3)
    }
}
