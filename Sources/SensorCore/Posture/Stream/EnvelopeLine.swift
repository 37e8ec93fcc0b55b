// SPDX-License-Identifier: Apache-2.0

/// An envelope as it stands in a line of NDJSON.
///
/// Nothing is guessed: a line that another reader could understand differently (a member twice, an escape in a name, space
/// between members) is malformed.
struct EnvelopeLine {
    enum Fault: Error, Equatable {
        /// The line ends too early: its writer did not come to the end of it.
        case cut
        /// No envelope, from this byte of the line on.
        case malformed(at: Int)
    }

    var stream: StreamID
    var sequence: UInt64
    /// It was set aside under this one.
    var originalSequence: UInt64?
    var previous: PayloadDigest?
    var signature: RecordEnvelope.Signature?
    /// Of the payload, within the line.
    var payload: Range<Int>
    var gap: RecordGap?

    /// - Parameter line: without its newline.
    init(_ line: UnsafeRawBufferPointer) throws(Fault) {
        var scanner = JSONScanner(line)
        var members: [String: [UInt8]] = [:]
        try scanner.expect(UInt8(ascii: "{"))
        while true {
            let name = String(decoding: try scanner.plainString(), as: UTF8.self)
            try scanner.expect(UInt8(ascii: ":"))
            if name == "payload" { break }
            guard members[name] == nil else { throw .malformed(at: scanner.place) }
            if Self.names.contains(name) {
                members[name] = Array(try scanner.plainString())
            } else {
                try scanner.value()
                members[name] = []
            }
            try scanner.expect(UInt8(ascii: ","))
        }
        let start = scanner.place
        guard scanner.next == UInt8(ascii: "{") || scanner.isAtEnd else { throw .malformed(at: start) }
        gap = try Self.payload(&scanner)
        payload = start..<scanner.place
        try scanner.expect(UInt8(ascii: "}"))
        guard scanner.isAtEnd else { throw .malformed(at: scanner.place) }

        guard let stream = members["stream"].flatMap({ StreamID($0) }),
            let sequence = members["sequence"].flatMap({ Self.number($0) }), sequence > 0
        else { throw .malformed(at: 0) }
        self.stream = stream
        self.sequence = sequence
        if let text = members["originalSequence"] {
            guard let original = Self.number(text), original > 0, original < sequence else { throw .malformed(at: 0) }
            originalSequence = original
        }
        if let text = members["previous"] {
            guard let digest = PayloadDigest(text) else { throw .malformed(at: 0) }
            previous = digest
        }
        if let text = members["signature"] {
            guard let value = Base64.bytes(text), let id = members["keyId"] else { throw .malformed(at: 0) }
            signature = .init(keyID: String(decoding: id, as: UTF8.self), value: value)
        }
    }

    private static let names: Set<String> = [
        "stream", "sequence", "originalSequence", "previous", "signature", "keyId",
    ]

    /// Steps over the payload. Returns the gap that it tells of; nil if it has none, or one that is of no sequences.
    private static func payload(_ scanner: inout JSONScanner) throws(Fault) -> RecordGap? {
        var gap: RecordGap?
        var isSeen = false
        try scanner.object { (scanner, name) throws(Fault) in
            guard name.elementsEqual("gap".utf8) else { return try scanner.value() }
            guard !isSeen else { throw .malformed(at: scanner.place) }
            isSeen = true
            var members: [String: [UInt8]] = [:]
            guard scanner.next == UInt8(ascii: "{") || scanner.isAtEnd else { throw .malformed(at: scanner.place) }
            try scanner.object { (scanner, name) throws(Fault) in
                let name = String(decoding: name, as: UTF8.self)
                guard members[name] == nil else { throw .malformed(at: scanner.place) }
                guard scanner.next == UInt8(ascii: "\"") else {
                    members[name] = []
                    return try scanner.value()
                }
                members[name] = Array(try scanner.string())
            }
            guard let from = members["from"].flatMap({ number($0) }), let to = members["to"].flatMap({ number($0) }),
                from > 0, from <= to
            else { return }
            gap = RecordGap(
                from...to, reason: String(decoding: members["reason"] ?? [], as: UTF8.self),
                count: members["count"].flatMap { number($0) }, digest: members["digest"].flatMap { PayloadDigest($0) })
        }
        return gap
    }

    /// nil unless it is spelled as numbers are: decimal, without zeros before it.
    private static func number(_ text: [UInt8]) -> UInt64? {
        guard let first = text.first, first != UInt8(ascii: "0") || text.count == 1, text.count <= 20 else {
            return nil
        }
        var value: UInt64 = 0
        for character in text {
            guard case UInt8(ascii: "0")...UInt8(ascii: "9") = character else { return nil }
            let (product, isTooMuch) = value.multipliedReportingOverflow(by: 10)
            let (sum, isTooMuchAgain) = product.addingReportingOverflow(UInt64(character - UInt8(ascii: "0")))
            guard !isTooMuch, !isTooMuchAgain else { return nil }
            value = sum
        }
        return value
    }
}

extension RecordEnvelope {
    /// - Parameter line: as `line` makes it, without its newline. nil: it is none.
    init?(line: ArraySlice<UInt8>) {
        guard let found = line.withUnsafeBytes({ try? EnvelopeLine($0) }) else { return nil }
        let start = line.startIndex
        self.init(
            stream: found.stream, sequence: found.sequence, previous: found.previous,
            payload: Array(line[(start + found.payload.lowerBound)..<(start + found.payload.upperBound)]),
            signature: found.signature, originalSequence: found.originalSequence)
    }

    /// What the payload says of records in whose place it stands; nil: it says nothing of any.
    var replaced: RecordGap? {
        guard let line else { return nil }
        let gap = line.dropLast().withUnsafeBytes { (try? EnvelopeLine($0))?.gap }
        return gap?.range.upperBound == sequence ? gap : nil
    }
}
