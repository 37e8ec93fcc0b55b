// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What a record says: a message, or a head with a body that is JSON already.
package struct RecordContent: Sendable {
    private enum Form {
        case message(PostureRecord)
        /// The body is a member of the record's object, with its name.
        case parts(RecordHead, body: [UInt8])
    }

    private let form: Form

    package init(_ message: PostureRecord) { form = .message(message) }

    /// - Parameter body: an object, as JSON without a line feed.
    package init(_ head: RecordHead, _ name: StaticString, body: ArraySlice<UInt8>) {
        form = .parts(head, body: Array("\"\(name)\":".utf8) + body)
    }

    /// Bytes of it, about; of a message only its own size.
    package var size: Int {
        switch form {
        case .message: 512
        case .parts(_, let body): 512 + body.count
        }
    }

    /// The payload.
    package func json() throws -> [UInt8] {
        switch form {
        case .message(let message): return try message.jsonUTF8Bytes()
        case .parts(let head, let body):
            let object = try head.json.get().dropLast()
            var json: [UInt8] = []
            json.reserveCapacity(object.count + body.count + 2)
            json += object
            json.append(UInt8(ascii: ","))
            json += body
            json.append(UInt8(ascii: "}"))
            return json
        }
    }
}

/// A record without its body, as JSON: the same for all of a subject at a time.
package struct RecordHead: Sendable {
    fileprivate let json: Result<[UInt8], any Error>

    package init(_ head: PostureRecord) { json = Result { try head.jsonUTF8Bytes() } }
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
