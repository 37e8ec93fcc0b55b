// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What a record says: a message, the body of which may be JSON already.
package struct RecordContent: Sendable {
    private let message: PostureRecord
    /// A member of the record's object, with its name.
    private let body: [UInt8]?

    package init(_ message: PostureRecord) {
        self.message = message
        body = nil
    }

    /// - Parameters:
    ///   - head: without a body.
    ///   - body: an object, as JSON without a line feed.
    package init(_ head: PostureRecord, _ name: StaticString, body: ArraySlice<UInt8>) {
        message = head
        self.body = Array("\"\(name)\":".utf8) + body
    }

    /// Bytes of it, about; of a message only its own size.
    package var size: Int { 512 + (body?.count ?? 0) }

    /// The payload.
    package func json() throws -> [UInt8] {
        var json: [UInt8] = try message.jsonUTF8Bytes()
        guard let body else { return json }
        json.removeLast()
        json.append(UInt8(ascii: ","))
        json += body
        json.append(UInt8(ascii: "}"))
        return json
    }
}

extension ToolCallRecord {
    /// Reads a line of `--records`, in a stream or by itself; nil: it is no call's.
    package init?(line: ArraySlice<UInt8>) {
        if let record = Self(json: line) {
            self = record
            return
        }
        let line = line.last == UInt8(ascii: "\n") ? line.dropLast() : line
        let payload = line.withUnsafeBytes { bytes in
            (try? EnvelopeLine(bytes)).map { Array(bytes[$0.payload]) }
        }
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        guard let payload, let message = try? PostureRecord(jsonUTF8Bytes: payload, options: options),
            case .toolCall(let call)? = message.body
        else { return nil }
        self.init(call)
    }
}
