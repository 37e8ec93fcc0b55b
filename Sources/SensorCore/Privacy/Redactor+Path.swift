// SPDX-License-Identifier: Apache-2.0

extension Redactor {
    /// What is in the place of each byte but slashes of a path that a pattern of the operator's covers, where the layout
    /// must stay: EM.
    static let coverMask: UInt8 = 0x19

    /// A path without what looks like a token in it; what a pattern of the operator's covers is hidden as a whole.
    package func path(_ path: ByteString) -> ByteString {
        if patterns.cover(path.bytes.span) || path.bytes.contains(Self.coverMask) {
            return ByteString("/" + Self.replacement)
        }
        var scanner = SecretScanner(path.bytes.span, patterns: patterns)
        scanner.findTokens()
        let secrets = scanner.secrets
        if secrets.isEmpty { return path }
        return ByteString(Self.replacing(secrets[...], in: path.bytes.span, from: 0, to: path.bytes.count))
    }

    /// Bytes that a path is made of, in whatever order its names stand, with secrets overwritten byte for byte: `path`
    /// makes the same of what is made of them as of the original. Nil if there is none.
    ///
    /// - Parameter shown: the path.
    func masked(_ bytes: [UInt8], of shown: ByteString) -> [UInt8]? {
        if patterns.cover(shown.bytes.span) {
            return bytes.map { $0 == UInt8(ascii: "/") || $0 == 0 ? $0 : Self.coverMask }
        }
        // No slash is part of a token.
        var scanner = SecretScanner(bytes.span, patterns: patterns)
        scanner.findTokens()
        if scanner.secrets.isEmpty { return nil }
        var copy = bytes
        for secret in scanner.secrets {
            for index in secret { copy[index] = Self.mask }
        }
        return copy
    }

    /// The same of a path itself.
    func masked(path: [UInt8]) -> [UInt8] { masked(path, of: ByteString(path)) ?? path }
}
