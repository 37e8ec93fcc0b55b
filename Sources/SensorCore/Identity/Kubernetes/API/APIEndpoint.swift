// SPDX-License-Identifier: Apache-2.0

/// Where the API server is, how it proves itself, and as whom this program speaks to it.
package struct APIEndpoint: Sendable, CustomStringConvertible {
    /// Key material, as PEM or by a file's path.
    enum Material: Sendable, Equatable {
        case file(String)
        case bytes([UInt8])
    }

    struct ClientCertificate: Sendable {
        var chain: Material
        var key: Material
    }

    /// With scheme, host and port, without a slash at the end.
    var url: String
    /// nil: those that the machine trusts.
    var authority: Material?
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

/// Why the API server cannot be spoken to, as a phrase. Never holds a secret.
package struct APIEndpointError: Error, Equatable, CustomStringConvertible {
    package var description: String
    /// Of the file that says it, where it is on one.
    package var line: Int?

    init(_ description: String, line: Int? = nil) {
        self.description = description
        self.line = line
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
