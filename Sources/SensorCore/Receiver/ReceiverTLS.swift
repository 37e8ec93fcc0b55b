// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOSSL

/// The TLS side of a receiver, read once: who changes the files starts it again.
package struct ReceiverTLS: Sendable {
    let configuration: TLSConfiguration
    /// A client's certificate is verified, if it shows one.
    package let verifiesClients: Bool

    /// - Parameters:
    ///   - certificate: PEM, with those that vouch for it behind it.
    ///   - key: PEM.
    ///   - clientAuthority: PEM: who vouches for clients; nil: they are not asked for certificates.
    package init(certificate: String, key: String, clientAuthority: String?) throws(ReceiverTLSError) {
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificate), !chain.isEmpty else {
            throw ReceiverTLSError(description: "\(certificate): a PEM certificate is expected")
        }
        guard let own = try? NIOSSLPrivateKey(file: key, format: .pem) else {
            throw ReceiverTLSError(description: "\(key): a PEM private key is expected")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(own))
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = .milliseconds(500)
        if let clientAuthority {
            guard let roots = try? NIOSSLCertificate.fromPEMFile(clientAuthority), !roots.isEmpty else {
                throw ReceiverTLSError(description: "\(clientAuthority): a PEM certificate is expected")
            }
            configuration.trustRoots = .certificates(roots)
            // Readers, and nodes with a token, have none.
            configuration.certificateVerification = .optionalVerification
        }
        guard (try? NIOSSLContext(configuration: configuration)) != nil else {
            throw ReceiverTLSError(description: "\(certificate) and \(key) do not belong together")
        }
        self.configuration = configuration
        verifiesClients = clientAuthority != nil
    }
}

/// Why TLS cannot be had.
package struct ReceiverTLSError: Error, Equatable, CustomStringConvertible {
    package var description: String
}
