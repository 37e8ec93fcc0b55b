// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Speaks to one API server. Every request ends in bounded time and takes bounded memory.
struct APIClient: Sendable {
    struct Limits: Sendable {
        /// For everything but lists and streams, until the whole answer is there.
        var request = Duration.seconds(15)
        /// For one page of a list.
        var list = Duration.seconds(60)
        /// For all of its pages; none is begun afterwards.
        var pages = Duration.seconds(180)
        /// How long a stream may say nothing, bookmarks included, which come every minute.
        var silence = Duration.seconds(150)
        var connect = Duration.seconds(10)
        var objectBytes = 4 << 20
        /// For one page of a list, which takes several times as much until it is decoded.
        var listBytes = 8 << 20
        /// In one list, even if they are empty.
        var pageCount = 2048
        /// The server itself takes no object over 1.5 MiB.
        var lineBytes = 4 << 20

        init() {}
    }

    /// One object as its metadata, whatever its kind.
    static let metadataOnly = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"

    let status: ClusterStatusBoard
    private let endpoint: APIEndpoint
    private let limits: Limits
    private let http: HTTPClient
    private let tls: TLSMaterial
    private let base: String

    init(_ endpoint: APIEndpoint, limits: Limits, status: ClusterStatusBoard, group: any EventLoopGroup) {
        self.endpoint = endpoint
        self.limits = limits
        self.status = status
        tls = TLSMaterial(
            authority: endpoint.authority, isVerified: endpoint.isVerified, certificate: endpoint.certificate)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(limits.connect), read: TimeAmount(limits.silence)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4
        configuration.connectionPool.idleTimeout = .seconds(10)
        // Whoever waits for a connection is told at once why there is none; the retries are ours.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let name = endpoint.serverName, name != endpoint.host {
            // The name in the certificate is asked for, at the address that the URL has.
            configuration.dnsOverride = [name: endpoint.host]
            base = endpoint.url(withHost: name)
        } else {
            base = endpoint.url
        }
        http = HTTPClient(eventLoopGroup: group, configuration: configuration)
    }

    /// To be called once, when no request is made any more.
    func shutdown() async {
        try? await http.shutdown()
    }

    /// The answer to a GET, whole.
    func get(_ path: String, accept: String = "application/json", isList: Bool = false) async throws(APIError)
        -> ByteBuffer
    {
        let (time, bytes) = isList ? (limits.list, limits.listBytes) : (limits.request, limits.objectBytes)
        return try await within(time) {
            let response = try await open(path, accept: accept, time: time)
            return try await response.body.collect(upTo: bytes)
        }
    }

    /// The lines of a GET that stays open. Ends with an error when nothing comes for too long.
    func stream(_ path: String) async throws(APIError) -> LineStream {
        let response = try await within(limits.request) {
            try await open(path, accept: "application/json", time: limits.request)
        }
        return LineStream(response.body, lineBytes: limits.lineBytes)
    }

    private func open(_ path: String, accept: String, time: Duration) async throws -> HTTPClientResponse {
        var isRetry = false
        while true {
            var request = HTTPClientRequest(url: base + path)
            request.tlsConfiguration = try tls.configuration()
            request.headers.add(name: "accept", value: accept)
            request.headers.add(name: "user-agent", value: "sensord")
            if let token = endpoint.token {
                request.headers.add(name: "authorization", value: "Bearer \(try token.current())")
            }
            let response: HTTPClientResponse
            do {
                response = try await http.execute(request, timeout: TimeAmount(time))
            } catch {
                // Certificates rotate, too.
                if APIError(error).kind == .connection { tls.invalidate() }
                throw error
            }
            if response.status == .ok { return response }
            let body = try? await response.body.collect(upTo: 65536)
            if response.status == .unauthorized {
                status.count(\.unauthorized)
                // What proves who speaks may have been replaced on disk.
                endpoint.token?.refuse()
                if endpoint.certificate != nil { tls.invalidate() }
                if !isRetry, endpoint.token != nil || endpoint.certificate != nil {
                    isRetry = true
                    continue
                }
            }
            throw APIError(
                code: Int(response.status.code), body.flatMap(APIStatus.init),
                retryAfter: response.headers.first(name: "retry-after"))
        }
    }

    private func within<Value: Sendable>(
        _ time: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws(APIError) -> Value {
        do {
            return try await TimeLimit(time).run(body)
        } catch {
            throw Task.isCancelled ? APIError(.cancelled, "cancelled") : APIError(error)
        }
    }
}

/// What the server says of a request that failed, as an answer or within a watch.
struct APIStatus: Decodable, Sendable {
    @Lenient var message: String?
    @Lenient var reason: String?
    @Lenient var code: Int?
    @Lenient private var details: Details?

    /// Whether it is that the resource version is one which the server has not come to.
    var isAhead: Bool {
        let words = "Too large resource version"
        let causes = details?.causes?.elements ?? []
        return causes.contains { $0.reason == "ResourceVersionTooLarge" || $0.message == words }
            || message?.contains(words) == true
    }

    private struct Details: Decodable, Sendable {
        struct Cause: Decodable, Sendable {
            @Lenient var reason: String?
            @Lenient var message: String?
        }

        @Lenient var causes: LenientList<Cause>?
    }
}

extension APIStatus {
    /// nil: the body is none.
    init?(_ body: ByteBuffer) {
        guard let status = try? JSONDecoder().decode(APIStatus.self, from: Data(body.readableBytesView)) else {
            return nil
        }
        self = status
    }
}
