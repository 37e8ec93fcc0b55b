// SPDX-License-Identifier: Apache-2.0

/// What is kept of a call's arguments: names, types, lengths and keyed digests; and, until the call is settled, what joins effects to it.
struct CallArguments: Sendable {
    /// Bytes of a name, and of a term; longer names are cut, longer terms left out.
    static let nameBytes = 128
    static let termBytes = 1024
    static let termCount = 64
    private static let argumentCount = 64
    /// Items that a client tells of one collection, and of all together, without saying that there are more.
    private static let itemCount = 64
    private static let totalItemCount = 512

    private(set) var arguments: [ToolCallArgument] = []
    /// Strings that may be paths, hosts or commands, in the order of the arguments' names.
    private(set) var terms: [String] = []
    /// Other words that may be, as of a text: what they name need not be meant. nil: not all of what the call was called with
    /// is among these and the terms.
    var mentions: [String]? { isWhole ? otherWords : nil }
    private var otherWords: [String] = []
    private var isWhole = true
    private var items = 0
    /// The values, as they are digested: not to be kept.
    private var values: [String] = []

    init(_ value: JSONValue) {
        var value = value
        // As models write them: an object, in a string.
        if case .text(let text) = value, text.utf8.first == UInt8(ascii: "{"), let inner = JSONValue(Array(text.utf8)) {
            value = inner
        }
        describe(value)
        collect(value, of: "", depth: 0)
        if arguments.isEmpty { isWhole = false }
    }

    // MARK: Names, types and lengths

    private mutating func describe(_ value: JSONValue) {
        switch value {
        case .object(let members):
            for member in JSONValue.sorted(members).prefix(Self.argumentCount) { describe(member.name, member.value) }
        case .list(let items):
            for (index, item) in items.prefix(Self.argumentCount).enumerated() { describe(String(index), item) }
        case .null: break
        case .text, .number, .boolean: describe("", value)
        }
    }

    private mutating func describe(_ name: String, _ value: JSONValue) {
        let (type, length): (String, Int?) =
            switch value {
            case .text(let text): ("string", text.utf8.count)
            case .list(let items): ("array", items.count)
            case .object(let members):
                value.isOmitted ? ("omitted", value["length"]?.length) : ("object", members.count)
            case .number: ("number", nil)
            case .boolean: ("boolean", nil)
            case .null: ("null", nil)
            }
        let short = String(decoding: name.utf8.prefix(Self.nameBytes), as: UTF8.self)
        arguments.append(ToolCallArgument(name: short, type: type, length: length.map(UInt64.init)))
        values.append(value.digested)
    }

    /// The arguments with digests of their values; of what the client has kept to itself, of the client's own digest.
    func keyed(by digests: DigestKeys?) -> [ToolCallArgument] {
        guard let digests else { return arguments }
        return zip(arguments, values).map { argument, value in
            var argument = argument
            if argument.type != "null", argument.type != "omitted" || !value.isEmpty {
                argument.digest = digests.reduce(argument.type + "\0" + value, .argument)
            }
            return argument
        }
    }

    // MARK: Terms

    private mutating func collect(_ value: JSONValue, of name: String, depth: Int) {
        guard depth < 8 else {
            isWhole = false
            return
        }
        switch value {
        case .text(let text): collect(text, of: name)
        case .list(let items):
            count(items.count)
            for item in items { collect(item, of: name, depth: depth + 1) }
        case .object(let members):
            count(members.count)
            if value.isOmitted { isWhole = false }
            for member in JSONValue.sorted(members) {
                if depth > 0 { mention(member.name) }
                collect(member.value, of: member.name, depth: depth + 1)
            }
        case .number, .boolean, .null: break
        }
    }

    private mutating func count(_ count: Int) {
        items += count
        if count >= Self.itemCount || items >= Self.totalItemCount { isWhole = false }
    }

    /// One word is a term. Of a command, it is the first and those that look like a path or a host; its others, and those of any
    /// other text, are only mentioned.
    private mutating func collect(_ text: String, of name: String) {
        if text.isEmpty { return }
        guard text.utf8.count <= 4 * Self.termBytes else {
            isWhole = false
            return
        }
        let words = text.utf8.split(whereSeparator: Self.separators.contains)
        // A path may have spaces in it.
        if words.count == 1 || text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("~") { add(text) }
        guard words.count > 1 else { return }
        let isCommand = Self.isCommand(words[0], of: name)
        // What a shell makes of these is not known.
        if isCommand, text.utf8.contains(where: Self.expanded.contains) { isWhole = false }
        for (index, word) in words.enumerated() {
            let isNamed = Self.isNamed(word)
            guard isCommand || isNamed else { continue }
            let isMarked = word.count > 1 && Self.marks.contains(word.last ?? 0)
            let bare = isMarked ? word.dropLast() : word
            guard bare.count > 1 || isCommand else { continue }
            if isCommand, index == 0 || isNamed {
                add(String(Substring(bare)))
            } else {
                mention(String(Substring(bare)))
            }
        }
    }

    /// Whether it looks like a path or a host.
    private static func isNamed(_ word: Substring.UTF8View) -> Bool {
        word.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") }
    }

    /// Of several words: a path first is a program's or a list's, and what is called a command is one.
    private static func isCommand(_ first: Substring.UTF8View, of name: String) -> Bool {
        first.contains(UInt8(ascii: "/")) || commandNames.contains { name.lowercased().contains($0) }
    }

    private static let commandNames = ["command", "cmd", "shell", "bash", "script", "exec", "argv"]
    private static let expanded = Set("*?[$`~".utf8)
    private static let separators = Set(" \t\n\u{b}\u{c}\r'\"`;|&<>(){}=,".utf8)
    private static let marks = Set(".:!?".utf8)

    private mutating func add(_ term: String) { keep(term, in: \.terms) }

    private mutating func mention(_ word: String) {
        if !word.isEmpty { keep(word, in: \.otherWords) }
    }

    private mutating func keep(_ word: String, in words: WritableKeyPath<CallArguments, [String]>) {
        if self[keyPath: words].contains(word) { return }
        guard self[keyPath: words].count < Self.termCount, word.utf8.count <= Self.termBytes else {
            isWhole = false
            return
        }
        self[keyPath: words].append(word)
    }
}

extension JSONValue {
    /// In the order of their names; of those that have the same, the last.
    fileprivate static func sorted(_ members: [Member]) -> [Member] {
        if members.count <= 1 { return members }
        return Dictionary(members.map { ($0.name, $0) }) { $1 }.values.sorted { $0.name < $1.name }
    }

    /// A client kept the value to itself.
    fileprivate var isOmitted: Bool { self["omitted"] != nil }

    fileprivate subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// As a client says it of what it has omitted.
    fileprivate var length: Int? { integer.flatMap { Int(exactly: $0) } }

    /// What a digest is made of: a text as it is, all else as JSON with its members in the order of their names.
    fileprivate var digested: String {
        switch self {
        case .text(let text): return text
        case .object where isOmitted:
            if case .text(let digest)? = self["digest"] { return digest }
            return ""
        case .null, .boolean, .number, .list, .object:
            var json = JSONText()
            write(&json)
            return String(decoding: json.bytes.array, as: UTF8.self)
        }
    }

    private func write(_ json: inout JSONText) {
        switch self {
        case .text(let text): json.append(string: text)
        case .number: json.append(fragment: Array(number.utf8))
        case .boolean(let flag): flag ? json.append("true") : json.append("false")
        case .null: json.append("null")
        case .list(let items):
            json.append("[")
            for (index, item) in items.enumerated() {
                if index > 0 { json.append(",") }
                item.write(&json)
            }
            json.append("]")
        case .object(let members):
            json.append("{")
            for (index, member) in Self.sorted(members).enumerated() {
                if index > 0 { json.append(",") }
                json.append(string: member.name)
                json.append(":")
                member.value.write(&json)
            }
            json.append("}")
        }
    }

    /// However it is written, the same number is the same text.
    private var number: String {
        guard case .number(let text) = self else { return "" }
        if let whole = Int64(text) { return whole.description }
        return integer?.description ?? double?.description ?? text
    }
}
