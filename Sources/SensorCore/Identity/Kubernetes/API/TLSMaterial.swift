// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOSSL
import NIOConcurrencyHelpers

/// The TLS side of an endpoint: read when it is first needed, and again after a connection failed or the server refused
/// whom it proves.
final class TLSMaterial: Sendable {
    private let endpoint: APIEndpoint
    private let state = NIOLockedValueBox<TLSConfiguration?>(nil)

    init(_ endpoint: APIEndpoint) { self.endpoint = endpoint }

    func configuration() throws -> TLSConfiguration {
        if let known = state.withLockedValue({ $0 }) { return known }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // A server that does not take leave must not hold up the end of this program.
        configuration.shutdownTimeout = .milliseconds(200)
        if !endpoint.isVerified {
            configuration.certificateVerification = .none
        } else if let authority = endpoint.authority {
            configuration.trustRoots = .certificates(try certificates(authority, "the CA"))
        }
        if let pair = endpoint.certificate {
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
        _ material: APIEndpoint.Material, _ what: String
    ) throws(APIEndpointError) -> [NIOSSLCertificate] {
        let pem = try bytes(material, what)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), !certificates.isEmpty else {
            throw APIEndpointError("\(what)\(place(material)) is no PEM certificate")
        }
        return certificates
    }

    private func key(_ material: APIEndpoint.Material) throws(APIEndpointError) -> NIOSSLPrivateKey {
        let pem = try bytes(material, "the client key")
        guard let key = try? NIOSSLPrivateKey(bytes: pem, format: .pem) else {
            throw APIEndpointError("the client key\(place(material)) is no PEM key")
        }
        return key
    }

    private func bytes(_ material: APIEndpoint.Material, _ what: String) throws(APIEndpointError) -> [UInt8] {
        switch material {
        case .bytes(let bytes): return bytes
        case .file(let path):
            do throws(APIEndpointError) {
                return try SmallFile.read(path, limit: 4 << 20)
            } catch {
                throw APIEndpointError("\(what) in \(path) cannot be read: \(error)")
            }
        }
    }

    private func place(_ material: APIEndpoint.Material) -> String {
        if case .file(let path) = material { " in \(path)" } else { "" }
    }
}
