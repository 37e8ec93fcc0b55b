// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import FoundationEssentials

/// Keys that values are digested with, all derived from one: another for each namespace and purpose, so that what one
/// namespace's digests are compared with says nothing of another's.
///
/// A value is digested where it arrives, before anybody else sees it, and that again with the key of its namespace once it is
/// known whose it is.
package struct DigestKeys: Sendable {
    package enum Purpose: String, Sendable {
        /// What a tool is called with.
        case argument
        /// What a model was shown.
        case context
        /// Names of sessions and calls that hold a secret, or are one.
        case session
    }

    /// Bytes of the key that others are derived from, at least.
    package static let minimumBytes = 16

    struct Key: Sendable {
        /// Of no bytes yet: to take the key in is as much work as to digest a short value.
        private let code: HMAC<SHA256>
        private let id: String

        fileprivate init(_ key: SymmetricKey) {
            code = HMAC(key: key)
            let id = HMAC<SHA256>.authenticationCode(for: Array("key id".utf8), using: key)
            self.id = String(Hexadecimal.text(id).prefix(16))
        }

        func digest(_ value: String) -> KeyedDigest {
            var code = code
            code.update(data: Array(value.utf8))
            return KeyedDigest(keyID: id, value: Hexadecimal.text(code.finalize()))
        }
    }

    private let root: SymmetricKey
    private let arrival: [Purpose: Key]

    /// - Parameter root: is secret; whoever has the same makes the same digests.
    package init(root: [UInt8]) {
        self.root = SymmetricKey(data: root)
        arrival = [
            .argument: Self.derive(self.root, "arrival", .argument, ""),
            .context: Self.derive(self.root, "arrival", .context, ""),
            .session: Self.derive(self.root, "arrival", .session, ""),
        ]
    }

    /// Of a value that has come; not to be told before it is keyed again. nil: there is nothing to digest.
    func reduce(_ value: String, _ purpose: Purpose) -> KeyedDigest? {
        value.isEmpty ? nil : arrival[purpose]?.digest(value)
    }

    /// What those are keyed with again for a namespace; empty: for none.
    func key(_ purpose: Purpose, namespace: String) -> Key { Self.derive(root, "namespace", purpose, namespace) }

    private static func derive(_ root: SymmetricKey, _ step: String, _ purpose: Purpose, _ namespace: String) -> Key {
        let info = ["sensord digest", step, purpose.rawValue, namespace].joined(separator: "\0")
        return Key(
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: root, info: Array(info.utf8), outputByteCount: SHA256.byteCount))
    }
}
