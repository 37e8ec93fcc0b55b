// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorCore
import SensorTestSupport
import Testing

/// A collector without a kernel: does at once what it is asked.
private final class InstantController: StreamController {
    private struct State {
        var plans: [StreamPlan] = []
        var summary = CollectorSummary()
        var isFull = false
    }

    private let state = NIOLockedValueBox(State())

    var plan: StreamPlan? { state.withLockedValue { $0.plans.last } }

    func lose(_ count: UInt64) {
        state.withLockedValue {
            $0.summary.losses.add(
                LossLedger.Key(cgroup: 1, hook: Via.sysExit.rawValue, reason: LossReason.ringFull.rawValue, kind: 10),
                count: count)
        }
    }

    /// From now on the kernel has no room.
    func refuse() { state.withLockedValue { $0.isFull = true } }

    func setStream(_ plan: StreamPlan, leaving: Set<UInt32>) throws(KernelError) {
        let isFull = state.withLockedValue { state in
            state.plans.append(plan)
            return state.isFull && plan.stream != .none
        }
        if isFull { throw KernelError(.systemCall, "cannot add to the scope", errorNumber: E2BIG) }
    }

    func drained() -> CollectorSummary { state.withLockedValue { $0.summary } }
}

@Suite struct ControlServerTests {
    private let directory: TestDirectory
    private let controller = InstantController()
    private let hub = TailHub()
    private let server: ControlServer
    private let recent = RecentEvents(stream: "s", capacity: 2)

    init() throws {
        directory = try TestDirectory()
        var limits = ControlServer.Limits(queueBytes: 64 << 10, tails: 3)
        limits.patience = 200_000_000
        server = try ControlServer(
            listener: ControlListener(runDirectory: directory.path), stream: "s", hub: hub, recent: recent,
            controller: controller, limits: limits)
    }

    private func connect() throws -> Int32 {
        try #require(try ControlSocket.connect(in: directory.path))
    }

    private func attach(_ request: TailRequest = TailRequest(filter: EventFilter())) throws -> ControlClient {
        let client = ControlClient(descriptor: try connect())
        try client.request(request)
        #expect(try client.receive(milliseconds: 5000) == .accepted)
        return client
    }

    private func event(_ sequence: UInt64, pid: UInt32 = 7, padding: Int = 0) -> Event {
        let path = ByteString("/" + String(repeating: "x", count: padding))
        let process = ProcessDescription(id: "b-\(pid)-1", pid: pid, parentID: "b-1-1", executable: "/bin/true")
        return Event(
            sequence: sequence, time: 1, bootTime: 1, kind: .fileOpen, isStreamed: true, process: process,
            workload: .unknown(), detail: .file(FileDetail(path: path)), via: .sysExit)
    }

    /// All that comes until the summary.
    private func rest(of client: ControlClient) throws -> (lines: Int, summary: TailSummary) {
        var lines = 0
        while let message = try client.receive(milliseconds: 5000) {
            switch message {
            case .accepted, .explanation, .resent: break
            case .events(let bytes): lines += bytes.count { $0 == UInt8(ascii: "\n") }
            case .summary(let summary): return (lines, summary)
            }
        }
        throw Timeout()
    }

    /// Whether the server has closed the connection.
    private func isClosed(_ descriptor: Int32) throws -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while poll(&entry, 1, 5000) > 0 {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { return count == 0 || errno == ECONNRESET }
        }
        return false
    }

    @Test func `a tail gets its events, its losses and its summary`() throws {
        defer { server.stop() }
        controller.lose(5)
        var filter = EventFilter()
        filter.pids = [7]
        let client = try attach(TailRequest(filter: filter))
        #expect(controller.plan?.stream == .scoped)
        #expect(controller.plan?.pids == [7])
        hub.receive([event(1), event(2, pid: 8), event(3)])
        controller.lose(2)
        try client.finish()
        let (lines, summary) = try rest(of: client)
        #expect(lines == 2)
        #expect(summary.text == "shown 2, lost 2 (sys_exit 2)")
        try eventually { controller.plan?.stream == KernelSession.Stream.none }
    }

    @Test func `who wants something sent again waits until it is known what became of it`() throws {
        defer { server.stop() }
        let refused = ControlClient(descriptor: try connect())
        try refused.resend()
        do {
            let answer = try refused.receive(milliseconds: 5000)
            Issue.record("\(String(describing: answer))")
        } catch {
            #expect("\(error)".contains("sends its records to nobody"))
        }
        let other = try TestDirectory()
        let waiting = NIOLockedValueBox<[@Sendable (ResendReport) -> Void]>([])
        var limits = ControlServer.Limits()
        // Whoever waits for an answer is not taken for one who says nothing.
        limits.patience = 1_000_000
        let sender = try ControlServer(
            listener: ControlListener(runDirectory: other.path), stream: "s", hub: TailHub(), recent: recent,
            controller: controller, resend: { completion in waiting.withLockedValue { $0.append(completion) } },
            limits: limits)
        defer { sender.stop() }
        let client = ControlClient(descriptor: try #require(try ControlSocket.connect(in: other.path)))
        try client.resend()
        try eventually { waiting.withLockedValue { !$0.isEmpty } }
        #expect(try client.receive(milliseconds: 50) == nil)
        var report = ResendReport()
        (report.batches, report.records) = (1, 7)
        for completion in waiting.withLockedValue({ $0 }) { completion(report) }
        #expect(try client.receive(milliseconds: 5000) == .resent(report))
    }

    @Test func `a tail that goes away takes its scope with it`() throws {
        defer { server.stop() }
        do {
            let client = try attach()
            #expect(controller.plan?.stream == .all)
            #expect(controller.plan?.workloads == [])
            _ = client
        }
        try eventually { controller.plan?.stream == KernelSession.Stream.none }
    }

    @Test func `the limit ends a tail by itself`() throws {
        defer { server.stop() }
        let client = try attach(TailRequest(filter: EventFilter(), limit: 2))
        hub.receive([event(1), event(2), event(3)])
        let (lines, summary) = try rest(of: client)
        #expect(lines == 2)
        #expect(summary.shown == 2)
    }

    @Test func `a slow tail loses events of its own, and no other does`() throws {
        defer { server.stop() }
        let slow = try attach()
        let quick = try attach()
        // More than a socket's buffers and the queue together hold.
        for number in 0..<2000 {
            hub.receive([event(UInt64(number + 1), padding: 1000)])
            if number % 8 == 0 { try drain(quick) }
        }
        try slow.finish()
        let (lines, summary) = try rest(of: slow)
        let dropped = summary.lost["subscriber"] ?? 0
        #expect(dropped > 0)
        #expect(UInt64(lines) + dropped == 2000)
        #expect(summary.shown == UInt64(lines))
        try quick.finish()
        #expect(try rest(of: quick).summary.lost["subscriber"] == nil)
    }

    /// Takes what has come so far, until the last event handed over has.
    private func drain(_ client: ControlClient) throws {
        while try client.receive(milliseconds: 20) != nil {}
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0], [255, 255, 255, 127, 1], [1, 0, 0, 0, 77],
        ControlFrame(.request, Array("{".utf8)).bytes, ControlFrame(.request, Array("{\"version\":2}".utf8)).bytes,
        ControlFrame(.finish).bytes, ControlFrame(.events, [1]).bytes, ControlFrame(.summary).bytes,
    ])
    func `a peer that speaks nonsense is turned away`(_ bytes: [UInt8]) throws {
        defer { server.stop() }
        let peer = try connect()
        defer { close(peer) }
        _ = send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        #expect(try isClosed(peer))
        let client = try attach()
        try client.finish()
        #expect(try rest(of: client).summary.shown == 0)
    }

    @Test func `a peer that says nothing, or half a word, is not waited for`() throws {
        defer { server.stop() }
        let silent = try connect()
        let halting = try connect()
        defer {
            close(silent)
            close(halting)
        }
        _ = send(halting, [40, 0, 0, 0, 1, 2], 6, Int32(MSG_NOSIGNAL))
        #expect(try isClosed(silent))
        #expect(try isClosed(halting))
    }

    @Test func `a second request ends the tail`() throws {
        defer { server.stop() }
        let client = try attach()
        try client.request(TailRequest(filter: EventFilter()))
        #expect { try rest(of: client) } throws: { $0 is ControlClient.Failure }
        try eventually { controller.plan?.stream == KernelSession.Stream.none }
    }

    @Test func `a request of a tail that waits for its last sockets ends it`() throws {
        defer { server.stop() }
        let client = try attach(TailRequest(filter: EventFilter(), root: 7))
        let process = ProcessDescription(id: "b-7-1", pid: 7, parentID: "b-1-1", executable: "/bin/true")
        let connection = NetworkDetail(
            direction: .egress, transport: .tcp, peer: Endpoint(address: IPAddress("10.0.0.1"), port: 80))
        hub.receive(
            [(EventKind.processExec, EventDetail.none), (.networkConnect, .network(connection))].map { kind, detail in
                Event(
                    sequence: 1, time: 1, bootTime: 1, kind: kind, isStreamed: true, process: process,
                    workload: .unknown(), detail: detail, via: .sysExit)
            })
        try client.finish()
        try client.explain("s-1")
        #expect { try rest(of: client) } throws: { $0 is ControlClient.Failure }
        try eventually { controller.plan?.stream == KernelSession.Stream.none }
    }

    @Test func `one tail too many is told so`() throws {
        defer { server.stop() }
        let clients = try (0..<3).map { _ in try attach() }
        let one = ControlClient(descriptor: try connect())
        #expect { try one.receive(milliseconds: 5000) } throws: { error in
            "\(error)" == "the daemon refused: too many tails are attached already"
        }
        #expect(clients.count == 3)
    }

    @Test func `a filter that cannot be is refused in words`() throws {
        defer { server.stop() }
        var filter = EventFilter()
        filter.peers = ["10.0.0.0/99"]
        let client = ControlClient(descriptor: try connect())
        try client.request(TailRequest(filter: filter))
        #expect { try client.receive(milliseconds: 5000) } throws: { "\($0)".contains("--peer 10.0.0.0/99") }
    }

    @Test func `a tail that the kernel has no room for is told so`() throws {
        defer { server.stop() }
        controller.refuse()
        let client = ControlClient(descriptor: try connect())
        try client.request(TailRequest(filter: EventFilter()))
        #expect { try client.receive(milliseconds: 5000) } throws: { "\($0)".contains("cannot add to the scope") }
        #expect(controller.plan?.stream == KernelSession.Stream.none)
    }

    @Test func `a daemon that stops gives its tails their summary`() throws {
        let client = try attach()
        hub.receive([event(1)])
        server.stop()
        let (lines, summary) = try rest(of: client)
        #expect(lines == 1)
        #expect(summary.shown == 1)
        #expect(try ControlSocket.connect(in: directory.path) == nil)
    }

    // MARK: Explaining

    private func explanation(of identifier: String) throws -> [UInt8] {
        let client = ControlClient(descriptor: try connect())
        try client.explain(identifier)
        let answer = try #require(try client.receive(milliseconds: 5000))
        guard case .explanation(let line) = answer else {
            Issue.record("no explanation but \(answer)")
            return []
        }
        return line
    }

    @Test func `whose an event is can be asked for as long as it is kept`() throws {
        let unit = WorkloadDescription(kind: "SystemdUnit", name: "nginx.service")
        recent.receive(
            (1...3).map { sequence in
                Event(sequence: sequence, time: 1, bootTime: 1, kind: .fileOpen, workload: unit, via: .sysExit)
            })
        let event = try #require(Event(json: try explanation(of: "s-3")[...]))
        #expect(event.sequence == 3)
        #expect(event.workload.name == "nginx.service")
        #expect(try explanation(of: "s-1").isEmpty)
        #expect(try explanation(of: "other-3").isEmpty)
        #expect(try explanation(of: "nonsense").isEmpty)
    }
}

@Suite struct ControlListenerTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    @Test func `the directory is the operator's alone`() throws {
        let listener = try ControlListener(runDirectory: directory.path)
        var status = stat()
        #expect(stat(directory.path + "/control", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        _ = listener
    }

    @Test func `a second daemon is told, and takes nothing away from the first`() throws {
        let first = try ControlListener(runDirectory: directory.path)
        #expect(throws: ControlListener.Refusal.self) { try ControlListener(runDirectory: directory.path) }
        #expect(access(directory.path + "/control/tail.sock", F_OK) == 0)
        _ = first
    }

    @Test func `a socket that a dead daemon left is replaced`() throws {
        mkdir(directory.path + "/control", 0o700)
        let path = directory.path + "/control/tail.sock"
        let file = open(path, O_CREAT | O_WRONLY, 0o600)
        close(file)
        #expect(try ControlSocket.connect(in: directory.path) == nil)
        let listener = try ControlListener(runDirectory: directory.path)
        let connection = try #require(try ControlSocket.connect(in: directory.path))
        close(connection)
        _ = listener
    }

    @Test func `a link in the place of the directory is not followed`() throws {
        symlink("/tmp", directory.path + "/control")
        defer { unlink(directory.path + "/control") }
        #expect(throws: SystemError.self) { try ControlListener(runDirectory: directory.path) }
    }

    @Test func `a daemon that stands still keeps nobody waiting for ever`() throws {
        let still = try TestDirectory()
        defer {
            unlink(still.path + "/control/lock")
            rmdir(still.path + "/control")
        }
        let listener = try ControlListener(runDirectory: still.path)
        var waiting: [Int32] = []
        defer { for descriptor in waiting { close(descriptor) } }
        #expect(throws: SystemError.self) {
            for _ in 0..<100 { waiting.append(try #require(try ControlSocket.connect(in: still.path, patience: 50))) }
        }
        #expect(!waiting.isEmpty)
        withExtendedLifetime(listener) {}
    }

    @Test func `no daemon is no error`() throws {
        #expect(try ControlSocket.connect(in: "/nonexistent") == nil)
        #expect(try ControlSocket.connect(in: "/" + String(repeating: "x", count: 200)) == nil)
    }
}

@Suite struct OperatorTests {
    private static let container = "0::/system.slice/docker-\(String(repeating: "ab", count: 32)).scope\n"

    @Test(arguments: [
        ("0::/user.slice/user-0.slice/session-1.scope\n", "0::/system.slice/sensord.service\n", true),
        ("12:memory:/\n0::/\n", "0::/\n", true), (container, container, true), (container, "0::/\n", false),
        ("0::/\n", container, true),
    ])
    func `who is in another container gives no orders`(_ peer: String, _ own: String, _ expected: Bool) {
        #expect(ControlSocket.isOperator(cgroups: peer, own: own) == expected)
    }
}
