// SPDX-License-Identifier: Apache-2.0

/// For whom a connection's credential lets it speak.
enum NodeClaim: Sendable, Equatable {
    /// No credentials are asked for: names are what senders say.
    case anybody
    /// One of these nodes.
    case names(Set<String>)

    func permits(_ node: String) -> Bool {
        switch self {
        case .anybody: true
        case .names(let names): names.contains(node)
        }
    }
}
