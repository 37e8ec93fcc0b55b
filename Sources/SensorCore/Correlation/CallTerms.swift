// SPDX-License-Identifier: Apache-2.0

/// What a call was called with, as far as effects can be found in it: paths, hosts and commands among its arguments.
struct CallTerms {
    /// How an effect stands in the arguments.
    enum Match: Comparable {
        case no
        /// By a word that is no path: the program's name. Others may have meant another of that name.
        case command
        /// It lies in a directory that is named.
        case within
        /// By its own path, host or command line.
        case itself
    }

    /// Arguments that are more than one word: command lines.
    private var lines: Set<String> = []
    private var words: Set<ByteString> = []
    private var hosts: Set<String> = []

    /// That they take, about.
    let bytes: Int

    init(_ terms: [String]) {
        bytes = terms.reduce(0) { $0 + 256 + 4 * $1.utf8.count }
        for term in terms {
            let parts = term.utf8.split(whereSeparator: Self.separators.contains)
            if parts.count > 1 { lines.insert(term) }
            for part in parts { add(Substring(part)) }
            // A name may have spaces in it.
            if parts.count > 1, term.contains("/") { words.insert(ByteString(term)) }
        }
    }

    /// Nothing was given, or nothing that could be kept: whatever is done may be this call's.
    var isEmpty: Bool { words.isEmpty && hosts.isEmpty }

    private static let separators = Set(" \t\n\u{b}\u{c}\r\"'`|&;<>()$,=".utf8)

    private mutating func add(_ part: Substring) {
        var word = part
        // Looking for it by character costs more than all else here.
        if word.utf8.contains(UInt8(ascii: ":")), let scheme = word.firstRange(of: "://") {
            let isFile = word[..<scheme.lowerBound] == "file"
            word = word[scheme.upperBound...]
            if !isFile {
                addHost(word)
                return
            }
        } else {
            addHost(word)
        }
        while word.hasPrefix("./") { word = word.dropFirst(2) }
        while word.count > 1, word.hasSuffix("/") { word = word.dropLast() }
        if !word.isEmpty { words.insert(ByteString(word)) }
    }

    /// With or without a user, a port and what follows.
    private mutating func addHost(_ address: Substring) {
        var host = address.prefix { !"/?#".contains($0) }
        if let at = host.lastIndex(of: "@") { host = host[host.index(after: at)...] }
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.firstIndex(of: ":"), colon == host.lastIndex(of: ":") {
            host = host[..<colon]
        }
        if !host.isEmpty { hosts.insert(host.lowercased()) }
    }

    func match(_ traits: CallTable.Traits) -> Match {
        if traits.hosts.contains(where: { hosts.contains($0.lowercased()) }) { return .itself }
        var best = Match.no
        for path in traits.paths { best = max(best, match(path, in: traits.directory)) }
        if best < .itself, isNamed(traits.arguments, in: traits.directory) { best = .itself }
        if best == .no, let program = traits.program, isNamed(program: program) { best = .command }
        return best
    }

    private func match(_ path: ByteString, in directory: ByteString?) -> Match {
        let bytes = path.bytes
        if words.contains(path) { return .itself }
        // Relative to where the process was started, or the end of the path: of more than a bare word, which could be any.
        var best = Match.no
        let own = directory.flatMap { bytes.starts(with: $0.bytes + Self.slash) ? $0.bytes.count + 1 : nil }
        for index in bytes.indices where bytes[index] == UInt8(ascii: "/") {
            let rest = bytes[(index + 1)...]
            let isRelative = index + 1 == own
            if isRelative || rest.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") }) {
                if words.contains(ByteString(Array(rest))) { return .itself }
            }
            if index > 0, words.contains(ByteString(Array(bytes[..<index]))) { best = .within }
            if let own, index > own, words.contains(ByteString(Array(bytes[own..<index]))) { best = .within }
        }
        return best
    }

    private static let slash = [UInt8(ascii: "/")]

    /// Whether a command line is one of the arguments, or has a path in it that is.
    private func isNamed(_ arguments: [String], in directory: ByteString?) -> Bool {
        guard arguments.count > 1 else { return false }
        if !lines.isEmpty, lines.contains(arguments.joined(separator: " ")) { return true }
        return arguments.dropFirst().contains { argument in
            lines.contains(argument) || argument.contains("/") && words.contains(ByteString(argument))
        }
    }

    private func isNamed(program: ByteString) -> Bool {
        words.contains(program)
            || words.contains(ByteString(Array(program.bytes.split(separator: UInt8(ascii: "/")).last ?? [])))
    }
}
