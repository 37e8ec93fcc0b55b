// SPDX-License-Identifier: Apache-2.0

/// Which tokens are whose: a file of lines `NAME TOKEN`. A name may have several, as while they are changed. Empty lines and
/// those that begin with # say nothing.
///
/// Tokens themselves are not kept, only their digests.
struct NodeTokens: Sendable, Equatable {
    private var entries: [(digest: PayloadDigest, name: String)] = []

    static let nameLimit = 253
    private static let lengths = 16...4096

    init() {}

    /// - Throws: why not, with the line and without what is in it.
    init(_ file: [UInt8]) throws(ReceiverRefusal) {
        var owners: [PayloadDigest: String] = [:]
        let lines = file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty && line.first != UInt8(ascii: "#") {
            let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
            if words.isEmpty { continue }
            let name = words.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
            guard words.count == 2, Self.isNodeName(name), Self.lengths.contains(words[1].count) else {
                throw ReceiverRefusal(
                    .credential, "line \(index + 1): NAME TOKEN is expected, of 16 characters or more")
            }
            let digest = PayloadDigest(of: Array(words[1]))
            guard owners[digest, default: name] == name else {
                throw ReceiverRefusal(.credential, "line \(index + 1): the token is another name's, too")
            }
            owners[digest] = name
        }
        entries = owners.map { ($0.key, $0.value) }
    }

    /// Whose a token is; nil: nobody's. Takes as long whether it is one or not.
    func name(of token: some Sequence<UInt8>) -> String? {
        let digest = PayloadDigest(of: Array(token)).bytes
        var found: String?
        for entry in entries {
            let difference = zip(entry.digest.bytes, digest).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            if difference == 0 { found = entry.name }
        }
        return found
    }

    /// What may stand before a `/`.
    static func isNodeName(_ name: String) -> Bool {
        (1...nameLimit).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x21..<0x7f).contains($0) && $0 != UInt8(ascii: "/") }
    }

    static func == (one: Self, other: Self) -> Bool {
        one.entries.count == other.entries.count
            && one.entries.allSatisfy { entry in other.entries.contains { $0 == entry } }
    }
}
