// SPDX-License-Identifier: Apache-2.0

/// Takes secrets out of command lines and paths before anything else sees them.
///
/// Works on bytes and in one pass; where there is no secret nothing is allocated beyond the result. It errs on the side
/// of hiding: what looks like a value of a password is hidden whatever it is, what merely looks random is not, so
/// that hashes, UUIDs and paths stay readable. The number of arguments never changes.
package struct Redactor: Sendable {
    /// What a secret is replaced by.
    package static let replacement = "[redacted]"

    /// What each byte of a secret is overwritten with where the layout must stay: SUB, which stands for a character that
    /// is not there. A run of them is a secret again to whoever reads it.
    static let mask: UInt8 = 0x1a

    let patterns: RedactionPatterns

    /// - Parameter patterns: what else to hide, beyond the shapes that are known.
    package init(patterns: RedactionPatterns = RedactionPatterns()) {
        self.patterns = patterns
    }

    /// The arguments of a command line as the kernel keeps it: a NUL after each, after the last one too unless it was
    /// cut. Bytes that are no UTF-8 become U+FFFD.
    package func arguments(_ block: RawSpan) -> [String] {
        block.withUnsafeBytes { arguments(of: Span(_unsafeElements: $0.bindMemory(to: UInt8.self))) }
    }

    /// The same for a copy.
    package func arguments(_ block: [UInt8]) -> [String] {
        arguments(of: block.span)
    }

    /// A text that is no command line, and may hold what one would.
    func text(_ text: String) -> String {
        if text.isEmpty || isPlain(text) { return text }
        var block: [UInt8] = []
        block.reserveCapacity(text.utf8.count + 1)
        block += text.utf8
        block.append(0)
        let shown = arguments(block)
        return shown.count == 1 ? shown[0] : shown.joined(separator: " ")
    }

    /// Whether there is certainly nothing to hide in a text, as in nearly all: then it need not be made anew.
    private func isPlain(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { source in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: source.count + 1) { block in
                guard !source.contains(0) else { return false }
                _ = block.initialize(fromContentsOf: source)
                block[source.count] = 0
                let bytes = Span(_unsafeElements: UnsafeBufferPointer(block))
                var scanner = SecretScanner(bytes, patterns: patterns)
                scanner.findAll()
                return scanner.secrets.isEmpty && !patterns.cover(bytes.extracting(0..<source.count))
            }
        }
    }

    /// A command line with its secrets overwritten byte for byte, so that a record of it keeps its layout; `arguments`
    /// makes the same of it as of the original, or hides more if the line is contrived. Nil if there is no secret in it.
    package func masked(_ block: RawSpan) -> [UInt8]? {
        block.withUnsafeBytes { bytes in
            let text = Span(_unsafeElements: bytes.bindMemory(to: UInt8.self))
            var scanner = SecretScanner(text, patterns: patterns)
            scanner.findAll()
            var copy = [UInt8](bytes)
            for secret in scanner.secrets {
                for index in secret { copy[index] = Self.mask }
            }
            maskCovered(text, in: &copy)
            return copy.elementsEqual(bytes) ? nil : copy
        }
    }

    private func arguments(of block: Span<UInt8>) -> [String] {
        var scanner = SecretScanner(block, patterns: patterns)
        scanner.findAll()
        var secrets = scanner.secrets[...]
        var arguments: [String] = []
        var start = 0
        while start < block.count {
            var end = start
            while end < block.count, block[end] != 0 { end += 1 }
            let own = secrets.prefix { $0.lowerBound < end }
            secrets = secrets.dropFirst(own.count)
            if patterns.cover(block.extracting(start..<end)) {
                arguments.append(Self.replacement)
            } else if own.isEmpty {
                arguments.append(Self.string(block.extracting(start..<end)))
            } else {
                arguments.append(String(decoding: Self.replacing(own, in: block, from: start, to: end), as: UTF8.self))
            }
            start = end + 1
        }
        return arguments
    }

    /// Whole arguments that the operator's patterns cover.
    private func maskCovered(_ text: Span<UInt8>, in copy: inout [UInt8]) {
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != 0 { end += 1 }
            if patterns.cover(text.extracting(start..<end)) {
                for index in start..<end { copy[index] = Self.mask }
            }
            start = end + 1
        }
    }

    static func replacing(
        _ secrets: ArraySlice<Range<Int>>, in text: Span<UInt8>, from start: Int, to end: Int
    ) -> [UInt8] {
        var result: [UInt8] = []
        var place = start
        for secret in secrets {
            for index in place..<secret.lowerBound { result.append(text[index]) }
            result += replacement.utf8
            place = secret.upperBound
        }
        for index in place..<end { result.append(text[index]) }
        return result
    }

    private static func string(_ text: Span<UInt8>) -> String {
        text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
