// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import HummingbirdCore
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import ServiceLifecycle

/// Takes batches of records, and tells what they amount to: `POST` and `GET /v1/posture`, `GET /v1/events`,
/// `GET /v1/streams`; `/metrics` and `/healthz`.
package struct ReceiverServer: Service {
    private let address: ListenAddress
    private let receiver: PostureReceiver
    private let credentials: ReceiverCredentials
    private let limits: ReceiverLimits
    private let tls: ReceiverTLS?
    private let group: any EventLoopGroup
    private let log: Logger
    private let connectionTime: TimeAmount
    private let running: @Sendable (ListenAddress) -> Void
    private let bytesLeft: NIOLockedValueBox<Int>

    /// - Parameters:
    ///   - tls: nil: plain HTTP.
    ///   - connectionTime: how long a client may take to send its request and to read the answer.
    ///   - running: is told the address with the port that it really has.
    package init(
        _ address: ListenAddress, receiver: PostureReceiver, credentials: ReceiverCredentials,
        limits: ReceiverLimits = ReceiverLimits(), tls: ReceiverTLS? = nil, group: any EventLoopGroup, log: Logger,
        connectionTime: TimeAmount = .seconds(60),
        running: @escaping @Sendable (ListenAddress) -> Void = { _ in }
    ) {
        (self.address, self.receiver, self.credentials, self.limits) = (address, receiver, credentials, limits)
        (self.tls, self.group, self.log) = (tls, group, log)
        (self.connectionTime, self.running) = (connectionTime, running)
        bytesLeft = NIOLockedValueBox(limits.bodies)
    }

    /// Until it is told to stop.
    package func run() async throws {
        var server = LocalHTTPServer(
            address: .hostname(address.host, port: address.port), maximumConnections: limits.connections,
            connectionTime: connectionTime, retry: .seconds(10),
            complaint: "cannot listen, trying again: see --listen", group: group, log: log)
        server.tls = tls?.configuration
        await server.run(at: "\(address)") { request, channel in
            Self.response(await answer(request, channel), for: request)
        } running: { channel in
            let bound = ListenAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
            log.info("receiving", metadata: ["address": "\(bound)", "tls": "\(tls != nil)"])
            running(bound)
        }
        await receiver.close()
    }

    // MARK: One request

    private func answer(_ request: Request, _ channel: any Channel) async -> ReceiverAnswer {
        let path = request.uri.path
        switch (request.method, path) {
        case (.post, "/v1/posture"): return await take(request, channel)
        case (.get, _), (.head, _): break
        default: return ReceiverAnswer(status: 405, message: "GET, or POST /v1/posture, is expected")
        }
        switch path {
        case "/healthz": return .text("ok\n")
        case "/metrics":
            var metrics = MetricsText()
            await receiver.statistics.add(to: &metrics)
            return .text(metrics.text, type: "text/plain; version=0.0.4; charset=utf-8")
        default: break
        }
        guard credentials.mayRead(request, channel, log: log) else {
            return ReceiverAnswer(
                status: 401,
                message: "a reader's token is expected, or without --reader-token-file a client on this machine")
        }
        var answer = await read(request, path)
        if let tag = answer.tag, request.headers[.ifNoneMatch].map({ Self.matches($0, tag) }) ?? false {
            (answer.status, answer.body) = (304, [])
        }
        return answer
    }

    private func read(_ request: Request, _ path: String) async -> ReceiverAnswer {
        let query = ReceiverQuery(request.uri.query ?? "", isOfEvents: path == "/v1/events")
        guard let query else { return ReceiverAnswer(status: 400, message: "the query cannot be read") }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        switch parts.count {
        case 2 where path == "/v1/posture": return await list(query)
        case 2 where path == "/v1/events":
            do throws(ReceiverRefusal) {
                let page = try await receiver.events(
                    after: query.cursor, body: query["body"], node: query["node"], limit: query.limit)
                return ReceiverAnswer(page.json)
            } catch { return ReceiverAnswer(error) }
        case 2 where path == "/v1/streams": return await streams()
        case 6 where path.hasPrefix("/v1/posture/"):
            let names = parts.dropFirst(2).map { ReceiverQuery.decoded($0) }
            guard names.allSatisfy({ $0 != nil }) else { break }
            // What is empty is spelled so that it can stand in a path.
            return await subject(names.compactMap { $0 == "-" ? "" : $0 }, query)
        default: break
        }
        return ReceiverAnswer(
            status: 404,
            message:
                "/v1/posture, /v1/posture/CLUSTER/NAMESPACE/KIND/NAME (- for one that is empty), /v1/events, /v1/streams"
        )
    }

    private func list(_ query: ReceiverQuery) async -> ReceiverAnswer {
        let tag = await receiver.listTag
        let (rows, isLast) = await receiver.list(after: query.after, limit: query.limit)
        var json = #"{"subjects":[\#(rows.map(\.json).joined(separator: ","))]"#
        if !isLast { json += #","next":"\#(query.after + rows.count)""# }
        return ReceiverAnswer(Array((json + "}\n").utf8), tag: tag)
    }

    private func subject(_ names: [String], _ query: ReceiverQuery) async -> ReceiverAnswer {
        let (container, group) = (query["container"], query["group"])
        let subjects = await receiver.subjects { subject in
            [subject.cluster, subject.namespace, subject.kind, subject.name] == names
                && (container ?? subject.container) == subject.container && (group ?? subject.group) == subject.group
        }
        guard let revision = subjects.map(\.revision).max() else {
            return ReceiverAnswer(status: 404, message: "no node has told of such a subject")
        }
        let page = SubjectPage(subjects, after: query.after, limit: query.limit)
        // Takes a while, which threads of Swift concurrency do not have.
        guard let body = await Worker.value("receiver", { try? page.json() }) ?? nil else {
            return ReceiverAnswer(ReceiverRefusal(.busy, "no thread is to be had"))
        }
        return ReceiverAnswer(body, tag: await receiver.tag(revision))
    }

    private func streams() async -> ReceiverAnswer {
        let rows = await receiver.streams().map { id, stream in
            let summary = stream.progress.summary
            return #"{"node":\#(stream.node.quotedForJSON),"stream":"\#(id)","first":"\#(summary.first)","#
                + #""acknowledged":"\#(summary.last)","records":"\#(summary.records - summary.repeated)","missing":"\#(summary.missing)","#
                + #""refused":"\#(stream.refused)","lastRefusal":\#(stream.lastRefusal.quotedForJSON)}"#
        }
        return ReceiverAnswer(Array("{\"streams\":[\(rows.joined(separator: ","))]}\n".utf8))
    }

    // MARK: Taking

    private func take(_ request: Request, _ channel: any Channel) async -> ReceiverAnswer {
        do throws(ReceiverRefusal) {
            guard let claim = await credentials.claim(request, channel, log: log) else {
                throw ReceiverRefusal(.credential, "a node's token or certificate is expected")
            }
            guard let encoding = ReceivedBatch.Encoding(contentType: request.headers[.contentType]) else {
                throw ReceiverRefusal(.malformed, "application/x-protobuf or application/json is expected")
            }
            let packing = request.headers[.contentEncoding]?.lowercased() ?? "identity"
            guard ["identity", "gzip"].contains(packing) else {
                throw ReceiverRefusal(.malformed, "gzip, or no encoding, is expected")
            }
            if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.body {
                throw ReceiverRefusal(.tooLarge, "more than \(limits.body) bytes")
            }
            let (body, held) = try await body(of: request)
            defer { give(back: held) }
            return await receiver.receive(body, encoding, isPacked: packing == "gzip", from: claim)
        } catch {
            await receiver.refuse(error, ["peer": "\(channel.remoteAddress?.description ?? "unknown")"])
            return ReceiverAnswer(error)
        }
    }

    /// The body, and how many bytes of those for all bodies it takes until they are given back.
    private func body(of request: Request) async throws(ReceiverRefusal) -> (bytes: [UInt8], held: Int) {
        var body: [UInt8] = []
        var held = 0
        var refusal: ReceiverRefusal?
        do {
            for try await buffer in request.body {
                let count = buffer.readableBytes
                guard body.count + count <= limits.body else {
                    refusal = ReceiverRefusal(.tooLarge, "more than \(limits.body) bytes")
                    break
                }
                let hasRoom = bytesLeft.withLockedValue { left in
                    guard left >= count else { return false }
                    left -= count
                    return true
                }
                guard hasRoom else {
                    refusal = ReceiverRefusal(.busy, "too many batches at a time")
                    break
                }
                held += count
                body.append(contentsOf: buffer.readableBytesView)
            }
        } catch {
            refusal = ReceiverRefusal(.malformed, "the body is not whole")
        }
        if let refusal {
            give(back: held)
            throw refusal
        }
        return (body, held)
    }

    private func give(back bytes: Int) { bytesLeft.withLockedValue { $0 += bytes } }

    // MARK: Answering

    private static func matches(_ header: String, _ tag: String) -> Bool {
        header.split(separator: ",").contains { candidate in
            let candidate = candidate.filter { $0 != " " }
            return candidate == "*" || candidate == tag || candidate == "W/" + tag
        }
    }

    private static func response(_ answer: ReceiverAnswer, for request: Request) -> Response {
        var headers: HTTPFields = [.cacheControl: "no-cache", .connection: "close"]
        if answer.status != 304 {
            headers[.contentType] = answer.type
            headers[.contentLength] = "\(answer.body.count)"
        }
        if let seconds = answer.retryAfter { headers[.retryAfter] = "\(seconds)" }
        if let tag = answer.tag { headers[.eTag] = tag }
        if answer.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
        let response = Response(
            status: .init(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension ReceiverAnswer {
    fileprivate static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> ReceiverAnswer {
        var answer = ReceiverAnswer(Array(text.utf8))
        answer.type = type
        return answer
    }
}
