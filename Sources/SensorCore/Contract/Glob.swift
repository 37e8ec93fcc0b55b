// SPDX-License-Identifier: Apache-2.0

/// A shell pattern over bytes: `*` any run, `?` any one byte, `[a-z]` and `[!a-z]` a set, `\` takes the next literally.
///
/// `*` crosses `/`, so that `*.so*` and `/etc/*` mean what people expect of a filter. Matching takes time in proportion
/// to pattern times text, whatever the pattern: it comes from a peer as well as from a command line.
package struct Glob: Sendable, Equatable {
    private enum Token: Sendable, Equatable {
        case byte(UInt8)
        case any
        case run
        case set(ByteSet)
    }

    /// As it was written.
    package let pattern: String
    private let tokens: [Token]

    /// - Parameter ignoringCase: ASCII letters match in either case, as in host names.
    package init(_ pattern: String, ignoringCase: Bool = false) {
        self.pattern = pattern
        var tokens: [Token] = []
        let bytes = Array(pattern.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "*"):
                if tokens.last != .run { tokens.append(.run) }
            case UInt8(ascii: "?"): tokens.append(.any)
            case UInt8(ascii: "["):
                if let (set, end) = ByteSet.parse(bytes, from: index) {
                    tokens.append(.set(ignoringCase ? set.foldingCase : set))
                    index = end
                } else {
                    tokens.append(.byte(byte))
                }
            case UInt8(ascii: "\\") where index < bytes.count:
                tokens.append(Self.literal(bytes[index], ignoringCase: ignoringCase))
                index += 1
            default: tokens.append(Self.literal(byte, ignoringCase: ignoringCase))
            }
        }
        self.tokens = tokens
    }

    private static func literal(_ byte: UInt8, ignoringCase: Bool) -> Token {
        guard ignoringCase, ByteSet.otherCase(of: byte) != byte else { return .byte(byte) }
        var both = ByteSet()
        both.insert(byte)
        return .set(both.foldingCase)
    }

    /// Whether the pattern covers the whole text.
    package func matches(_ text: some RandomAccessCollection<UInt8>) -> Bool {
        let matched = text.withContiguousStorageIfAvailable { matches($0) }
        return matched ?? Array(text).withUnsafeBufferPointer { matches($0) }
    }

    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches($0) }
    }

    /// Goes back to the last run only: an earlier one need not take more than it has.
    private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var token = 0
        var position = 0
        var retry: (token: Int, position: Int)?
        while position < text.count || token < tokens.count {
            if token < tokens.count {
                switch tokens[token] {
                case .run:
                    retry = (token, position)
                    token += 1
                    continue
                case .any where position < text.count:
                    token += 1
                    position += 1
                    continue
                case .byte(let byte) where position < text.count && text[position] == byte:
                    token += 1
                    position += 1
                    continue
                case .set(let set) where position < text.count && set.contains(text[position]):
                    token += 1
                    position += 1
                    continue
                default: break
                }
            }
            guard let last = retry, last.position < text.count else { return false }
            retry = (last.token, last.position + 1)
            token = last.token + 1
            position = last.position + 1
        }
        return true
    }
}

/// A set of bytes, as brackets in a pattern describe it.
private struct ByteSet: Sendable, Equatable {
    private var words = InlineWords()

    private struct InlineWords: Sendable, Equatable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var fourth: UInt64 = 0

        subscript(index: UInt8) -> UInt64 {
            get { index < 2 ? (index == 0 ? first : second) : (index == 2 ? third : fourth) }
            set {
                switch index {
                case 0: first = newValue
                case 1: second = newValue
                case 2: third = newValue
                default: fourth = newValue
                }
            }
        }
    }

    func contains(_ byte: UInt8) -> Bool { words[byte >> 6] >> UInt64(byte & 63) & 1 != 0 }
    mutating func insert(_ byte: UInt8) { words[byte >> 6] |= 1 << UInt64(byte & 63) }

    private var inverted: ByteSet {
        var result = self
        for word: UInt8 in 0..<4 { result.words[word] = ~words[word] }
        return result
    }

    var foldingCase: ByteSet {
        var result = self
        for byte in UInt8.min...UInt8.max where contains(byte) { result.insert(Self.otherCase(of: byte)) }
        return result
    }

    static func otherCase(of byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): byte ^ 0x20
        default: byte
        }
    }

    /// Reads from behind the opening bracket; `nil` if it is never closed, and then it is a bracket like any other.
    static func parse(_ bytes: [UInt8], from start: Int) -> (set: ByteSet, end: Int)? {
        var set = ByteSet()
        var index = start
        let negated = index < bytes.count && (bytes[index] == UInt8(ascii: "!") || bytes[index] == UInt8(ascii: "^"))
        if negated { index += 1 }
        let first = index
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "]"), index > first {
                return (negated ? set.inverted : set, index + 1)
            }
            if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "-"), bytes[index + 2] != UInt8(ascii: "]") {
                if byte <= bytes[index + 2] {
                    for member in byte...bytes[index + 2] { set.insert(member) }
                }
                index += 3
            } else {
                set.insert(byte)
                index += 1
            }
        }
        return nil
    }
}
