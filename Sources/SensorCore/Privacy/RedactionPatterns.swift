// SPDX-License-Identifier: Apache-2.0

/// What an operator wants hidden besides the secrets that sensord knows: the contents of `--redact-file`.
///
/// One pattern a line; blank lines and those that begin with `#` do not count. A plain word (`X-Corp-Pin`) is the name
/// of an option, variable, header or field whose value is hidden, in either case. Anything else is a shell pattern
/// (`*_PIN`, `/run/corp/*`): it hides the values of the names that it covers, and arguments and paths that it covers
/// as a whole.
package struct RedactionPatterns: Sendable, Equatable {
    private var names: [[UInt8]] = []
    private var globs: [Glob] = []

    package init() {}

    /// Reads the contents of a file.
    package init(parsing text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let pattern = line.drop(while: \.isWhitespace)
            guard let last = pattern.lastIndex(where: { !$0.isWhitespace }), pattern.first != "#" else { continue }
            let word = pattern[...last]
            if word.utf8.allSatisfy({ SecretScanner.isNameByte($0) }) {
                names.append(word.utf8.map(SecretName.lowercased))
            } else {
                globs.append(Glob(String(word)))
            }
        }
    }

    /// Whether the operator named it; `name` comes without dashes before it.
    func contain(name: Span<UInt8>) -> Bool {
        names.contains { Self.equal($0, name) } || cover(name)
    }

    /// Whether a shell pattern covers all of it.
    func cover(_ text: Span<UInt8>) -> Bool {
        if globs.isEmpty { return false }
        return text.withUnsafeBufferPointer { bytes in globs.contains { $0.matches(bytes) } }
    }

    private static func equal(_ lowercased: [UInt8], _ name: Span<UInt8>) -> Bool {
        guard lowercased.count == name.count else { return false }
        for index in name.indices where SecretName.lowercased(name[index]) != lowercased[index] { return false }
        return true
    }
}
