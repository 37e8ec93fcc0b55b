// SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// The SHA-256 of a payload's bytes; `sha256:` and 64 hexadecimal digits in text.
package struct PayloadDigest: Hashable, Sendable, CustomStringConvertible {
    private let words: SIMD4<UInt64>

    static let byteCount = 32

    package init(of payload: [UInt8]) { self = payload.withUnsafeBytes { PayloadDigest(of: $0) } }

    init(of payload: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(bufferPointer: payload)
        words = hash.finalize().withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    }

    init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        words = Array(bytes).withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    }

    /// nil unless it is spelled as `description` spells it.
    package init?(_ text: some Collection<UInt8>) {
        guard text.starts(with: Self.prefix.utf8),
            let bytes = Hexadecimal.bytes(text.dropFirst(Self.prefix.utf8.count)),
            let digest = PayloadDigest(bytes: bytes)
        else { return nil }
        self = digest
    }

    var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    package var description: String { Self.prefix + Hexadecimal.text(bytes) }

    private static let prefix = "sha256:"
}
