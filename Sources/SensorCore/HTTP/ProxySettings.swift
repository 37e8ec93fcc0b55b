// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// Which proxy leads to a server, as the environment says it: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, also in
/// lower case, which wins. A server on this machine is spoken to directly.
package struct ProxySettings: Sendable {
    package struct Proxy: Sendable, Equatable {
        package var host: String
        package var port: Int
        package var isSOCKS = false
        /// Where both are there, the proxy wants them.
        package var user: String?
        package var password: String?
    }

    /// The names of the variables.
    package static let variables = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"].flatMap {
        [$0, $0.uppercased()]
    }

    private let environment: [String: String]
    /// What is spoken to directly: `example.test` with all below it, `10.0.0.0/8`, `example.test:443`, `*`.
    private let direct: [Substring]

    package init(environment: [String: String] = [:]) {
        self.environment = environment
        direct = Self.value("no_proxy", environment).split { $0 == "," || $0 == " " }
    }

    /// - Returns: nil: none.
    /// - Throws: the variable holds no proxy that can be used. Its value, in which there may be a password, is not told.
    package func proxy(for url: ServerURL) throws(EndpointError) -> Proxy? {
        guard !url.isLoopback, !direct.contains(where: { Self.matches($0.lowercased(), url) }) else { return nil }
        for name in [url.isSecure ? "https_proxy" : "http_proxy", "all_proxy"] {
            let text = Self.value(name, environment)
            guard !text.isEmpty else { continue }
            guard let proxy = Proxy(text) else {
                throw EndpointError("\(name.uppercased()) is no http:// or socks5:// URL of a proxy")
            }
            return proxy
        }
        return nil
    }

    private static func value(_ name: String, _ environment: [String: String]) -> String {
        [name, name.uppercased()].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
    }

    private static func matches(_ entry: String, _ url: ServerURL) -> Bool {
        if entry == "*" { return true }
        if let block = AddressBlock(entry) { return IPAddress(url.host).map { block.contains($0) } ?? false }
        guard let (name, port) = ServerURL.authority(entry.drop { $0 == "*" }), port ?? url.port == url.port else {
            return false
        }
        let domain = name.drop { $0 == "." }
        return url.host == domain || IPAddress(url.host) == nil && url.host.hasSuffix(".\(domain)")
    }
}

extension ProxySettings.Proxy {
    /// nil: it is none. Without a scheme it is one of HTTP.
    init?(_ text: String) {
        var rest = text[...]
        if let mark = rest.firstRange(of: "://") {
            switch rest[..<mark.lowerBound].lowercased() {
            case "http": break
            case "socks5", "socks5h": isSOCKS = true
            default: return nil
            }
            rest = rest[mark.upperBound...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        if let at = rest.lastIndex(of: "@") {
            // Of SOCKS it is not supported.
            guard !isSOCKS, let url = URL(string: "http://\(rest[...at])proxy"),
                let user = url.user(percentEncoded: false), let password = url.password(percentEncoded: false)
            else { return nil }
            (self.user, self.password) = (user, password)
            rest = rest[rest.index(after: at)...]
        }
        guard let (host, port) = ServerURL.authority(rest) else { return nil }
        self.host = host
        self.port = port ?? (isSOCKS ? 1080 : 80)
    }
}
