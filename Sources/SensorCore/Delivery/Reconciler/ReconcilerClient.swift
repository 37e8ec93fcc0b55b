// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Posts batches to a reconciler. Every request ends in bounded time and takes bounded memory.
struct ReconcilerClient: Sendable {
    private struct Endpoint {
        var url: String
        var http: HTTPClient
        var isSecure: Bool
    }

    private let settings: ReconcilerSettings
    private let endpoints: [Endpoint]
    private let tls: TLSMaterial
    private let token: BearerToken?

    /// - Throws: a variable holds no proxy.
    init(_ settings: ReconcilerSettings, group: any EventLoopGroup) throws(EndpointError) {
        self.settings = settings
        tls = settings.material
        token = settings.tokenFile.map { BearerToken(file: $0) }
        var endpoints: [Endpoint] = []
        for url in settings.urls {
            var configuration = HTTPClient.Configuration(
                redirectConfiguration: .disallow,
                timeout: .init(
                    connect: TimeAmount(settings.times.connect), read: TimeAmount(settings.times.request)))
            configuration.proxy = try settings.proxies.proxy(for: url).map { HTTPClient.Configuration.Proxy($0) }
            // HTTP/2 where the server offers it.
            configuration.httpVersion = .automatic
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
            configuration.connectionPool.idleTimeout = .seconds(60)
            // Whoever waits for a connection is told at once why there is none; the retries are ours.
            configuration.connectionPool.retryConnectionEstablishment = false
            endpoints.append(
                Endpoint(
                    url: "\(url)\(settings.form.path)",
                    http: HTTPClient(eventLoopGroup: group, configuration: configuration),
                    isSecure: url.isSecure))
        }
        self.endpoints = endpoints
    }

    /// To be called once, when nothing is posted any more.
    func shutdown() async {
        for endpoint in endpoints { try? await endpoint.http.shutdown() }
    }

    /// - Parameter body: what is sent of the batch, packed by gzip.
    func post(_ body: [UInt8], of batch: ReconcilerDelivery.Batch) async -> ReconcilerOutcome {
        guard let last = batch.records.last else { return .unavailable("the batch is empty") }
        let endpoint = endpoints[batch.endpoint]
        let outcome: ReconcilerOutcome
        do {
            let limit = batch.isTrial ? min(settings.times.trial, settings.times.request) : settings.times.request
            outcome = try await TimeLimit(limit).run { try await post(body, to: endpoint, last) }
        } catch {
            // Certificates rotate, too.
            tls.invalidate()
            return .unavailable(Self.text(of: error))
        }
        if case .unauthorized = outcome {
            // What proves who speaks may have been replaced on disk.
            token?.refuse()
            tls.invalidate()
        }
        return outcome
    }

    private func post(
        _ body: [UInt8], to endpoint: Endpoint, _ last: RecordEnvelope
    ) async throws -> ReconcilerOutcome {
        var request = HTTPClientRequest(url: endpoint.url)
        request.method = .POST
        if endpoint.isSecure { request.tlsConfiguration = try tls.configuration() }
        request.headers.add(name: "content-type", value: settings.form.contentType)
        request.headers.add(name: "content-encoding", value: "gzip")
        request.headers.add(name: "accept", value: "application/json, \(ReconcilerEncoding.protobuf.contentType)")
        request.headers.add(name: "user-agent", value: "sensord")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(try token.current())") }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await endpoint.http.execute(request, timeout: TimeAmount(settings.times.request))
        // An acknowledgement has less than a hundred bytes. What else is said is read to its end only so that the connection
        // can be used again; where that is too far, the status has said it all.
        let answer: ByteBuffer
        do {
            answer = try await response.body.collect(upTo: Self.answerBytes)
        } catch is NIOTooManyBytesError {
            answer = ByteBuffer()
        }
        return settings.form.outcome(
            status: Int(response.status.code), contentType: response.headers.first(name: "content-type"),
            body: Array(answer.readableBytesView), retryAfter: response.headers.first(name: "retry-after"),
            wall: ClockReading.now().wall, last: last)
    }

    private static let answerBytes = 65_536

    private static func text(of error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.shortDescription
        default: "\(error)"
        }
    }
}

extension HTTPClient.Configuration.Proxy {
    init(_ proxy: ProxySettings.Proxy) {
        if proxy.isSOCKS {
            self = .socksServer(host: proxy.host, port: proxy.port)
        } else if let user = proxy.user, let password = proxy.password {
            self = .server(
                host: proxy.host, port: proxy.port, authorization: .basic(username: user, password: password))
        } else {
            self = .server(host: proxy.host, port: proxy.port)
        }
    }
}
