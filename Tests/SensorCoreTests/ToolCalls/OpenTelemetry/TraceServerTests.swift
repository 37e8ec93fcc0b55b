// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(5))) struct TraceServerTests {
    private struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    private static var log: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    private static let hierarchy = CgroupHierarchy.current()
    /// These tests themselves, as the kernel has them.
    private static let own = CallSenders(hierarchy: hierarchy).sender(UInt32(getpid()))

    private let told = NIOLockedValueBox<[SpanCall]>([])
    private let statistics = NIOLockedValueBox(TraceStatistics())

    private typealias Post = (
        _ body: [UInt8], _ headers: [(String, String)], _ path: String, _ method: HTTPMethod
    ) async throws -> Answer

    /// Serves while `body` asks.
    private func serving(
        _ address: TraceServer.Address, limits: TraceAllowance.Limits = .init(),
        connectionTime: TimeAmount = .seconds(10), workloadConnections: Int = 8,
        _ body: (Post, TraceServer.Address) async throws -> Void
    ) async throws {
        let receiver = TraceReceiver(forwarder: nil, limits: limits, clock: { .now() }) { [told] change in
            if case .span(let call) = change { told.withLockedValue { $0.append(call) } }
        }
        let (addresses, place) = AsyncStream<TraceServer.Address>.makeStream()
        let server = TraceServer(
            address, senders: TraceSenders(hierarchy: Self.hierarchy), receiver: receiver,
            group: MultiThreadedEventLoopGroup.singleton, log: Self.log, workloadConnections: workloadConnections,
            connectionTime: connectionTime,
            running: { place.yield($0) })
        let running = Task { try await server.run() }
        let bound = try #require(await addresses.first { _ in true })
        let base =
            switch bound {
            case .tcp(let address): "http://\(address)"
            case .unix(let path): "http+unix://\(path.replacing("/", with: "%2F"))"
            }
        defer { statistics.withLockedValue { $0 = receiver.statistics } }
        try await body(
            { bytes, headers, path, method in
                var request = HTTPClientRequest(url: base + path)
                request.method = method
                for (name, value) in headers { request.headers.add(name: name, value: value) }
                if method == .POST { request.body = .bytes(ByteBuffer(bytes: bytes)) }
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
                let body = try await response.body.collect(upTo: 1 << 20)
                return Answer(
                    status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView))
            }, bound)
        running.cancel()
        try await running.value
    }

    /// The recorded request, with times that are just over.
    private func request() -> [UInt8] {
        let now = ClockReading.now()
        let wall = now.wall(now.boot) - 5_000_000_000
        var bytes = TraceRecording.protobuf
        for offset in stride(from: UInt64(0), through: 3_000_000_000, by: 100_000_000) {
            let (old, new) = [TraceRecording.begin + offset, wall + offset].map { time in
                withUnsafeBytes(of: time.littleEndian) { Array($0) }
            }.pair
            while let place = bytes.firstRange(of: old) { bytes.replaceSubrange(place, with: new) }
        }
        return bytes
    }

    private static let protobuf = [("content-type", "application/x-protobuf")]

    @Test func `over TCP a sender is who holds the other end`() async throws {
        let own = try #require(Self.own)
        try await serving(.tcp(ListenAddress(port: 0))) { post, _ in
            let answer = try await post(request(), Self.protobuf, "/v1/traces", .POST)
            #expect(answer.status == 200)
            #expect(answer.headers.first(name: "content-type") == "application/x-protobuf")
            #expect(answer.body.isEmpty)
        }
        let calls = told.withLockedValue { $0 }
        #expect(calls.map(\.id) == ["1111111111111113", "call_1"])
        #expect(calls.map(\.cgroup) == [own.cgroup, own.cgroup])
        #expect(calls.map(\.process) == [own.process.id, own.process.id])
    }

    @Test func `over IPv6 as well`() async throws {
        let own = try #require(Self.own)
        try await serving(.tcp(ListenAddress(host: "::1", port: 0))) { post, _ in
            let status1 = try await post(request(), Self.protobuf, "/v1/traces", .POST).status
            #expect(status1 == 200)
        }
        #expect(told.withLockedValue { $0.map(\.process) } == [own.process.id, own.process.id])
    }

    @Test func `over a Unix socket a sender is who has connected, and anyone may`() async throws {
        let own = try #require(Self.own)
        let folder = try TestDirectory()
        let path = folder.path + "/otlp.sock"
        try await serving(.unix(path)) { post, _ in
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o666)
            let status2 = try await post(request(), Self.protobuf, "/v1/traces", .POST).status
            #expect(status2 == 200)
        }
        #expect(told.withLockedValue { $0.map(\.process) } == [own.process.id, own.process.id])
        #expect(access(path, F_OK) != 0)
    }

    @Test(.enabled(if: geteuid() == 0, "making a network namespace takes root"))
    func `a sender in a network namespace of its own is found there`() async throws {
        let own = try #require(Self.own)
        let (name, network) = ("otlp\(getpid())", "198.18.\(getpid() % 250)")
        let folder = try TestDirectory()
        let bytes = request()
        let descriptor = open(folder.path + "/body", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        try Child.shell("ip netns add \(name)")
        // Takes both ends of the link along.
        defer { _ = try? Child.shell("ip netns delete \(name)") }
        try Child.shell(
            """
            set -e
            ip link add \(name)a type veth peer name \(name)b netns \(name)
            ip address add \(network).1/24 dev \(name)a
            ip link set \(name)a up
            ip -n \(name) address add \(network).2/24 dev \(name)b
            ip -n \(name) link set \(name)b up
            """)
        var process: UInt32?
        try await serving(.tcp(ListenAddress(host: "\(network).1", port: 0))) { _, bound in
            let command = """
                exec ip netns exec \(name) curl -sf -m 20 -H 'content-type: application/x-protobuf' \
                --data-binary @\(folder.path)/body http://\(bound)/v1/traces
                """
            // Waits for it, which threads of Swift concurrency must not.
            process = await Worker.value("curl") { try? Child.shell(command) } ?? nil
        }
        let sender = try #require(process)
        let calls = told.withLockedValue { $0 }
        #expect(calls.map(\.process) == [sender, sender])
        #expect(calls.map(\.cgroup) == [own.cgroup, own.cgroup])
    }

    @Test func `what the specification has an answer for gets it`() async throws {
        try await serving(.tcp(ListenAddress(port: 0))) { post, _ in
            let json = [("content-type", "application/json; charset=utf-8")]
            let taken = try await post(Array("{}".utf8), json, "/v1/traces", .POST)
            #expect(taken.status == 200)
            #expect(String(decoding: taken.body, as: UTF8.self) == "{}")
            let status3 = try await post([], Self.protobuf, "/v1/traces", .POST).status
            #expect(status3 == 200)
            let status4 = try await post([0x0b], Self.protobuf, "/v1/traces", .POST).status
            #expect(status4 == 400)
            let status5 = try await post([], [("content-type", "text/plain")], "/v1/traces", .POST).status
            #expect(status5 == 415)
            let status6 = try await post([], [], "/v1/traces", .POST).status
            #expect(status6 == 415)
            let packed = Self.protobuf + [("content-encoding", "br")]
            let status7 = try await post([1], packed, "/v1/traces", .POST).status
            #expect(status7 == 415)
            let status8 = try await post([], Self.protobuf, "/v1/metrics", .POST).status
            #expect(status8 == 404)
            let status9 = try await post([], Self.protobuf, "/v1/traces", .GET).status
            #expect(status9 == 405)
            let gzip = Self.protobuf + [("content-encoding", "gzip")]
            let zeros = Array(repeating: TraceRecording.packedZeros, count: 9).flatMap { $0 }
            let status11 = try await post(zeros, gzip, "/v1/traces", .POST).status
            #expect(status11 == 413)
            let status12 = try await post(TraceRecording.gzip, gzip, "/v1/traces", .POST).status
            #expect(status12 == 200)
        }
    }

    @Test func `a workload that holds more connections than it may loses the latest`() async throws {
        let folder = try TestDirectory()
        let path = folder.path + "/otlp.sock"
        try await serving(.unix(path), workloadConnections: 2) { post, _ in
            let held = try (0..<2).map { _ in try connect(to: path) }
            // Both are known before the next one comes.
            try await Task.sleep(for: .milliseconds(300))
            let third = try connect(to: path)
            let descriptor = third.duplicate()
            defer { close(descriptor) }
            // Waits for the end, which threads of Swift concurrency must not.
            let end = await Worker.value("end") {
                var byte: UInt8 = 0
                return recv(descriptor, &byte, 1, 0)
            }
            #expect(end == 0)
            held[0].close()
            var status = 0
            for _ in 0..<1200 where status != 200 {
                status = (try? await post(request(), Self.protobuf, "/v1/traces", .POST).status) ?? 0
                if status != 200 { try await Task.sleep(for: .milliseconds(50)) }
            }
            #expect(status == 200)
            held[1].close()
        }
        let counted = statistics.withLockedValue { $0 }
        #expect(counted.refused[.connections] ?? 0 >= 1)
        #expect(counted.requests >= 1 && counted.calls == 2)
    }

    private func connect(to path: String) throws -> SocketEnd {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let end = SocketEnd(descriptor)
        guard UnixAddress.with(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            throw SystemError("connect to \(path)")
        }
        return end
    }

    @Test func `what is refused is counted by its reason`() async throws {
        try await serving(.tcp(ListenAddress(port: 0))) { post, _ in
            _ = try await post([0x0b], Self.protobuf, "/v1/traces", .POST)
            _ = try await post([], Self.protobuf, "/v1/metrics", .POST)
            _ = try await post([], [], "/v1/traces", .POST)
        }
        let counted = statistics.withLockedValue { $0 }
        #expect(counted.requests == 3 && counted.refused == [.malformed: 1, .unsupported: 2])
    }

    /// With a client that reads no answer before it has sent everything.
    @Test func `a body that is too long is told to be, to whoever sends it all the same`() async throws {
        let script = """
            import http.client, sys
            for chunked in (False, True):
                connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
                pieces = (bytes(65536) for _ in range(\(TraceReceiver.bodyLimit / 65536 + 1)))
                headers = {"content-type": "application/x-protobuf"}
                if not chunked:
                    headers["content-length"] = str(\(TraceReceiver.bodyLimit + 65536))
                connection.request("POST", "/v1/traces", pieces, headers, encode_chunked=chunked)
                print(connection.getresponse().status)
            """
        let folder = try TestDirectory()
        try await serving(.tcp(ListenAddress(port: 0))) { _, bound in
            let command = "python3 -c '\(script)' \(bound) > \(folder.path)/statuses"
            _ = await Worker.value("client") { try? Child.shell(command) }
        }
        #expect(try SmallFile.read(folder.path + "/statuses", limit: 64) == Array("413\n413\n".utf8))
    }

    @Test func `who sends too much is told when to come again`() async throws {
        var limits = TraceAllowance.Limits()
        (limits.calls, limits.burst) = (1, 1)
        try await serving(.tcp(ListenAddress(port: 0)), limits: limits) { post, _ in
            let status13 = try await post(request(), Self.protobuf, "/v1/traces", .POST).status
            #expect(status13 == 200)
            let status14 = try await post(request(), Self.protobuf, "/v1/traces", .POST).status
            #expect(status14 == 429)
            let answer = try await post(request(), Self.protobuf, "/v1/traces", .POST)
            #expect(answer.headers.first(name: "retry-after").flatMap { Int($0) } ?? 0 > 0)
        }
    }

    @Test func `who sends nothing is not waited for`() async throws {
        try await serving(.tcp(ListenAddress(port: 0)), connectionTime: .seconds(3)) { post, bound in
            // Time enough for who does ask, on a machine with much else to do.
            guard case .tcp(let address) = bound else { return }
            let silent = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: address.host, port: address.port).get()
            try await silent.closeFuture.get()
            let status15 = try await post(request(), Self.protobuf, "/v1/traces", .POST).status
            #expect(status15 == 200)
        }
    }

    @Test func `a connection is found in the kernel's tables by both its ends`() throws {
        let text = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:10DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0
               1: 0200000A:A001 0100000A:10DE 01 00000000:00000000 02:00000A8C 00000000  1000        0 4242 2 0 20 4
               2: 0200000A:A002 0100000A:10DE 06 00000000:00000000 03:00000A8C 00000000     0        0 0 3 0
            """
        let table = ConnectionTable(text)
        func end(_ address: String, _ port: UInt16) throws -> TraceSenders.End {
            TraceSenders.End(address: try #require(IPAddress(address)), port: port)
        }
        #expect(try table.inode(local: end("10.0.0.2", 0xa001), remote: end("10.0.0.1", 4318)) == 4242)
        #expect(try table.inode(local: end("10.0.0.2", 0xa002), remote: end("10.0.0.1", 4318)) == nil)
        #expect(try table.inode(local: end("10.0.0.2", 0xa001), remote: end("10.0.0.9", 4318)) == nil)
        #expect(try table.inode(local: end("127.0.0.1", 4318), remote: end("10.0.0.1", 4318)) == nil)
    }

    @Test func `a connection that there is none of has no sender`() throws {
        let senders = TraceSenders(hierarchy: Self.hierarchy)
        let loopback = try #require(IPAddress("127.0.0.1"))
        let (remote, local) = (
            TraceSenders.End(address: loopback, port: 1), TraceSenders.End(address: loopback, port: 2)
        )
        #expect(senders.sender(remote: remote, local: local) == nil)
    }
}

extension Array {
    fileprivate var pair: (Element, Element) { (self[0], self[1]) }
}
