// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(2))) struct ReceiverServerTests {
    private struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var body: String
    }

    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private static var log: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    private func serving(
        _ credentials: ReceiverCredentials = ReceiverCredentials(), limits: ReceiverLimits = ReceiverLimits(),
        tls: ReceiverTLS? = nil, connectionTime: TimeAmount = .seconds(60), _ body: (String) async throws -> Void
    ) async throws {
        let receiver = try PostureReceiver(directory: directory.path + "/state", limits: limits, log: Self.log)
        let (addresses, address) = AsyncStream<ListenAddress>.makeStream()
        let server = ReceiverServer(
            ListenAddress(port: 0), receiver: receiver, credentials: credentials, limits: limits, tls: tls,
            group: MultiThreadedEventLoopGroup.singleton, log: Self.log, connectionTime: connectionTime,
            running: { address.yield($0) })
        let running = Task { try await server.run() }
        let bound = try #require(await addresses.first { _ in true })
        let outcome: Result<Void, any Error>
        do {
            try await body("\(tls == nil ? "http" : "https")://\(bound)")
            outcome = .success(())
        } catch { outcome = .failure(error) }
        running.cancel()
        try await running.value
        try outcome.get()
    }

    private func ask(
        _ url: String, _ headers: [String: String] = [:], body: [UInt8]? = nil, client: HTTPClient = .shared
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.method = .POST
            request.body = .bytes(ByteBuffer(bytes: body))
            if headers["content-type"] == nil {
                request.headers.add(name: "content-type", value: "application/x-protobuf")
            }
        }
        let response = try await client.execute(request, timeout: .seconds(60))
        return Answer(
            status: Int(response.status.code), headers: response.headers,
            body: String(buffer: try await response.body.collect(upTo: 16 << 20)))
    }

    private func node(_ name: String = "n1", seed: UInt64 = 1, times: Int = 30) -> NodeStream {
        var random = SplitMix(seed: seed)
        var node = NodeStream(name, seed: seed)
        node.act(&random, times: times)
        node.tellOfNode(1)
        return node
    }

    private struct Page: Decodable {
        struct Subject: Decodable {
            struct Record: Decodable {
                struct Profile: Decodable {
                    struct Fact: Decodable {
                        struct Key: Decodable { var path: String }
                        var key: Key
                        var outcome: String
                        var count: String
                        var replicas: [String]
                    }
                    struct Assessment: Decodable { var scope: String }
                    var facts: [Fact]
                    var assessment: Assessment?
                }
                var profile: Profile
            }
            var nodes: [String]
            var record: Record
        }
        var subjects: [Subject]
        var next: String?
    }

    private func page(_ answer: Answer) throws -> Page {
        try JSONDecoder().decode(Page.self, from: Data(answer.body.utf8))
    }

    @Test func `batches of two nodes are answered as one profile`() async throws {
        let (one, two) = (node("n1", seed: 1), node("n2", seed: 2))
        try await serving { url in
            let taken = try await ask(url + "/v1/posture", body: try one.body())
            #expect(taken.status == 200)
            #expect(taken.body == #"{"stream":"\#(one.stream.head.id)","acknowledged":"\#(one.records.count)"}"# + "\n")
            let json = ["content-type": "application/json; charset=utf-8"]
            #expect(try await ask(url + "/v1/posture", json, body: try two.body(nil, .json)).status == 200)

            let answer = try await ask(url + "/v1/posture/-/agents/Deployment/planner")
            let subject = try #require(try page(answer).subjects.first)
            var wanted = one.share
            wanted.merge(with: two.share)
            #expect(subject.nodes == ["n1", "n2"] && subject.record.profile.assessment?.scope == "subject")
            let facts = subject.record.profile.facts
            #expect(facts.count == wanted.facts.count)
            for fact in facts {
                let known = try #require(
                    wanted.facts.first {
                        $0.key.key[.path].text == fact.key.path && $0.key.qualifiers.outcome.name == fact.outcome
                    })
                #expect(fact.count == "\(known.value.counts.count)" && fact.replicas == known.value.replicas.sorted())
            }
            #expect(
                facts.contains {
                    $0.replicas.contains { $0.hasPrefix("n1") } && $0.replicas.contains { $0.hasPrefix("n2") }
                })

            let list = try await ask(url + "/v1/posture")
            #expect(list.body.contains(#""namespace":"agents""#) && list.body.contains(#""nodes":["n1","n2"]"#))
            let events = try await ask(url + "/v1/events?body=nodeCoverage&node=n2")
            #expect(events.body.contains(#""envelope":{"stream":"\#(two.stream.head.id)""#))
            let streams = try await ask(url + "/v1/streams")
            #expect(streams.body.contains(#""acknowledged":"\#(one.records.count)""#))
            let metrics = try await ask(url + "/metrics")
            #expect(metrics.body.contains("sensord_receiver_known{what=\"stream\"} 2\n"))
            #expect(try await ask(url + "/healthz").body == "ok\n")
        }
    }

    @Test func `an answer that is known is not sent again`() async throws {
        var node = node()
        try await serving { url in
            _ = try await ask(url + "/v1/posture", body: try node.body())
            for path in ["/v1/posture", "/v1/posture/-/agents/Deployment/planner"] {
                let first = try await ask(url + path)
                let tag = try #require(first.headers.first(name: "etag"))
                let again = try await ask(url + path, ["if-none-match": "\"other\", \(tag)"])
                #expect(again.status == 304 && again.body.isEmpty && again.headers.first(name: "etag") == tag)
                var random = SplitMix(seed: 7)
                node.act(&random)
                _ = try await ask(url + "/v1/posture", body: try node.body())
                #expect(try await ask(url + path, ["if-none-match": tag]).status == 200)
            }
        }
    }

    @Test func `pages together are the whole`() async throws {
        let node = node(times: 80)
        try await serving { url in
            _ = try await ask(url + "/v1/posture", body: try node.body())
            let path = url + "/v1/posture/-/agents/Deployment/planner"
            let whole = try page(try await ask(path)).subjects[0].record.profile.facts
            var (facts, next) = ([String](), "0")
            while true {
                let page = try page(try await ask(path + "?limit=7&after=\(next)"))
                facts += page.subjects.flatMap(\.record.profile.facts).map { $0.key.path + $0.outcome }
                guard let following = page.next else { break }
                next = following
            }
            #expect(facts == whole.map { $0.key.path + $0.outcome } && facts.count > 7)
            for query in ["limit=0", "limit=x", "after=-1", "limit=%zz"] {
                #expect(try await ask(path + "?" + query).status == 400, "\(query)")
            }
            #expect(try await ask(url + "/v1/posture/-/agents/Deployment/nobody").status == 404)
            #expect(try await ask(url + "/v1/posture/-/agents").status == 404)
            #expect(try await ask(path + "?container=other").status == 404)
        }
    }

    @Test func `a token is asked for, of who sends and of who reads`() async throws {
        let files = ["nodes": "n1 aaaaaaaaaaaaaaaa\nn2 bbbbbbbbbbbbbbbb\n", "readers": "grafana cccccccccccccccc\n"]
        for (name, text) in files { try SmallFile.replace(directory.path + "/" + name, with: Array(text.utf8)) }
        var credentials = ReceiverCredentials()
        credentials.tokens = try TokenFile(directory.path + "/nodes")
        credentials.readers = try TokenFile(directory.path + "/readers")
        let body = try node().body()
        try await serving(credentials) { url in
            func bearer(_ token: String) -> [String: String] { ["authorization": "Bearer " + token] }
            let nobody = try await ask(url + "/v1/posture", body: body)
            #expect(nobody.status == 401 && nobody.headers.first(name: "www-authenticate") == "Bearer")
            #expect(try await ask(url + "/v1/posture", bearer("cccccccccccccccc"), body: body).status == 401)
            #expect(try await ask(url + "/v1/posture", bearer("bbbbbbbbbbbbbbbb"), body: body).status == 403)
            #expect(try await ask(url + "/v1/posture", bearer("aaaaaaaaaaaaaaaa"), body: body).status == 200)
            #expect(try await ask(url + "/v1/posture", bearer("aaaaaaaaaaaaaaaa")).status == 401)
            #expect(try await ask(url + "/v1/posture", bearer("cccccccccccccccc")).status == 200)
        }
    }

    @Test func `a certificate's name is its node's`() async throws {
        let certificates = try TestCertificates.shared.get()
        let tls = try ReceiverTLS(
            certificate: certificates.path("server.crt"), key: certificates.path("server.key"),
            clientAuthority: certificates.path("ca.crt"))
        var credentials = ReceiverCredentials()
        credentials.acceptsCertificates = true
        func client(_ name: String?) throws -> HTTPClient {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(certificates.path("ca.crt"))
            if let name {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificates.path(name + ".crt")).map
                {
                    .certificate($0)
                }
                configuration.privateKey = .privateKey(
                    try NIOSSLPrivateKey(file: certificates.path(name + ".key"), format: .pem))
            }
            return HTTPClient(
                eventLoopGroupProvider: .singleton,
                configuration: HTTPClient.Configuration(tlsConfiguration: configuration))
        }
        let (known, nobody) = (try client("client"), try client(nil))
        // The name in the tests' certificates.
        let (own, other) = (node("kubernetes.default.svc"), node("n1"))
        try await serving(credentials, tls: tls) { url in
            var statuses: [Int] = []
            for (node, client) in [(own, nobody), (other, known), (own, known)] {
                let answer = try await ask(url + "/v1/posture", body: try node.body(), client: client)
                statuses.append(answer.status)
            }
            #expect(statuses == [401, 403, 200])
            let read = try await ask(url + "/v1/posture", client: nobody)
            #expect(read.status == 200)
        }
        try await known.shutdown()
        try await nobody.shutdown()
    }

    @Test func `whoever is on this machine may read, and not whoever a proxy on it asks for`() async throws {
        try await serving { url in
            let own = try await ask(url + "/v1/posture")
            #expect(own.status == 200)
            for header in ["x-forwarded-for", "Forwarded", "Via", "X-Real-IP"] {
                let forwarded = try await ask(url + "/v1/posture", [header: "192.0.2.1"])
                let health = try await ask(url + "/healthz", [header: "192.0.2.1"])
                #expect(forwarded.status == 401 && health.status == 200, "\(header)")
            }
        }
    }

    /// Sends a batch byte by byte.
    ///
    /// - Parameter isEndless: zeros follow, as long as they are taken.
    private static func trickle(_ bytes: [UInt8], to url: String, isEndless: Bool = false) async throws -> Int {
        let pieces = AsyncStream<ByteBuffer> { source in
            let sending = Task {
                for byte in bytes {
                    source.yield(ByteBuffer(bytes: [byte]))
                    await Task.yield()
                }
                while isEndless, !Task.isCancelled {
                    source.yield(ByteBuffer(bytes: [0]))
                    try await Task.sleep(for: .milliseconds(10))
                }
                source.finish()
            }
            source.onTermination = { _ in sending.cancel() }
        }
        var request = HTTPClientRequest(url: url + "/v1/posture")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-protobuf")
        request.body = .stream(pieces, length: isEndless ? .unknown : .known(Int64(bytes.count)))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        _ = try await response.body.collect(upTo: 1 << 20)
        return Int(response.status.code)
    }

    @Test func `a body that comes byte by byte is taken, and one that has no end holds up nobody and is given up`()
        async throws
    {
        let (node, other) = (node("n1", seed: 1, times: 60), node("n2", seed: 2, times: 2))
        let (body, otherBody) = (try node.body(), try other.body())
        var limits = ReceiverLimits()
        // Of all that come at a time; not enough for the first one twice.
        limits.bodies = body.count + otherBody.count + 4096
        try #require(limits.bodies < 2 * body.count)
        try await serving(limits: limits, connectionTime: .seconds(2)) { url in
            let endless = Task { try await Self.trickle(body, to: url, isEndless: true) }
            // A connection that the server is about to give up is not for the next request.
            let once = ["connection": "close"]
            let meanwhile = try await ask(url + "/v1/posture", once, body: otherBody)
            let status = try? await endless.value
            #expect(meanwhile.status == 200 && status != 200)
            // What it held is given back, once the server has seen that its client has gone.
            for body in [body, otherBody, body] {
                let deadline = ContinuousClock.now + .seconds(60)
                var answer = try await ask(url + "/v1/posture", once, body: body)
                while answer.status == 429, .now < deadline {
                    try await Task.sleep(for: .milliseconds(20))
                    answer = try await ask(url + "/v1/posture", once, body: body)
                }
                #expect(answer.status == 200)
            }
        }
        try await serving { url in
            #expect(try await Self.trickle(body, to: url) == 200)
            let streams = try await ask(url + "/v1/streams").body
            for node in [node, other] {
                let count = node.records.count
                #expect(
                    streams.contains(
                        #""stream":"\#(node.stream.head.id)","first":"1","acknowledged":"\#(count)","records":"\#(count)","missing":"0""#
                    ), "\(streams)")
            }
        }
    }

    @Test func `what is too large, of another kind, or not whole is refused, and counted`() async throws {
        var limits = ReceiverLimits()
        (limits.body, limits.unpackedBody) = (4096, 4096)
        let body = try node().body()
        try #require(body.count > 4096)
        try await serving(limits: limits) { url in
            let path = url + "/v1/posture"
            #expect(try await ask(path, body: body).status == 413)
            #expect(try await ask(path, ["content-type": "text/plain"], body: []).status == 400)
            #expect(try await ask(path, ["content-encoding": "br"], body: []).status == 400)
            #expect(try await ask(path, ["content-encoding": "gzip"], body: [1, 2, 3]).status == 400)
            let wrong = try await ask(path, ["content-type": "application/json"], body: Array("{}".utf8))
            #expect(wrong.status == 400 && wrong.body == #"{"error":"there are no records"}"# + "\n")
            #expect(try await ask(url + "/v1/events", body: []).status == 405)
            let metrics = try await ask(url + "/metrics").body
            #expect(metrics.contains("sensord_receiver_refused_total{reason=\"tooLarge\"} 1\n"))
            #expect(metrics.contains("sensord_receiver_refused_total{reason=\"malformed\"} 4\n"))
        }
    }
}
