// SPDX-License-Identifier: Apache-2.0

/// One path, or all that a pattern describes.
///
/// A pattern is UTF-8 in any case. `{name}` stands for what was made up anew each time (`{pid}`, `{uuid}` …), `*` for any
/// run within one name, though never for a dot that a name begins with, and a last `/**` for a directory with all below it.
/// In what is meant literally a backslash stands before `{`, `}`, `*` and `\`; a byte that is a control character or no
/// UTF-8 is written `\xff`. So no two paths have the same literal pattern, and none reads like a placeholder.
///
/// No wildcard stands for a path of another sensitivity (see `PathSensitivity`), whatever its text says.
package struct PathPattern: Sendable, Hashable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Exactly this path.
    package init(literal path: ByteString) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(path.bytes.count)
        path.bytes.withUnsafeBufferPointer { Self.escape($0, to: &bytes) }
        self.bytes = bytes
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package var isLiteral: Bool {
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"): index += 1
            case UInt8(ascii: "{"), UInt8(ascii: "*"): return false
            default: break
            }
            index += 1
        }
        return true
    }

    /// Whether `path` is meant: by its shape, by the wildcards, and of the sensitivity for which the pattern was made.
    package func covers(_ path: ByteString, _ credentials: CredentialPaths = CredentialPaths()) -> Bool {
        if isLiteral { return self == PathPattern(literal: path) }
        if let exact = PathSensitivity.exactPattern(of: path, credentials) { return self == exact }
        return matches(PathShape.pattern(of: path))
    }

    /// By text alone: whether the wildcards of this pattern stand for what `other` says.
    package func matches(_ other: PathPattern) -> Bool {
        let mine = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let others = other.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, name) in mine.enumerated() {
            if index == mine.count - 1, name.elementsEqual("**".utf8) { return others.count >= index }
            guard index < others.count, Self.matches(name, others[index]) else { return false }
        }
        return mine.count == others.count
    }

    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var index = pattern.startIndex
        while index < pattern.endIndex, pattern[index] != UInt8(ascii: "*") {
            index += pattern[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < pattern.endIndex else { return pattern.elementsEqual(name) }
        let (head, tail) = (pattern[..<index], pattern[(index + 1)...])
        guard name.count >= head.count + tail.count, name.starts(with: head) else { return false }
        if head.isEmpty, name.first == UInt8(ascii: ".") { return false }
        return name.suffix(tail.count).elementsEqual(tail)
    }

    /// Appends `bytes` so that they stand for themselves.
    static func escape(_ bytes: ByteSlice, to text: inout [UInt8]) {
        if !bytes.contains(where: needsEscape) {
            text.append(contentsOf: bytes)
            return
        }
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let length = byte < 0x80 ? 1 : scalarLength(bytes, at: index)
            if length > 1 {
                text.append(contentsOf: bytes.slice(index..<index + length))
                index += length
                continue
            }
            if length == 0 || byte < 0x20 || byte == 0x7f {
                text.append(contentsOf: "\\x".utf8)
                text.append(hexadecimal(byte >> 4))
                text.append(hexadecimal(byte & 0xf))
            } else {
                if needsEscape(byte) { text.append(UInt8(ascii: "\\")) }
                text.append(byte)
            }
            index += 1
        }
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 0x30 + digit : 0x57 + digit }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        if byte < 0x20 || byte >= 0x7f { return true }
        return byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "*")
            || byte == UInt8(ascii: "\\")
    }

    /// Bytes of the well-formed scalar beyond ASCII at `start`, 0 if there is none.
    private static func scalarLength(_ bytes: ByteSlice, at start: Int) -> Int {
        let first = bytes[start]
        let length: Int
        switch first {
        case 0xc2...0xdf: length = 2
        case 0xe0...0xef: length = 3
        case 0xf0...0xf4: length = 4
        default: return 0
        }
        guard start + length <= bytes.count else { return 0 }
        let second = bytes[start + 1]
        let low: UInt8 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80
        let high: UInt8 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf
        guard second >= low, second <= high else { return 0 }
        for byte in bytes.slice(start + 2..<start + length) where byte & 0xc0 != 0x80 { return 0 }
        return length
    }
}

extension PathPattern: CustomStringConvertible {
    package var description: String { text }
}
