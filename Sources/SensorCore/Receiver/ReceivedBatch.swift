// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What a sender says it sends: the body of `POST /v1/posture`, not checked any further.
struct ReceivedBatch: Equatable {
    enum Encoding: Sendable {
        case protobuf
        case json

        /// nil: neither.
        init?(contentType: String?) {
            let type = contentType?.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
            switch type {
            case "application/x-protobuf": self = .protobuf
            case "application/json": self = .json
            default: return nil
            }
        }
    }

    var node: String
    var stream: StreamID
    /// Each as a line of NDJSON, without its newline: so both encodings are read, and digested, by the same code.
    var records: [[UInt8]]

    init(node: String, stream: StreamID, records: [[UInt8]]) {
        (self.node, self.stream, self.records) = (node, stream, records)
    }

    init(_ body: [UInt8], _ encoding: Encoding, limits: ReceiverLimits) throws(ReceiverRefusal) {
        switch encoding {
        case .protobuf: try self.init(protobuf: body)
        case .json: try self.init(json: body)
        }
        guard records.count <= limits.records else {
            throw ReceiverRefusal(.tooLarge, "more than \(limits.records) records")
        }
        guard NodeTokens.isNodeName(node) else {
            throw ReceiverRefusal(.malformed, "node: 1 to 253 printable characters without / are expected")
        }
    }

    /// What gzip has packed.
    static func unpacked(_ body: [UInt8], limit: Int) throws(ReceiverRefusal) -> [UInt8] {
        do throws(Gzip.Fault) {
            return try Gzip.unpack(body, limit: limit)
        } catch {
            switch error {
            case .tooLarge: throw ReceiverRefusal(.tooLarge, "more than \(limit) bytes when unpacked")
            case .malformed: throw ReceiverRefusal(.malformed, "the body is not packed by gzip, or not whole")
            }
        }
    }

    private init(protobuf body: [UInt8]) throws(ReceiverRefusal) {
        guard let message = try? PostureBatch(serializedBytes: body) else {
            throw ReceiverRefusal(.malformed, "the body is no Batch of posture.proto")
        }
        let stream = try Self.stream(message.stream.utf8)
        var records: [[UInt8]] = []
        records.reserveCapacity(message.records.count)
        for (index, record) in message.records.enumerated() {
            guard let envelope = RecordEnvelope(record) else {
                throw ReceiverRefusal(
                    .malformed, "record \(index): stream, sequence or previous is not one")
            }
            guard let line = envelope.line else {
                throw ReceiverRefusal(.malformed, "record \(index): the payload is no JSON object in one line")
            }
            records.append(Array(line.dropLast()))
        }
        self.init(node: message.node, stream: stream, records: records)
    }

    private init(json body: [UInt8]) throws(ReceiverRefusal) {
        let parts: Parts
        do throws(EnvelopeLine.Fault) {
            parts = try body.withUnsafeBytes { bytes in
                Result { () throws(EnvelopeLine.Fault) in try Parts(bytes) }
            }.get()
        } catch {
            switch error {
            case .cut: throw ReceiverRefusal(.malformed, "the body's JSON ends too early")
            case .malformed(let place): throw ReceiverRefusal(.malformed, "the body is no batch, from byte \(place) on")
            }
        }
        guard let records = parts.records else { throw ReceiverRefusal(.malformed, "there are no records") }
        self.init(
            node: parts.texts["node"] ?? "", stream: try Self.stream((parts.texts["stream"] ?? "").utf8),
            records: records.map { Array(body[$0]) })
    }

    private static func stream(_ text: some Collection<UInt8>) throws(ReceiverRefusal) -> StreamID {
        guard let stream = StreamID(text) else {
            throw ReceiverRefusal(.malformed, "stream: 32 lowercase hexadecimal digits are expected")
        }
        return stream
    }
}

/// Where the parts of a batch stand in its JSON.
private struct Parts {
    var texts: [String: String] = [:]
    var records: [Range<Int>]?

    init(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeLine.Fault) {
        var scanner = JSONScanner(bytes)
        var (texts, records) = ([String: String](), [Range<Int>]?.none)
        try scanner.object { (scanner, name) throws(EnvelopeLine.Fault) in
            let name = String(decoding: name, as: UTF8.self)
            switch name {
            case "records":
                // Twice: another reader could take the other one.
                guard records == nil else { throw .malformed(at: scanner.place) }
                records = try Self.elements(&scanner)
            case "node", "stream":
                guard texts[name] == nil else { throw .malformed(at: scanner.place) }
                texts[name] = String(decoding: try scanner.plainString(), as: UTF8.self)
            default: try scanner.value()
            }
        }
        guard bytes[scanner.place...].allSatisfy({ $0 == 0x20 || (0x09...0x0d).contains($0) }) else {
            throw .malformed(at: scanner.place)
        }
        (self.texts, self.records) = (texts, records)
    }

    private static func elements(_ scanner: inout JSONScanner) throws(EnvelopeLine.Fault) -> [Range<Int>] {
        var places: [Range<Int>] = []
        try scanner.array { (scanner) throws(EnvelopeLine.Fault) in
            let start = scanner.place
            try scanner.value()
            places.append(start..<scanner.place)
        }
        return places
    }
}
