// SPDX-License-Identifier: Apache-2.0

/// Reads the part of YAML that kubeconfig files are written in: block mappings and sequences, empty flow collections,
/// scalars plain, quoted, over several lines and as `|` or `>` blocks, comments. Anything else is an error that names
/// its line, never a guess.
struct YAMLReader {
    struct Fault: Error, Equatable, CustomStringConvertible {
        var line: Int
        var reason: String
        var description: String { "line \(line): \(reason)" }
    }

    struct Line {
        var number: Int
        var indent: Int
        /// From the first character that is no space on, to the end without spaces.
        var text: Substring
    }

    /// Deeper is no kubeconfig.
    private static let maximumDepth = 32

    private var lines: [Line]
    private var index = 0
    private var depth = 0

    /// The one document that the text holds.
    static func read(_ text: String) throws(Fault) -> YAMLValue {
        var reader = try YAMLReader(text)
        guard let first = reader.next else { return .null }
        let value = try reader.node(atLeast: first.indent)
        if let line = reader.next { throw Fault(line: line.number, reason: "unexpected indentation") }
        return value
    }

    private init(_ text: String) throws(Fault) {
        lines = []
        var hasBegun = false
        let rows = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (offset, row) in rows.enumerated() {
            let row = offset == 0 && row.first == "\u{feff}" ? row.dropFirst() : row
            let content = row.drop { $0 == " " }
            let indent = row.count - content.count
            let number = offset + 1
            if content.hasPrefix("\t") { throw Fault(line: number, reason: "a tab indents: spaces are expected") }
            if indent == 0, content == "---" || content.hasPrefix("%") {
                guard !hasBegun else {
                    throw Fault(line: number, reason: "one document is expected")
                }
                continue
            }
            if indent == 0, content == "..." { break }
            let line = Line(number: number, indent: indent, text: YAMLScalar.trimmed(content))
            hasBegun = hasBegun || !Self.isBlank(line)
            lines.append(line)
        }
    }

    private static func isBlank(_ line: Line) -> Bool { line.text.isEmpty || line.text.hasPrefix("#") }

    /// The next line that says something.
    private var next: Line? {
        mutating get {
            while index < lines.count, Self.isBlank(lines[index]) { index += 1 }
            return index < lines.count ? lines[index] : nil
        }
    }

    private mutating func node(atLeast indent: Int) throws(Fault) -> YAMLValue {
        guard let line = next, line.indent >= indent else { return .null }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw Fault(line: line.number, reason: "nested too deep") }
        if Self.isItem(line.text) { return try sequence(line.indent) }
        if try YAMLScalar.key(of: line) != nil { return try mapping(line.indent) }
        index += 1
        return try value(line.text, of: line, parent: indent - 1)
    }

    private static func isItem(_ text: Substring) -> Bool { text == "-" || text.hasPrefix("- ") }

    private mutating func mapping(_ indent: Int) throws(Fault) -> YAMLValue {
        var entries: [String: YAMLValue] = [:]
        while let line = next, line.indent >= indent {
            guard line.indent == indent else { throw Fault(line: line.number, reason: "unexpected indentation") }
            if Self.isItem(line.text) { break }
            guard let (key, rest) = try YAMLScalar.key(of: line) else {
                throw Fault(line: line.number, reason: "\"key: value\" is expected")
            }
            guard entries[key] == nil else { throw Fault(line: line.number, reason: "\"\(key)\" stands here twice") }
            index += 1
            // A sequence may stand at the same column as its key.
            if rest.isEmpty, let below = next, below.indent == indent, Self.isItem(below.text) {
                entries[key] = try sequence(indent)
            } else {
                entries[key] = try value(rest, of: line, parent: indent)
            }
        }
        return .mapping(entries)
    }

    private mutating func sequence(_ indent: Int) throws(Fault) -> YAMLValue {
        depth += 1
        defer { depth -= 1 }
        var items: [YAMLValue] = []
        while let line = next, line.indent == indent, Self.isItem(line.text) {
            guard depth <= Self.maximumDepth else { throw Fault(line: line.number, reason: "nested too deep") }
            let rest = line.text.dropFirst().drop { $0 == " " }
            let column = line.indent + line.text.count - rest.count
            if rest.isEmpty || rest.hasPrefix("#") {
                index += 1
                items.append(try node(atLeast: indent + 1))
                continue
            }
            // What stands behind the dash is a line of its own, further in.
            let inner = Line(number: line.number, indent: column, text: rest)
            let isNested = try YAMLScalar.key(of: inner) != nil
            if isNested || Self.isItem(rest) {
                lines[index] = inner
                items.append(try node(atLeast: column))
            } else {
                index += 1
                items.append(try value(rest, of: line, parent: indent))
            }
        }
        return .sequence(items)
    }

    /// What stands behind a key or a dash, and where it goes on, the lines below that are further in than `parent`.
    private mutating func value(_ rest: Substring, of line: Line, parent: Int) throws(Fault) -> YAMLValue {
        guard let first = rest.first, first != "#" else { return try node(atLeast: parent + 1) }
        switch first {
        case "|", ">": return try block(rest, of: line, parent: parent)
        case "\"", "'":
            let (text, behind) = try YAMLScalar.quoted(rest, line: line.number)
            try YAMLScalar.checkEnd(behind, line: line.number)
            return .string(text)
        case "{", "[": return try YAMLScalar.emptyCollection(rest, line: line.number)
        case "&", "*", "!", "%", "@", "`", "?":
            throw Fault(line: line.number, reason: "anchors, aliases, tags and the like are not read")
        default:
            var words = try YAMLScalar.plain(rest, line: line.number)
            while let below = next, below.indent > parent {
                guard try YAMLScalar.key(of: below) == nil else {
                    throw Fault(line: below.number, reason: "unexpected indentation")
                }
                words += " " + (try YAMLScalar.plain(below.text, line: below.number))
                index += 1
            }
            return YAMLValue(plain: words)
        }
    }

    /// A `|` or `>` block: every line that is further in, blank ones and comments as well.
    private mutating func block(_ header: Substring, of line: Line, parent: Int) throws(Fault) -> YAMLValue {
        let style = header.prefix { $0 != " " && $0 != "#" }
        guard ["|", "|-", "|+", ">", ">-", ">+"].contains(String(style)) else {
            throw Fault(line: line.number, reason: "this kind of text block is not read")
        }
        var rows: [String] = []
        var column: Int?
        while index < lines.count, lines[index].text.isEmpty || lines[index].indent > parent {
            let row = lines[index]
            index += 1
            if !row.text.isEmpty, column == nil { column = row.indent }
            let indent = row.text.isEmpty ? 0 : max(0, row.indent - (column ?? 0))
            rows.append(String(repeating: " ", count: indent) + row.text)
        }
        while rows.last?.isEmpty == true { rows.removeLast() }
        let text = rows.joined(separator: style.hasPrefix("|") ? "\n" : " ")
        return .string(style.hasSuffix("-") || rows.isEmpty ? text : text + "\n")
    }
}
