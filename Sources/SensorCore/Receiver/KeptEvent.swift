// SPDX-License-Identifier: Apache-2.0

/// A record of a call, an anomaly or a node in the state's log: whose it is, and its line as it came, which can be checked
/// again.
struct KeptEvent: Equatable {
    var node: String
    /// The name of the payload's body.
    var body: String
    var line: [UInt8]

    init(node: String, body: String, line: [UInt8]) { (self.node, self.body, self.line) = (node, body, line) }

    /// Node and body, each with a NUL behind it, and the line.
    var bytes: [UInt8] { Array(node.utf8) + [0] + Array(body.utf8) + [0] + line }

    /// nil: it is none.
    init?(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        self.init(
            node: String(decoding: parts[0], as: UTF8.self), body: String(decoding: parts[1], as: UTF8.self),
            line: Array(parts[2]))
    }
}
