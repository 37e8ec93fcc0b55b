// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import HTTPTypes
internal import HummingbirdCore
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import ServiceLifecycle

/// Takes OpenTelemetry spans: `POST /v1/traces`, as OTLP over HTTP has it.
package struct TraceServer: Service {
    /// Where it listens.
    package enum Address: Sendable, CustomStringConvertible {
        /// A path. Whoever can reach it may connect.
        case unix(String)
        case tcp(ListenAddress)

        package var description: String {
            switch self {
            case .unix(let path): path
            case .tcp(let address): address.description
            }
        }
    }

    package static func path(in runDirectory: String) -> String { runDirectory + "/agent/otlp.sock" }

    /// When there are more, whoever has most gives one up.
    static let maximumConnections = 32
    /// Bytes of bodies that may be in hand at a time, of all connections.
    static let bodyBytes = 3 * TraceReceiver.bodyLimit

    private let address: Address
    private let senders: TraceSenders
    private let receiver: TraceReceiver
    private let group: any EventLoopGroup
    private let log: Logger
    private let running: @Sendable (Address) -> Void
    /// Between two attempts to take an address that is taken.
    private let retry: Duration
    private let connectionTime: TimeAmount
    private let access: SocketAccess
    private let connections: TraceConnections
    private let bytesLeft = NIOLockedValueBox(Self.bodyBytes)

    /// - Parameters:
    ///   - access: who may connect, where it listens on a path.
    ///   - workloadConnections: how many a workload may have at a time.
    ///   - connectionTime: how long a client may take to send its request and to read the answer.
    ///   - running: is told the address with the port that it really has.
    package init(
        _ address: Address, senders: TraceSenders, receiver: TraceReceiver, group: any EventLoopGroup, log: Logger,
        access: SocketAccess = SocketAccess(), workloadConnections: Int = 8,
        retry: Duration = .seconds(10), connectionTime: TimeAmount = .seconds(10),
        running: @escaping @Sendable (Address) -> Void = { _ in }
    ) {
        self.address = address
        self.senders = senders
        self.receiver = receiver
        self.group = group
        self.log = log
        self.retry = retry
        self.connectionTime = connectionTime
        self.running = running
        self.access = access
        connections = TraceConnections(limit: workloadConnections, total: Self.maximumConnections) { channel in
            await Self.sender(of: channel, address, senders)
        } refuse: {
            receiver.countRefusedConnection()
        }
    }

    /// Until it is told to stop.
    package func run() async throws {
        let bind: BindAddress =
            switch address {
            // A socket that a dead daemon has left is replaced; only the daemon's user can put anything there.
            case .unix(let path): .unixDomainSocket(path: path)
            case .tcp(let address): .hostname(address.host, port: address.port)
            }
        let connections = connections
        let server = LocalHTTPServer(
            // Who has come is known only when it has been let in.
            address: bind, maximumConnections: 2 * Self.maximumConnections, connectionTime: connectionTime,
            retry: retry,
            complaint: "cannot listen for OpenTelemetry, trying again: see --otlp-listen and --run-dir",
            handlers: { [TraceConnections.Watch(connections)] }, group: group, log: log)
        await server.run(at: "\(address)") { request, channel in
            let answer = await answer(request, channel)
            receiver.count(answer)
            return Self.response(answer)
        } running: { channel in
            let bound = bound(channel)
            log.info("listening for OpenTelemetry", metadata: ["address": "\(bound)"])
            running(bound)
        }
        if case .unix(let path) = address { unlink(path) }
    }

    private func bound(_ channel: any Channel) -> Address {
        switch address {
        case .unix(let path):
            if !access.apply(to: path) {
                log.error(
                    "agents cannot send spans: see --agent-socket-mode and --agent-socket-group",
                    metadata: ["address": "\(path)", "error": "\(SystemError("chmod \(path)"))"])
            }
            return address
        case .tcp(let wanted):
            return .tcp(ListenAddress(host: wanted.host, port: channel.localAddress?.port ?? wanted.port))
        }
    }

    // MARK: One request

    private func answer(_ request: Request, _ channel: any Channel) async -> TraceAnswer {
        let encoding = TraceEncoding(contentType: request.headers[.contentType])
        guard request.uri.path == "/v1/traces" else { return .refused(404, encoding, "only /v1/traces is here") }
        guard request.method == .post else { return .refused(405, encoding, "only POST is taken") }
        guard let encoding else {
            return .refused(415, nil, "application/x-protobuf or application/json is expected")
        }
        guard let packing = TracePacking(contentEncoding: request.headers[.contentEncoding]) else {
            return .refused(415, encoding, "gzip, or no encoding, is expected")
        }
        let length = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard length <= TraceReceiver.bodyLimit else {
            return .refused(413, encoding, "more than \(TraceReceiver.bodyLimit) bytes")
        }
        let sender = await connections.sender(of: channel)
        if let refusal = receiver.refusal(of: sender, encoding) { return refusal }
        return await body(of: request, encoding) { body in
            // Unpacking and reading take a while, which threads of Swift concurrency do not have.
            await Worker.value("otlp") { receiver.receive(body, encoding, packing, from: sender) }
                ?? .refused(503, encoding, "no thread is to be had", retryAfter: 1)
        }
    }

    /// Reads the body, and has something done with it, while there is room for it among all that are in hand.
    private func body(
        of request: Request, _ encoding: TraceEncoding, _ take: ([UInt8]) async -> TraceAnswer
    ) async -> TraceAnswer {
        var held = 0
        defer { bytesLeft.withLockedValue { $0 += held } }
        var body: [UInt8] = []
        do {
            for try await buffer in request.body {
                guard body.count + buffer.readableBytes <= TraceReceiver.bodyLimit else {
                    return .refused(413, encoding, "more than \(TraceReceiver.bodyLimit) bytes")
                }
                let hasRoom = bytesLeft.withLockedValue { left in
                    guard left >= buffer.readableBytes else { return false }
                    left -= buffer.readableBytes
                    return true
                }
                guard hasRoom else {
                    return .refused(429, encoding, "too many requests at a time", retryAfter: 1)
                }
                held += buffer.readableBytes
                body.append(contentsOf: buffer.readableBytesView)
            }
        } catch {
            return .refused(400, encoding, "the body is not whole")
        }
        return await take(body)
    }

    /// By the kernel's word: nothing that the request says has a part in it.
    private static func sender(
        of channel: any Channel, _ address: Address, _ senders: TraceSenders
    ) async -> CallSender? {
        switch address {
        case .unix:
            // struct ucred, which the Glibc module does not have.
            typealias Credentials = (process: Int32, user: UInt32, group: UInt32)
            guard let socket = channel as? any SocketOptionProvider,
                let peer: Credentials = try? await socket.unsafeGetSocketOption(
                    level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_PEERCRED)
                ).get()
            else { return nil }
            return await Worker.value("otlp") { senders.sender(process: UInt32(max(peer.process, 0))) } ?? nil
        case .tcp:
            guard let remote = TraceSenders.End(channel.remoteAddress),
                let local = TraceSenders.End(channel.localAddress)
            else { return nil }
            return await Worker.value("otlp") { senders.sender(remote: remote, local: local) } ?? nil
        }
    }

    private static func response(_ answer: TraceAnswer) -> Response {
        var headers: HTTPFields = [
            .contentType: answer.contentType, .contentLength: "\(answer.body.count)", .connection: "close",
        ]
        if let seconds = answer.retryAfter { headers[.retryAfter] = "\(seconds)" }
        return Response(
            status: .init(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}

extension TraceSenders.End {
    fileprivate init?(_ socket: SocketAddress?) {
        guard let socket, let text = socket.ipAddress, let port = socket.port.flatMap({ UInt16(exactly: $0) }),
            // Of a zone the number is no part of the address.
            let address = IPAddress(String(text.prefix { $0 != "%" }))
        else { return nil }
        self.init(address: address.unmapped, port: port)
    }
}
