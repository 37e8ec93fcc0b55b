// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import FoundationEssentials

/// Signs records: an Ed25519 private key.
package struct RecordSigner: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let publicKey: RecordKey

    /// A new key.
    package init() { self.init(Curve25519.Signing.PrivateKey()) }

    /// - Parameter file: what a key file holds: PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes it, or the 32
    ///   bytes of the seed. nil: it is neither.
    package init?(file: [UInt8]) {
        guard let seed = KeyText.bytes(of: file, label: "PRIVATE KEY", prefix: KeyText.privatePrefix),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        else { return nil }
        self.init(key)
    }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        publicKey = RecordKey(key.publicKey)
    }

    /// - Returns: nil only if the machine has no randomness left to blind the signature with.
    func sign(_ bytes: [UInt8]) -> RecordEnvelope.Signature? {
        guard let value = try? key.signature(for: bytes) else { return nil }
        return RecordEnvelope.Signature(keyID: publicKey.id, value: Array(value))
    }
}

/// Tells whether a record was signed by the owner of a key: an Ed25519 public key.
package struct RecordKey: Sendable {
    private let key: Curve25519.Signing.PublicKey
    /// The first 16 hexadecimal digits of the SHA-256 of the key's 32 bytes.
    package let id: String

    /// - Parameter file: what a key file holds: a public key in PEM, as `openssl pkey -pubout` writes it, or its 32 bytes.
    ///   nil: it is neither.
    package init?(file: [UInt8]) {
        guard let bytes = KeyText.bytes(of: file, label: "PUBLIC KEY", prefix: KeyText.publicPrefix),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return nil }
        self.init(key)
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) {
        self.key = key
        id = String(Hexadecimal.text(PayloadDigest(of: Array(key.rawRepresentation)).bytes).prefix(16))
    }

    /// As a key file has it.
    package var pem: String {
        let text = Base64.text(KeyText.publicPrefix + Array(key.rawRepresentation))
        return "-----BEGIN PUBLIC KEY-----\n\(text)\n-----END PUBLIC KEY-----\n"
    }

    func verifies(_ signature: [UInt8], of bytes: [UInt8]) -> Bool { key.isValidSignature(signature, for: bytes) }
}

/// The forms in which a key is kept.
private enum KeyText {
    /// What DER has before the 32 bytes of an Ed25519 key (RFC 8410).
    static let publicPrefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]
    static let privatePrefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    static func bytes(of file: [UInt8], label: String, prefix: [UInt8]) -> [UInt8]? {
        if file.count == 32 { return file }
        let lines = file.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        guard let begin = lines.firstIndex(where: { $0.elementsEqual("-----BEGIN \(label)-----".utf8) }),
            let end = lines.firstIndex(where: { $0.elementsEqual("-----END \(label)-----".utf8) }), begin < end,
            let der = Base64.bytes(Array(lines[(begin + 1)..<end].joined())),
            der.count == prefix.count + 32, der.starts(with: prefix)
        else { return nil }
        return Array(der.suffix(32))
    }
}
