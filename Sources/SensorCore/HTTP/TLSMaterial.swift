// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOSSL
import NIOConcurrencyHelpers

/// The TLS side of an endpoint: read when it is first needed, and again after a connection failed or the server refused
/// whom it proves.
final class TLSMaterial: Sendable {
    private let authority: KeyMaterial?
    private let isVerified: Bool
    private let certificate: ClientCertificate?
    private let state = NIOLockedValueBox<TLSConfiguration?>(nil)

    /// - Parameter authority: whose certificates are believed; nil: those that the machine trusts.
    init(authority: KeyMaterial?, isVerified: Bool = true, certificate: ClientCertificate?) {
        self.authority = authority
        self.isVerified = isVerified
        self.certificate = certificate
    }

    func configuration() throws(EndpointError) -> TLSConfiguration {
        if let known = state.withLockedValue({ $0 }) { return known }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // A server that does not take leave must not hold up the end of this program.
        configuration.shutdownTimeout = .milliseconds(200)
        if !isVerified {
            configuration.certificateVerification = .none
        } else if let authority {
            configuration.trustRoots = .certificates(try certificates(authority, "the CA"))
        }
        if let pair = certificate {
            configuration.certificateChain = try certificates(pair.chain, "the client certificate").map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(try key(pair.key))
        }
        state.withLockedValue { $0 = configuration }
        return configuration
    }

    func invalidate() { state.withLockedValue { $0 = nil } }

    private func certificates(
        _ material: KeyMaterial, _ what: String
    ) throws(EndpointError) -> [NIOSSLCertificate] {
        let pem = try bytes(material, what)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), !certificates.isEmpty else {
            throw EndpointError("\(what)\(place(material)) is no PEM certificate")
        }
        return certificates
    }

    private func key(_ material: KeyMaterial) throws(EndpointError) -> NIOSSLPrivateKey {
        let pem = try bytes(material, "the client key")
        guard let key = try? NIOSSLPrivateKey(bytes: pem, format: .pem) else {
            throw EndpointError("the client key\(place(material)) is no PEM key")
        }
        return key
    }

    private func bytes(_ material: KeyMaterial, _ what: String) throws(EndpointError) -> [UInt8] {
        switch material {
        case .bytes(let bytes): return bytes
        case .file(let path):
            do throws(EndpointError) {
                return try SmallFile.read(path, limit: 4 << 20)
            } catch {
                throw EndpointError("\(what) in \(path) cannot be read: \(error)")
            }
        }
    }

    private func place(_ material: KeyMaterial) -> String {
        if case .file(let path) = material { " in \(path)" } else { "" }
    }
}
