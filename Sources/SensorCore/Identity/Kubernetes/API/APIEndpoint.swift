// SPDX-License-Identifier: Apache-2.0

/// Where the API server is, how it proves itself, and as whom this program speaks to it.
package struct APIEndpoint: Sendable, CustomStringConvertible {
    /// With scheme, host and port, without a slash at the end.
    var url: String
    /// nil: those that the machine trusts.
    var authority: KeyMaterial?
    /// The name that the server's certificate is for; nil: the URL's host.
    var serverName: String?
    var isVerified = true
    var certificate: ClientCertificate?
    var token: BearerToken?

    /// Without what proves who speaks.
    package var description: String { url }

    /// The host of `url` without brackets.
    var host: String {
        let authority = url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" }
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[..<end].dropFirst())
        }
        return String(authority.prefix { $0 != ":" })
    }
}

extension APIEndpoint {
    /// The same with another host.
    func url(withHost name: String) -> String {
        let scheme = url.prefix { $0 != ":" }
        let authority = url.dropFirst(scheme.count + 3)
        let shown = authority.hasPrefix("[") ? "[\(host)]" : host
        return "\(scheme)://\(name)\(authority.dropFirst(shown.count))"
    }
}
