// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// How batches are written.
package enum ReconcilerEncoding: String, Sendable, CaseIterable {
    case protobuf
    case json

    var contentType: String {
        switch self {
        case .protobuf: "application/x-protobuf"
        case .json: "application/json"
        }
    }

    /// A `PostureBatch`; nil: it cannot be written, as something of it is too large.
    ///
    /// - Parameter records: of one stream, one after the other.
    func encode(_ records: [RecordEnvelope], node: String) -> [UInt8]? {
        let stream = records.first?.stream.description ?? ""
        switch self {
        case .protobuf:
            let batch = PostureBatch.with {
                ($0.node, $0.stream) = (node, stream)
                $0.records = records.map { PostureEnvelope($0) }
            }
            return try? batch.serializedBytes()
        case .json:
            var json = JSONText()
            json.append("{\"node\":")
            json.append(string: node)
            json.append(",\"stream\":")
            json.append(string: stream)
            json.append(",\"records\":[")
            var bytes = json.bytes.array
            for record in records {
                // Payloads are JSON in one line: this program makes no others.
                guard let line = record.line else { return nil }
                if bytes.last != UInt8(ascii: "[") { bytes.append(UInt8(ascii: ",")) }
                bytes += line.dropLast()
            }
            bytes += "]}".utf8
            return bytes
        }
    }
}
