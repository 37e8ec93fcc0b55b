// SPDX-License-Identifier: Apache-2.0

/// What is kept of a call's arguments: names, types and lengths; and, until the call is settled, what joins effects to it.
struct CallArguments: Sendable {
    /// Bytes of a name, and of a term; longer names are cut, longer terms left out.
    static let nameBytes = 128
    static let termBytes = 1024
    static let termCount = 64
    private static let argumentCount = 64

    private(set) var arguments: [ToolCallArgument] = []
    /// Strings that may be paths, hosts or commands, in the order of the arguments' names.
    private(set) var terms: [String] = []

    init(_ value: JSONValue) {
        var value = value
        // As models write them: an object, in a string.
        if case .text(let text) = value, text.utf8.first == UInt8(ascii: "{"), let inner = JSONValue(Array(text.utf8)) {
            value = inner
        }
        describe(value)
        collect(value, depth: 0)
    }

    /// In the order of their names; of those that have the same, the last.
    private static func sorted(_ members: [JSONValue.Member]) -> [JSONValue.Member] {
        if members.count == 1 { return members }
        return Dictionary(members.map { ($0.name, $0) }) { $1 }.values.sorted { $0.name < $1.name }
    }

    // MARK: Names, types and lengths

    private mutating func describe(_ value: JSONValue) {
        switch value {
        case .object(let members):
            for member in Self.sorted(members).prefix(Self.argumentCount) { describe(member.name, member.value) }
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
                members.contains { $0.name == "omitted" } ? ("omitted", nil) : ("object", members.count)
            case .number: ("number", nil)
            case .boolean: ("boolean", nil)
            case .null: ("null", nil)
            }
        let short = String(decoding: name.utf8.prefix(Self.nameBytes), as: UTF8.self)
        arguments.append(ToolCallArgument(name: short, type: type, length: length.map(UInt64.init)))
    }

    // MARK: Terms

    private mutating func collect(_ value: JSONValue, depth: Int) {
        guard depth < 8, terms.count < Self.termCount else { return }
        switch value {
        case .text(let text): collect(text)
        case .list(let items): for item in items { collect(item, depth: depth + 1) }
        case .object(let members):
            for member in Self.sorted(members) { collect(member.value, depth: depth + 1) }
        case .number, .boolean, .null: break
        }
    }

    /// One word is a term. Of several, as in a command, it is the first and those that look like a path or a host.
    private mutating func collect(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= 4 * Self.termBytes else { return }
        let words = text.split { $0.isWhitespace || "'\"`;|&<>(){}=,".contains($0) }
        // A path may have spaces in it.
        if words.count == 1 || text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("~") { add(text) }
        guard words.count > 1 else { return }
        for (index, word) in words.enumerated() where index == 0 || word.contains("/") || word.contains(".") {
            let bare = word.utf8.count > 1 && ".:!?".contains(word.last ?? " ") ? word.dropLast() : word
            if bare.utf8.count > 1 { add(String(bare)) }
        }
    }

    private mutating func add(_ term: String) {
        guard terms.count < Self.termCount, term.utf8.count <= Self.termBytes, !terms.contains(term) else { return }
        terms.append(term)
    }
}
