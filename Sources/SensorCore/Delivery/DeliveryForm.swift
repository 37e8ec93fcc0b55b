// SPDX-License-Identifier: Apache-2.0

/// What a batch of records is written as, and what its taker's answers mean.
package enum DeliveryForm: Sendable, Equatable {
    /// For a reconciler.
    case posture(ReconcilerEncoding)
    /// For whoever takes OTLP over HTTP: each record is a log record.
    case logs
    /// The same: each call that is over is a span, and all other records are left out.
    case spans

    enum Encoded: Equatable {
        case bytes([UInt8])
        /// There is nothing in these records that is to be sent.
        case nothing
        /// Something of it is too large to be written, or cannot be read.
        case impossible
    }

    /// Of the sink's place in the log.
    package var sinkName: String {
        switch self {
        case .posture: "reconciler"
        case .logs: "otlp-logs"
        case .spans: "otlp-traces"
        }
    }

    /// There is something in it for whoever is told events.
    package var hasEvents: Bool { self != .spans }

    var path: String {
        switch self {
        case .posture: "/v1/posture"
        case .logs: "/v1/logs"
        case .spans: "/v1/traces"
        }
    }

    var contentType: String {
        switch self {
        case .posture(let encoding): encoding.contentType
        case .logs, .spans: ReconcilerEncoding.protobuf.contentType
        }
    }

    /// - Parameter records: of one stream, one after the other.
    func encode(_ records: [RecordEnvelope], node: String) -> Encoded {
        switch self {
        case .posture(let encoding): return encoding.encode(records, node: node).map { .bytes($0) } ?? .impossible
        case .logs, .spans:
            let readable = records.compactMap { TelemetryRecord($0) }
            // What cannot be read is not left out in silence: it is set aside, as what is refused is.
            guard readable.count == records.count else { return .impossible }
            guard self == .spans else { return .bytes(LogsRequest.encoded(readable)) }
            return SpansRequest.encoded(readable).map { .bytes($0) } ?? .nothing
        }
    }

    /// What an answer says.
    ///
    /// - Parameters:
    ///   - last: the batch's last record: OTLP takes all of a batch or nothing.
    ///   - body, retryAfter, wall: see `ReconcilerOutcome`.
    func outcome(
        status: Int, contentType: String?, body: [UInt8], retryAfter: String?, wall: UInt64, last: RecordEnvelope
    ) -> ReconcilerOutcome {
        switch self {
        case .logs, .spans:
            if (200..<300).contains(status) {
                let stream = last.stream.description
                guard let partial = PartialSuccess(body), partial.refused > 0 else {
                    return .acknowledged(stream: stream, sequence: last.sequence)
                }
                return .partlyTaken(
                    stream: stream, sequence: last.sequence, refused: partial.refused, why: partial.message)
            }
        case .posture: break
        }
        return ReconcilerOutcome(
            status: status, contentType: contentType, body: body, retryAfter: retryAfter, wall: wall)
    }
}
