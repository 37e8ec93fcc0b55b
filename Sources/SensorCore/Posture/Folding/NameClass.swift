// SPDX-License-Identifier: Apache-2.0

/// What names that look alike have in common: whether they begin with a dot, the word they begin with, and the extension.
struct NameClass: Hashable {
    var isHidden: Bool
    /// Numbers of a name table; that of the empty name where there is none.
    var prefix: Int32
    var suffix: Int32

    /// A few more letters than any extension in use.
    private static let longestSuffix = 12
    private static let shortestPrefix = 3

    /// - Parameter name: a pattern's, so placeholders and escapes count as what they are.
    init(_ name: ByteSlice, _ table: inout NameTable) {
        isHidden = name.first == UInt8(ascii: ".")
        let suffix = Self.suffixStart(of: name)
        let prefix = Self.prefixEnd(of: name, before: suffix)
        self.prefix = table.number(of: name.slice(0..<prefix))
        self.suffix = table.number(of: name.from(suffix))
    }

    private static func suffixStart(of name: ByteSlice) -> Int {
        var index = name.count - 1
        while index > 0, name.count - index <= longestSuffix, name[index].isAlphanumeric { index -= 1 }
        guard index > 0, index < name.count - 1, name[index] == UInt8(ascii: "."), name[index + 1].isLetter else {
            return name.count
        }
        return index
    }

    /// Behind the first word and its separator, or before the first digit.
    private static func prefixEnd(of name: ByteSlice, before end: Int) -> Int {
        var index = 0
        while index < end, name[index] == UInt8(ascii: ".") { index += 1 }
        let start = index
        while index < end, name[index].isLetter { index += 1 }
        guard index < end, index - start >= shortestPrefix else { return 0 }
        switch name[index] {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): return index + 1
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "{"): return index
        default: return 0
        }
    }
}
