// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL

/// Who may send, and who may read.
package struct ReceiverCredentials: Sendable {
    /// Of nodes; nil: they need none.
    package var tokens: TokenFile?
    /// A client's certificate that was verified names its node.
    package var acceptsCertificates = false
    /// Of readers; nil: those on this machine read, without one.
    package var readers: TokenFile?
    /// Anybody sends and reads where no credential is asked for, from wherever.
    package var isInsecure = false

    package init() {}

    /// For whom a sender speaks; nil: for nobody.
    func claim(_ request: Request, _ channel: any Channel, log: Logger) async -> NodeClaim? {
        guard tokens != nil || acceptsCertificates else { return .anybody }
        if acceptsCertificates, let certificate = try? await channel.nioSSL_peerCertificate().get() {
            let names = Set(Self.names(certificate))
            if !names.isEmpty { return .names(names) }
        }
        guard let tokens, let token = Self.token(request), let name = tokens.name(of: token.utf8, log: log) else {
            return nil
        }
        return .names([name])
    }

    func mayRead(_ request: Request, _ channel: any Channel, log: Logger) -> Bool {
        guard let readers else {
            return isInsecure || Self.isLoopback(channel.remoteAddress) && !Self.isForwarded(request)
        }
        return Self.token(request).flatMap { readers.name(of: $0.utf8, log: log) } != nil
    }

    /// A proxy on this machine says that it asks for somebody else, who may be anywhere.
    private static func isForwarded(_ request: Request) -> Bool {
        ["forwarded", "via", "x-forwarded-for", "x-real-ip"].contains { name in
            HTTPField.Name(name).map { request.headers[$0] != nil } ?? false
        }
    }

    private static func token(_ request: Request) -> Substring? {
        guard let value = request.headers[.authorization], value.lowercased().hasPrefix("bearer ") else { return nil }
        let token = value.dropFirst("bearer ".count).drop { $0 == " " }
        return token.isEmpty ? nil : token
    }

    /// DNS names among the subject's alternative names.
    private static func names(_ certificate: NIOSSLCertificate) -> [String] {
        certificate._subjectAlternativeNames().filter { $0.nameType == .dnsName }
            .map { String(decoding: $0.contents, as: UTF8.self) }.filter(NodeTokens.isNodeName)
    }

    private static func isLoopback(_ address: SocketAddress?) -> Bool {
        // Of a zone the number is no part of the address.
        guard let text = address?.ipAddress.map({ String($0.prefix { $0 != "%" }) }) else { return false }
        return ListenAddress(host: text, port: 0).isLoopback
    }
}

extension ListenAddress {
    /// Nobody beyond this machine reaches it.
    package var isLoopback: Bool { IPAddress(host)?.isLoopback ?? false }
}
