// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import HummingbirdCore
package import Logging
package import NIOCore
internal import ServiceLifecycle

/// The local HTTP server: `/healthz`, `/readyz`, `/metrics`.
package struct HealthServer: Service {
    static let maximumConnections = 16

    private let address: ListenAddress
    private let group: any EventLoopGroup
    private let log: Logger
    private let report: @Sendable () async -> HealthReport?
    private let running: @Sendable (ListenAddress) -> Void
    /// Between two attempts to take an address that is taken.
    private let retry: Duration
    private let connectionTime: TimeAmount

    /// - Parameters:
    ///   - connectionTime: how long a client may take to ask and to read the answer.
    ///   - running: is told the address with the port that it really has.
    ///   - report: how the daemon is now; nil while that is not to be had, which makes it unready.
    package init(
        _ address: ListenAddress, group: any EventLoopGroup, log: Logger, retry: Duration = .seconds(10),
        connectionTime: TimeAmount = .seconds(10),
        running: @escaping @Sendable (ListenAddress) -> Void = { _ in },
        report: @escaping @Sendable () async -> HealthReport?
    ) {
        self.address = address
        self.group = group
        self.log = log
        self.retry = retry
        self.connectionTime = connectionTime
        self.running = running
        self.report = report
    }

    /// Until it is told to stop.
    package func run() async throws {
        let server = LocalHTTPServer(
            address: .hostname(address.host, port: address.port), maximumConnections: Self.maximumConnections,
            connectionTime: connectionTime, retry: retry,
            complaint: "cannot listen for HTTP, trying again: see --listen",
            group: group, log: log)
        await server.run(at: "\(address)") { request, _ in
            await answer(request)
        } running: { channel in
            let bound = ListenAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
            log.info("listening for HTTP", metadata: ["address": "\(bound)"])
            running(bound)
        }
    }

    private func answer(_ request: Request) async -> Response {
        guard request.method == .get || request.method == .head else {
            return Self.response(.methodNotAllowed, "text/plain; charset=utf-8", "only GET\n", for: request)
        }
        switch request.uri.path {
        case "/healthz": return Self.response(.ok, "text/plain; charset=utf-8", "ok\n", for: request)
        case "/readyz":
            guard let report = await report(), let (isReady, body) = try? report.readinessJSON() else {
                let body = #"{"ready":false,"reasons":["the collecting thread does not answer"]}"# + "\n"
                return Self.response(.serviceUnavailable, "application/json", body, for: request)
            }
            let text = String(decoding: body, as: UTF8.self)
            return Self.response(isReady ? .ok : .serviceUnavailable, "application/json", text, for: request)
        case "/metrics":
            guard let report = await report() else {
                return Self.response(.serviceUnavailable, "text/plain; charset=utf-8", "not available\n", for: request)
            }
            return Self.response(.ok, "text/plain; version=0.0.4; charset=utf-8", report.metrics(), for: request)
        default:
            return Self.response(.notFound, "text/plain; charset=utf-8", "/healthz, /readyz, /metrics\n", for: request)
        }
    }

    private static func response(
        _ status: HTTPResponse.Status, _ type: String, _ text: String, for request: Request
    ) -> Response {
        let response = Response(
            status: status,
            headers: [
                .contentType: type, .cacheControl: "no-store", .contentLength: "\(text.utf8.count)",
                .connection: "close",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        return request.method == .head ? response.createHeadResponse() : response
    }
}
