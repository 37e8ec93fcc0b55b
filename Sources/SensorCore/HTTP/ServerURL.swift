// SPDX-License-Identifier: Apache-2.0

/// Where a server is spoken to: scheme, host, port and the path that is put before all others.
package struct ServerURL: Sendable, Equatable, CustomStringConvertible {
    package let isSecure: Bool
    /// In lower case, without brackets.
    package let host: String
    package let port: Int
    /// Without a slash at the end.
    package let path: String

    /// nil: it is no `http://` or `https://` URL, or has what does not belong into one that others are made of: a user, a
    /// query, a fragment.
    package init?(_ text: String) {
        guard let scheme = text.firstRange(of: "://"),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !#""<>\^`{|}?#"#.utf8.contains($0) })
        else { return nil }
        switch text[..<scheme.lowerBound].lowercased() {
        case "https": isSecure = true
        case "http": isSecure = false
        default: return nil
        }
        let rest = text[scheme.upperBound...]
        guard let (host, port) = Self.authority(rest.prefix { $0 != "/" }) else { return nil }
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        var path = String(rest.drop { $0 != "/" })
        while path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    package var description: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        let standard = isSecure ? 443 : 80
        return "\(isSecure ? "https" : "http")://\(shown)\(port == standard ? "" : ":\(port)")\(path)"
    }

    /// Whether it is on this machine, by what is written.
    package var isLoopback: Bool { IPAddress(host)?.isLoopback ?? (host == "localhost") }

    /// A host, in lower case and without brackets, and the port if there is one; nil: that is none.
    static func authority(_ text: Substring) -> (host: String, port: Int?)? {
        var host = text
        var port: Int?
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else { return nil }
            port = Int(number)
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard let address = IPAddress(String(host)), address.family == .ipv6 else { return nil }
        } else if !host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }) {
            return nil
        }
        return host.isEmpty ? nil : (host.lowercased(), port)
    }
}
