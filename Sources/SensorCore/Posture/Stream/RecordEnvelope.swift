// SPDX-License-Identifier: Apache-2.0

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

    /// One line of NDJSON with its newline. The payload stands last, byte for byte, so that a reader can digest it where it
    /// stands.
    ///
    /// - Returns: nil if the payload is no JSON object in one line.
    package var line: [UInt8]? {
        guard payload.first == UInt8(ascii: "{"), payload.last == UInt8(ascii: "}"),
            !payload.contains(UInt8(ascii: "\n"))
        else { return nil }
        var text = #"{"stream":"\#(stream)","sequence":"\#(sequence)""#
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

    /// What is signed, in ASCII: five lines, each with its newline. The third is empty where `previous` is nil.
    ///
    ///     posture.v1
    ///     <stream>
    ///     <sequence>
    ///     sha256:<of the payload before>
    ///     sha256:<of the payload>
    static func signedBytes(
        stream: StreamID, sequence: UInt64, previous: PayloadDigest?, digest: PayloadDigest
    ) -> [UInt8] {
        Array("posture.v1\n\(stream)\n\(sequence)\n\(previous?.description ?? "")\n\(digest)\n".utf8)
    }
}

enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// nil unless the text is what `text` makes of some bytes.
    static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        var (bits, count) = (0, 0)
        for character in text {
            if character == UInt8(ascii: "=") { continue }
            guard let digit = digits.firstIndex(of: character) else { return nil }
            bits = (bits << 6 | digit) & 0xffff
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> count & 0xff))
            }
        }
        return self.text(bytes).utf8.elementsEqual(text) ? bytes : nil
    }
}
