// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
import NIOCore
import NIOSSL

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
        let tls = try TestServer.tls(as: name, requiringClientCertificate: requiringClientCertificate)
        let cluster = TestCluster()
        try await TestServer.run(try .tls(.http1(), tlsConfiguration: tls)) { request, writer, channel in
            let response = try await cluster.answer(request, client: try await TestServer.clientName(of: channel))
            if response.status == Self.hangUp {
                try? await channel.close()
                throw CancellationError()
            }
            try await writer.write(response: response.head, body: response.body)
        } while: { port in
            // Watches go on until they are ended.
            defer { cluster.endAll() }
            try await body(TestAPIServer(cluster: cluster, port: port))
        }
    }

    /// No status: the connection is to be closed without an answer.
    static let hangUp = HTTPResponse.Status(code: 599)
}
