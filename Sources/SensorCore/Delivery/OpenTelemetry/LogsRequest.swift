// SPDX-License-Identifier: Apache-2.0

/// Records as logs: `ExportLogsServiceRequest` of OTLP.
///
/// The body of a log record is a record's payload, byte for byte, and its attributes are its envelope: whoever has the logs
/// can still verify the stream. The numbers are those of opentelemetry/proto/collector/logs/v1/logs_service.proto and of what
/// it imports.
enum LogsRequest {
    static func encoded(_ records: [TelemetryRecord]) -> [UInt8] {
        var request = WireWriter()
        for resource in TelemetryRecord.byResource(records) {
            request.message(1) { logs in
                logs.message(1) { resource.attributes.write(to: &$0, 1) }
                logs.message(2) { scope in
                    scope.message(1) { $0.text(1, "sensord") }
                    for record in resource.records { scope.message(2) { write(record, to: &$0) } }
                }
            }
        }
        return request.bytes
    }

    private static func write(_ record: TelemetryRecord, to message: inout WireWriter) {
        let time = record.message.time.nanosecondsSince1970
        message.fixed64(1, time)
        let isAnomaly = if case .anomaly? = record.message.body { true } else { false }
        message.varint(2, isAnomaly ? Severity.warn : Severity.info)
        message.text(3, isAnomaly ? "WARN" : "INFO")
        message.message(5) { $0.bytes(1, record.envelope.payload) }
        attributes(of: record).write(to: &message, 6)
        message.fixed64(11, time)
        message.text(12, "sensord.\(record.bodyName)")
    }

    private enum Severity {
        static let info: UInt64 = 9
        static let warn: UInt64 = 13
    }

    private static func attributes(of record: TelemetryRecord) -> TelemetryAttributes {
        var attributes = TelemetryAttributes()
        attributes.add("sensord.stream", record.envelope.stream.description)
        attributes.add("sensord.sequence", record.envelope.sequence)
        if let original = record.envelope.originalSequence { attributes.add("sensord.original_sequence", original) }
        attributes.add("sensord.previous", record.envelope.previous?.description ?? "")
        if let signature = record.envelope.signature {
            attributes.add("sensord.key.id", signature.keyID)
            attributes.add("sensord.signature", Base64.text(signature.value))
        }
        switch record.message.body {
        case .toolCall(let call)?:
            attributes.add(call.call)
            attributes.add(call.process)
        case .anomaly(let event)?:
            attributes.add("sensord.anomaly.rule", event.anomaly.rule)
            attributes.add("gen_ai.tool.call.id", event.anomaly.call)
            attributes.add("gen_ai.conversation.id", event.anomaly.session)
            attributes.add(event.process)
        default: break
        }
        return attributes
    }
}
