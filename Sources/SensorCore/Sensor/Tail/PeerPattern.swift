// SPDX-License-Identifier: Apache-2.0

/// Whom a process talks to: an address, a network in CIDR notation, a host name or a Unix socket, both with wildcards.
package enum PeerPattern: Sendable, Equatable {
    case network(IPAddress, length: Int)
    case name(Glob)
    case path(Glob)

    /// `nil` for what is meant as a network but is none, such as `10.0.0.0/33`.
    package init?(_ text: String) {
        if text.isEmpty { return nil }
        if text.hasPrefix("/") || text.hasPrefix("@") || text.hasPrefix("*/") {
            self = .path(Glob(text))
            return
        }
        if let address = IPAddress(text) {
            let plain = address.unmapped
            self = .network(plain, length: plain.family == .ipv4 ? 32 : 128)
            return
        }
        guard let slash = text.firstIndex(of: "/") else {
            // A colon is in no name: an address that could not be read.
            if text.contains(":") { return nil }
            let name = text.hasSuffix(".") ? String(text.dropLast()) : text
            self = .name(Glob(name, ignoringCase: true))
            return
        }
        guard let address = IPAddress(String(text[..<slash])),
            let length = Int(text[text.index(after: slash)...]),
            (0...(address.family == .ipv4 ? 32 : 128)).contains(length)
        else { return nil }
        self = .network(address, length: length)
    }

    /// Whether one end of an exchange is meant.
    package func matches(_ peer: Endpoint) -> Bool {
        switch self {
        case .network(let network, let length):
            peer.address.map { $0.unmapped.hasPrefix(of: network, length: length) } ?? false
        case .name(let glob): peer.names.contains { glob.matches($0) }
        case .path(let glob): peer.path.map { glob.matches($0.bytes) } ?? false
        }
    }
}
