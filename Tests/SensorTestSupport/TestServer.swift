// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// A server on loopback for one test.
enum TestServer {
    /// Serves while `body` runs.
    ///
    /// - Parameters:
    ///   - port: 0: any that is free.
    ///   - body: is given the port. It is not called where the port cannot be had: that is thrown.
    static func run(
        _ builder: HTTPServerBuilder, port: Int = 0, responder: @escaping HTTPChannelHandler.Responder,
        while body: (Int) async throws -> Void
    ) async throws {
        let (ports, source) = AsyncStream<Int>.makeStream()
        var quiet = Logger(label: "test-server")
        quiet.logLevel = .critical
        let server = try builder.buildServer(
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: port)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet, responder: responder
        ) { channel in
            source.yield(channel.localAddress?.port ?? 0)
            source.finish()
        }
        let services = ServiceGroup(configuration: .init(services: [server], logger: quiet))
        let serving = Task {
            defer { source.finish() }
            try await services.run()
        }
        let first = await ports.first { _ in true }
        guard let bound = first else {
            try await serving.value
            throw CancellationError()
        }
        let outcome: Result<Void, any Error>
        do {
            try await body(bound)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await services.triggerGracefulShutdown()
        serving.cancel()
        _ = try? await serving.value
        try outcome.get()
    }

    /// TLS with a certificate of `TestCertificates`.
    static func tls(as name: String = "server", requiringClientCertificate: Bool) throws -> TLSConfiguration {
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
        return tls
    }

    /// The common name of the certificate that a client showed, by how the certificate shows itself, which is all that it
    /// shows of its name.
    static func clientName(of channel: any Channel) async throws -> String? {
        let certificate = try await channel.nioSSL_peerCertificate().get()
        return certificate?.description.split(separator: ";").first { $0.hasPrefix("common_name=") }
            .map { String($0.drop { $0 != "=" }.dropFirst().prefix { $0 != ">" }) }
    }
}
