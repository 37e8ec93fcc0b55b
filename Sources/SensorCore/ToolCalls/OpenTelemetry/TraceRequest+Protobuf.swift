// SPDX-License-Identifier: Apache-2.0

// The numbers are those of opentelemetry/proto/collector/trace/v1/trace_service.proto and of what it imports.
extension TraceRequest {
    /// Reads `ExportTraceServiceRequest`.
    ///
    /// Made by hand: of messages that take two bytes each on the wire, a generated reader makes a hundred times as much.
    init(protobuf bytes: [UInt8]) throws(TraceFault) {
        var reader = WireReader(bytes[...])
        while let field = try reader.next() {
            if case (1, .bytes(let resourceSpans)) = field { try take(resourceSpans: resourceSpans) }
        }
    }

    private mutating func take(resourceSpans bytes: ArraySlice<UInt8>) throws(TraceFault) {
        let first = calls.count
        var resource: [TraceAttribute: String] = [:]
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (1, .bytes(let message)):
                var reader = WireReader(message)
                while let field = try reader.next() {
                    if case (1, .bytes(let pair)) = field { try Self.take(attribute: pair, into: &resource) }
                }
            case (2, .bytes(let message)):
                var reader = WireReader(message)
                while let field = try reader.next() {
                    if case (2, .bytes(let span)) = field { try add(Self.span(span)) }
                }
            default: break
            }
        }
        setResource(resource, from: first)
    }

    private static func span(_ bytes: ArraySlice<UInt8>) throws(TraceFault) -> TraceSpan {
        var span = TraceSpan()
        var (trace, own): (ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [])
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (1, .bytes(let id)): trace = id
            case (2, .bytes(let id)): own = id
            case (4, .bytes(let id)): span.parent = SpanKey.integer(id) ?? 0
            case (5, .bytes(let name)): span.name = text(name)
            case (7, .fixed64(let time)): span.begin = time
            case (8, .fixed64(let time)): span.end = time
            case (9, .bytes(let pair)): try take(attribute: pair, into: &span.attributes)
            case (15, .bytes(let status)):
                var reader = WireReader(status)
                while let field = try reader.next() {
                    if case (3, .varint(let code)) = field { span.isError = code == 2 }
                }
            default: break
            }
        }
        span.key = SpanKey(trace: trace, span: own)
        return span
    }

    private static func take(
        attribute bytes: ArraySlice<UInt8>, into attributes: inout [TraceAttribute: String]
    ) throws(TraceFault) {
        var key: TraceAttribute?
        var value: ArraySlice<UInt8> = []
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field {
            case (1, .bytes(let name)): key = TraceAttribute(rawValue: text(name))
            case (2, .bytes(let any)): value = any
            default: break
            }
        }
        guard let key else { return }
        var values = WireReader(value)
        while let field = try values.next() {
            switch field {
            case (1, .bytes(let string)): attributes[key] = text(string)
            case (3, .varint(let number)): attributes[key] = String(Int64(bitPattern: number))
            default: break
            }
        }
    }

    /// Cut where it is too long, and repaired where it is no UTF-8.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix(TraceAttribute.valueBytes), as: UTF8.self)
    }
}
