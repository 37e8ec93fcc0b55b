// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// A payload's place in its stream. The payload is opaque: its bytes are carried, and digested, as they were stored.
package struct RecordEnvelope: Equatable, Sendable {
    package struct Signature: Equatable, Sendable {
        package var keyID: String
        /// 64 bytes.
        package var value: [UInt8]
    }

    package var stream: StreamID
    /// From 1.
    package var sequence: UInt64
    /// The digest of the payload before; nil for the first, and where that is not known any more.
    package var previous: PayloadDigest?
    package var payload: [UInt8]
    package var signature: Signature?
    /// It was set aside under this sequence of the same stream, and is sent again under its own; nil: it was not.
    package var originalSequence: UInt64?

    /// One line of NDJSON with its newline. The payload stands last, byte for byte, so that a reader can digest it where it
    /// stands.
    ///
    /// - Returns: nil if the payload is no JSON object in one line.
    package var line: [UInt8]? {
        guard payload.first == UInt8(ascii: "{"), payload.last == UInt8(ascii: "}"),
            !payload.contains(UInt8(ascii: "\n"))
        else { return nil }
        var text = #"{"stream":"\#(stream)","sequence":"\#(sequence)""#
        if let originalSequence { text += #","originalSequence":"\#(originalSequence)""# }
        if let previous { text += #","previous":"\#(previous)""# }
        if let signature {
            text += #","keyId":"\#(signature.keyID)","signature":"\#(Base64.text(signature.value))""#
        }
        text += #","payload":"#
        var line: [UInt8] = []
        line.reserveCapacity(text.utf8.count + payload.count + 2)
        line += text.utf8
        line += payload
        line += "}\n".utf8
        return line
    }

    /// What is signed, in ASCII: five lines, each with its newline, and a sixth for what is sent again. The fourth is empty where
    /// `previous` is nil.
    ///
    ///     posture.v1
    ///     <stream>
    ///     <sequence>
    ///     sha256:<of the payload before>
    ///     sha256:<of the payload>
    ///     <original sequence>
    static func signedBytes(
        stream: StreamID, sequence: UInt64, previous: PayloadDigest?, digest: PayloadDigest, original: UInt64? = nil
    ) -> [UInt8] {
        let last = original.map { "\($0)\n" } ?? ""
        return Array("posture.v1\n\(stream)\n\(sequence)\n\(previous?.description ?? "")\n\(digest)\n\(last)".utf8)
    }
}

enum Base64 {
    static func text(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    /// nil unless the text is what `text` makes of some bytes.
    static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard let data = Data(base64Encoded: Data(text)), data.base64EncodedString().utf8.elementsEqual(text) else {
            return nil
        }
        return Array(data)
    }
}
