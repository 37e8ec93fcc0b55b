// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// An API server on loopback, with TLS, for one test: `cluster` is what it serves and how it fails.
package struct TestAPIServer: Sendable {
    package let cluster: TestCluster
    package let port: Int

    package var url: String { "https://127.0.0.1:\(port)" }

    /// Serves while `body` runs.
    ///
    /// - Parameter name: of the certificate that it shows.
    package static func run(
        as name: String = "server", requiringClientCertificate: Bool = false,
        _ body: (TestAPIServer) async throws -> Void
    ) async throws {
        let certificates = try TestCertificates.shared.get()
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificates.path(name + ".crt")).map {
                .certificate($0)
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: certificates.path(name + ".key"), format: .pem)))
        if requiringClientCertificate {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .file(certificates.path("ca.crt"))
        }
        let cluster = TestCluster()
        let (ports, port) = AsyncStream<Int>.makeStream()
        var quiet = Logger(label: "test-api-server")
        quiet.logLevel = .critical
        let server = try HTTPServerBuilder.tls(.http1(), tlsConfiguration: tls).buildServer(
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: 0)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet
        ) { request, writer, channel in
            let certificate = try await channel.nioSSL_peerCertificate().get()
            let response = try await cluster.answer(request, client: certificate.flatMap(Self.commonName))
            if response.status == Self.hangUp {
                try? await channel.close()
                throw CancellationError()
            }
            try await writer.write(response: response.head, body: response.body)
        } onServerRunning: { channel in
            port.yield(channel.localAddress?.port ?? 0)
            port.finish()
        }
        let services = ServiceGroup(configuration: .init(services: [server], logger: quiet))
        let serving = Task { try await services.run() }
        let bound = await ports.first { _ in true } ?? 0
        let outcome: Result<Void, any Error>
        do {
            try await body(TestAPIServer(cluster: cluster, port: bound))
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        cluster.endAll()
        await services.triggerGracefulShutdown()
        serving.cancel()
        _ = try? await serving.value
        try outcome.get()
    }

    /// From how a certificate shows itself, which is all that it shows of its name.
    private static func commonName(_ certificate: NIOSSLCertificate) -> String? {
        certificate.description.split(separator: ";").first { $0.hasPrefix("common_name=") }
            .map { String($0.drop { $0 != "=" }.dropFirst().prefix { $0 != ">" }) }
    }

    /// No status: the connection is to be closed without an answer.
    static let hangUp = HTTPResponse.Status(code: 599)
}
