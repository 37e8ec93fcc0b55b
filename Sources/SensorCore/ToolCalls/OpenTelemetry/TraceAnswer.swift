// SPDX-License-Identifier: Apache-2.0

/// How an export request is encoded, and so its answer, whatever that is.
enum TraceEncoding: Sendable {
    case protobuf
    case json

    /// nil: neither of the two that OTLP has.
    init?(contentType: String?) {
        let type = contentType?.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch type {
        case "application/x-protobuf": self = .protobuf
        case "application/json": self = .json
        default: return nil
        }
    }

    var contentType: String {
        switch self {
        case .protobuf: "application/x-protobuf"
        case .json: "application/json"
        }
    }
}

/// How a request's body is packed.
enum TracePacking: Sendable {
    case none
    case gzip

    /// nil: none that is known here.
    init?(contentEncoding: String?) {
        switch contentEncoding?.lowercased() {
        case nil, "", "identity": self = .none
        case "gzip", "x-gzip", "deflate": self = .gzip
        default: return nil
        }
    }
}

/// What an exporter is answered: `ExportTraceServiceResponse`, or `google.rpc.Status` where nothing was taken.
struct TraceAnswer: Sendable, Equatable {
    /// Of HTTP.
    var status: Int
    var body: [UInt8]
    var contentType: String
    /// Seconds.
    var retryAfter: Int?

    /// Taken, but for some spans.
    static func taken(_ encoding: TraceEncoding, rejected: Int, _ message: String) -> TraceAnswer {
        var body: [UInt8] = []
        switch (encoding, rejected) {
        case (.protobuf, 0): break
        case (.json, 0): body = Array("{}".utf8)
        case (.protobuf, _):
            let partial = [0x08] + varint(UInt64(rejected)) + field(2, message)
            body = [0x0a] + varint(UInt64(partial.count)) + partial
        case (.json, _):
            var json = JSONText()
            json.append("{\"partialSuccess\":{\"rejectedSpans\":")
            json.append(quoted: UInt64(rejected))
            json.append(",\"errorMessage\":")
            json.append(string: message)
            json.append("}}")
            body = json.bytes.array
        }
        return TraceAnswer(status: 200, body: body, contentType: encoding.contentType)
    }

    static func refused(
        _ status: Int, _ encoding: TraceEncoding?, _ message: String, retryAfter: Int? = nil
    ) -> TraceAnswer {
        switch encoding {
        case .protobuf:
            return TraceAnswer(
                status: status, body: field(2, message), contentType: TraceEncoding.protobuf.contentType,
                retryAfter: retryAfter)
        case .json:
            var json = JSONText()
            json.append("{\"message\":")
            json.append(string: message)
            json.append("}")
            return TraceAnswer(
                status: status, body: json.bytes.array, contentType: TraceEncoding.json.contentType,
                retryAfter: retryAfter)
        case nil:
            return TraceAnswer(
                status: status, body: Array("\(message)\n".utf8), contentType: "text/plain; charset=utf-8",
                retryAfter: retryAfter)
        }
    }

    private static func field(_ number: UInt8, _ text: String) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(text.utf8.count)) + Array(text.utf8)
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var (rest, bytes) = (value, [UInt8]())
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
