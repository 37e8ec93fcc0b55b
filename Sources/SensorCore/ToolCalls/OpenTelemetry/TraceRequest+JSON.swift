// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

extension TraceRequest {
    /// Values in a request, of which each is behind a comma or a bracket: many more than spans have.
    static let valueLimit = 524_288

    /// Reads `ExportTraceServiceRequest` as OTLP has it in JSON: ids in hexadecimal, 64-bit numbers as strings, enums as
    /// numbers.
    init(json bytes: [UInt8]) throws(TraceFault) {
        // Values take more memory than what they are written with: how many there can be is bounded before any is read.
        let values = bytes.count { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
        guard values <= Self.valueLimit else { throw TraceFault("more than \(Self.valueLimit) values in JSON") }
        let decoder = JSONDecoder()
        let request: JSONRequest
        do { request = try decoder.decode(JSONRequest.self, from: Data(bytes)) } catch {
            if let fault = error as? TraceFault { throw fault }
            throw TraceFault("no ExportTraceServiceRequest in JSON")
        }
        for resourceSpans in request.resourceSpans ?? [] {
            let first = calls.count
            for scopeSpans in resourceSpans.scopeSpans ?? [] {
                for span in scopeSpans.spans ?? [] { try add(span.span) }
            }
            setResource(JSONAttribute.read(resourceSpans.resource?.attributes), from: first)
        }
    }
}

private struct JSONRequest: Decodable {
    var resourceSpans: [JSONResourceSpans]?
}

private struct JSONResourceSpans: Decodable {
    var resource: JSONResource?
    var scopeSpans: [JSONScopeSpans]?
}

private struct JSONResource: Decodable {
    var attributes: [JSONAttribute]?
}

private struct JSONScopeSpans: Decodable {
    var spans: [JSONSpan]?
}

/// Becomes what is read of it at once.
private struct JSONSpan: Decodable {
    var span = TraceSpan()

    private enum CodingKeys: String, CodingKey {
        case traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano, attributes, status
    }

    private struct Status: Decodable {
        var code: Code?

        /// A number by the specification, a name with some exporters.
        enum Code: Decodable {
            case error
            case other

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int.self) {
                    self = number == 2 ? .error : .other
                } else {
                    self = try container.decode(String.self) == "STATUS_CODE_ERROR" ? .error : .other
                }
            }
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let trace = try container.decodeIfPresent(String.self, forKey: .traceId) ?? ""
        let own = try container.decodeIfPresent(String.self, forKey: .spanId) ?? ""
        span.key = SpanKey(trace: Self.bytes(trace), span: Self.bytes(own))
        let parent = try container.decodeIfPresent(String.self, forKey: .parentSpanId) ?? ""
        span.parent = SpanKey.integer(Self.bytes(parent)) ?? 0
        span.name = JSONAttribute.cut(try container.decodeIfPresent(String.self, forKey: .name) ?? "")
        span.begin = try container.decodeIfPresent(JSONNumber.self, forKey: .startTimeUnixNano)?.value ?? 0
        span.end = try container.decodeIfPresent(JSONNumber.self, forKey: .endTimeUnixNano)?.value ?? 0
        span.isError = try container.decodeIfPresent(Status.self, forKey: .status)?.code == .error
        span.attributes = JSONAttribute.read(
            try container.decodeIfPresent([JSONAttribute].self, forKey: .attributes))
    }

    /// What hexadecimal digits stand for; nothing where they are none.
    private static func bytes(_ digits: String) -> ArraySlice<UInt8> {
        guard digits.utf8.count <= 32, digits.utf8.count.isMultiple(of: 2) else { return [] }
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            guard digit.isASCII, let value = digit.hexDigitValue else { return [] }
            if let first = high {
                bytes.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        return bytes[...]
    }
}

/// A 64-bit number: a string by the specification, and a number with some exporters.
private struct JSONNumber: Decodable {
    var value: UInt64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt64.self) {
            value = number
        } else if let number = UInt64(try container.decode(String.self)) {
            value = number
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no 64-bit number")
        }
    }
}

private struct JSONAttribute: Decodable {
    /// nil: nobody reads it.
    var key: TraceAttribute?
    var text: String?

    private enum CodingKeys: String, CodingKey { case key, value }

    private struct Value: Decodable {
        var stringValue: String?
        var intValue: Integer?

        /// As a string or as a number.
        struct Integer: Decodable {
            var text: String

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int64.self) {
                    text = String(number)
                } else {
                    text = try container.decode(String.self)
                }
            }
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        key = try container.decodeIfPresent(String.self, forKey: .key).flatMap(TraceAttribute.init)
        guard key != nil, let value = try container.decodeIfPresent(Value.self, forKey: .value) else { return }
        text = (value.stringValue ?? value.intValue?.text).map(Self.cut)
    }

    static func read(_ list: [JSONAttribute]?) -> [TraceAttribute: String] {
        var read: [TraceAttribute: String] = [:]
        for attribute in list ?? [] {
            if let key = attribute.key, let text = attribute.text { read[key] = text }
        }
        return read
    }

    static func cut(_ text: String) -> String {
        text.utf8.count <= TraceAttribute.valueBytes
            ? text : String(decoding: text.utf8.prefix(TraceAttribute.valueBytes), as: UTF8.self)
    }
}
