// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import HummingbirdCore
internal import HummingbirdTLS
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import ServiceLifecycle

/// An HTTP server of this node's own: few connections, one answer and a bounded time for each.
struct LocalHTTPServer: Sendable {
    var address: BindAddress
    /// Whoever comes beyond that waits. Each is answered once, and lasts no longer than `connectionTime`.
    var maximumConnections: Int
    /// How long a client may take to send its request and to read the answer.
    var connectionTime: TimeAmount
    /// Between two attempts to take an address that is taken.
    var retry: Duration
    /// Told, as an error, when the address cannot be taken.
    var complaint: Logger.Message
    /// Handlers of a connection of their own, before others.
    var handlers: @Sendable () -> [any RemovableChannelHandler] = { [] }
    /// nil: it speaks plain HTTP.
    var tls: TLSConfiguration?
    var group: any EventLoopGroup
    var log: Logger

    /// Until it is told to stop. An address that cannot be taken is tried again: nobody should go without a sensor for it.
    ///
    /// - Parameters:
    ///   - place: the address, for people.
    ///   - running: is given the channel that listens.
    func run(
        at place: String, answer: @escaping @Sendable (Request, any Channel) async -> Response,
        running: @escaping @Sendable (any Channel) -> Void
    ) async {
        await cancelWhenGracefulShutdown {
            var isToldOf = false
            while !Task.isCancelled {
                do {
                    try await serve(answer, running)
                    isToldOf = false
                } catch {
                    if Task.isCancelled { return }
                    log.log(
                        level: isToldOf ? .debug : .error, complaint,
                        metadata: ["address": "\(place)", "error": "\(error)"])
                    isToldOf = true
                }
                if (try? await Task.sleep(for: retry, clock: .continuous)) == nil { return }
            }
        }
    }

    private func serve(
        _ answer: @escaping @Sendable (Request, any Channel) async -> Response,
        _ running: @escaping @Sendable (any Channel) -> Void
    ) async throws {
        // Hummingbird tells of its own comings and goings, being cancelled as an error; ours are told here.
        var quiet = log
        quiet.logLevel = .critical
        let (connectionTime, handlers) = (connectionTime, handlers)
        let plain = HTTPServerBuilder.http1(
            configuration: .init(additionalChannelHandlers: handlers() + [ConnectionEnd(after: connectionTime)]))
        let builder = try tls.map { try HTTPServerBuilder.tls(plain, tlsConfiguration: $0) } ?? plain
        let server = try builder.buildServer(
            configuration: ServerConfiguration(
                address: address, serverName: "sensord",
                availableConnectionsDelegate: MaximumAvailableConnections(maximumConnections)),
            eventLoopGroup: group, logger: quiet
        ) { request, writer, channel in
            let response = await answer(request, channel)
            try await writer.write(response: response.head, body: response.body)
        } onServerRunning: { channel in
            running(channel)
        }
        // A server stops gracefully, which cancelling it is not.
        let services = ServiceGroup(configuration: .init(services: [server], logger: quiet))
        try await withTaskCancellationHandler {
            try await services.run()
        } onCancel: {
            Task { await services.triggerGracefulShutdown() }
        }
    }
}
