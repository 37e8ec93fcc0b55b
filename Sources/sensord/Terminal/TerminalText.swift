// SPDX-License-Identifier: Apache-2.0

/// Text that a terminal shows as it stands: one line, no control bytes, and a known number of columns.
///
/// Names come from whoever is watched. What could move the cursor, change colours, turn the reading direction or send
/// the terminal a command is written out as an escape, and what is not UTF-8 as its bytes. A backslash is doubled, so that
/// no name can look like the escape of another.
struct TerminalText: Equatable {
    /// One thing that takes columns: a character with all that combines with it, or an escape.
    private struct Cell: Equatable {
        var end: Int
        var columns: Int
    }

    private(set) var bytes: [UInt8]
    /// How wide it is on the screen.
    private(set) var columns: Int
    /// `nil`: every byte is one column.
    private var cells: [Cell]?

    private init(bytes: [UInt8], columns: Int, cells: [Cell]?) {
        self.bytes = bytes
        self.columns = columns
        self.cells = cells
    }

    /// Takes foreign bytes.
    init(_ raw: [UInt8]) {
        if raw.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) {
            self.init(bytes: raw, columns: raw.count, cells: nil)
        } else {
            self.init(escaping: raw)
        }
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    private init(escaping raw: [UInt8]) {
        self.init(bytes: [], columns: 0, cells: [])
        var cells: [Cell] = []
        var rest = raw[...]
        while let first = rest.first {
            guard let (scalar, length) = Self.scalar(rest) else {
                rest.removeFirst()
                bytes += Array("\\x\(Self.hexadecimal(UInt32(first), 2))".utf8)
                cells.append(Cell(end: bytes.count, columns: 4))
                continue
            }
            let own = rest.prefix(length)
            rest.removeFirst(length)
            if let escape = Self.escape(scalar) {
                bytes += Array(escape.utf8)
                cells.append(Cell(end: bytes.count, columns: escape.utf8.count))
                continue
            }
            let columns = Self.columns(of: scalar)
            bytes += own
            if columns == 0, let last = cells.indices.last {
                cells[last].end = bytes.count
            } else {
                cells.append(Cell(end: bytes.count, columns: columns))
            }
        }
        columns = cells.reduce(0) { $0 + $1.columns }
        self.cells = cells
    }

    /// At most `width` columns: what is too much gives way to an ellipsis in the middle, since the ends of a path say most.
    func fitted(to width: Int) -> TerminalText {
        if columns <= width { return self }
        if width <= 0 { return TerminalText(bytes: [], columns: 0, cells: nil) }
        if width == 1 { return TerminalText("…") }
        // The end, where the name is, gets the larger part.
        let head = (width - 1) / 3
        let start = prefix(head)
        let end = suffix(width - 1 - head)
        return TerminalText(
            bytes: start.bytes + Array("…".utf8) + end.bytes, columns: start.columns + 1 + end.columns, cells: [])
    }

    /// At most `width` columns: cut at the end, for what says most at its beginning.
    func cut(to width: Int) -> TerminalText {
        if columns <= width { return self }
        if width <= 0 { return TerminalText(bytes: [], columns: 0, cells: nil) }
        let start = prefix(width - 1)
        return TerminalText(bytes: start.bytes + Array("…".utf8), columns: start.columns + 1, cells: [])
    }

    private func prefix(_ width: Int) -> (bytes: ArraySlice<UInt8>, columns: Int) {
        guard let cells else { return (bytes.prefix(width), min(width, bytes.count)) }
        var columns = 0
        var end = 0
        for cell in cells {
            if columns + cell.columns > width { break }
            columns += cell.columns
            end = cell.end
        }
        return (bytes.prefix(end), columns)
    }

    private func suffix(_ width: Int) -> (bytes: ArraySlice<UInt8>, columns: Int) {
        guard let cells else { return (bytes.suffix(width), min(width, bytes.count)) }
        var columns = 0
        var start = bytes.count
        for index in cells.indices.reversed() {
            if columns + cells[index].columns > width { break }
            columns += cells[index].columns
            start = index > 0 ? cells[index - 1].end : 0
        }
        return (bytes[start...], columns)
    }
}

// Characters.
extension TerminalText {
    /// The first character and its length; `nil` if the bytes are no UTF-8 there.
    private static func scalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
        guard let first = bytes.first else { return nil }
        let length: Int
        switch first {
        case 0..<0x80: return (Unicode.Scalar(first), 1)
        case 0xc2..<0xe0: length = 2
        case 0xe0..<0xf0: length = 3
        case 0xf0..<0xf5: length = 4
        default: return nil
        }
        guard bytes.count >= length, let text = String(validating: bytes.prefix(length), as: UTF8.self),
            let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1
        else { return nil }
        return (scalar, length)
    }

    /// How a character that is no picture is written, `nil` for all others.
    private static func escape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x09: return "\\t"
        case 0x0a: return "\\n"
        case 0x0d: return "\\r"
        case 0x5c: return "\\\\"
        case 0..<0x20, 0x7f: return "\\x" + hexadecimal(scalar.value, 2)
        case 0..<0x7f: return nil
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
            return "\\u{" + hexadecimal(scalar.value, 1) + "}"
        default: return nil
        }
    }

    private static func hexadecimal(_ value: UInt32, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// Independent of the locale, which in a container is often none.
    private static func columns(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x7f { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        return scalar.isWide ? 2 : 1
    }
}

extension Unicode.Scalar {
    /// East Asian wide and full-width characters and emoji, by the blocks that Unicode reserves for them.
    fileprivate var isWide: Bool {
        switch value {
        case 0x1100...0x115f, 0x231a...0x231b, 0x2329...0x232a, 0x23e9...0x23ec, 0x2e80...0x303e, 0x3041...0x33ff,
            0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff,
            0xfe10...0xfe19, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x16fe0...0x18dff, 0x1aff0...0x1b2ff,
            0x1f004, 0x1f0cf, 0x1f18e, 0x1f191...0x1f19a, 0x1f200...0x1f320, 0x20000...0x3fffd:
            true
        case 0x1f321...0x1faff: properties.isEmojiPresentation
        case 0x2600...0x27bf, 0x2b00...0x2bff: properties.isEmojiPresentation
        default: false
        }
    }
}
