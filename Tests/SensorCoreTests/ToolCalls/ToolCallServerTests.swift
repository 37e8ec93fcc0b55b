// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import FoundationEssentials
import Glibc
import NIOConcurrencyHelpers
import SensorTestSupport
import Testing

@testable import SensorCore

/// A server on a socket of its own, and what it has told.
private final class RunningServer {
    private let directory: TestDirectory
    let marker = NotedMarker()
    private let told = NIOLockedValueBox<[CallChange]>([])
    private let refused = NIOLockedValueBox<[UInt32]>([])
    /// As long as it keeps up, all that waits is taken after each message.
    private let pipeline = NIOLockedValueBox((keepsUp: true, backlog: CallInbox.Backlog()))
    let hearing: CallHearing
    private var knownAnswers: UInt64 = 0
    let server: ToolCallServer

    /// - Parameter beginTime: that the beginning of a call takes, ns.
    init(beginTime: UInt64 = 0, _ change: (inout ToolCallServer.Limits) -> Void = { _ in }) throws {
        directory = try TestDirectory()
        var limits = ToolCallServer.Limits()
        change(&limits)
        hearing = try CallHearing()
        server = try ToolCallServer(
            listener: ToolCallListener(runDirectory: directory.path), marker: marker,
            senders: CallSenders(hierarchy: .current()), limits: limits, hearing: hearing,
            backlog: { [pipeline] in
                pipeline.withLockedValue {
                    if $0.keepsUp { $0.backlog.takes += 1 }
                    return $0.backlog
                }
            },
            crowded: { [refused] process in refused.withLockedValue { $0.append(process) } },
            tell: { [told] change in
                told.withLockedValue { $0.append(change) }
                guard case .begun = change else { return }
                let began = KernelSession.bootTime()
                while KernelSession.bootTime() &- began < beginTime {}
            })
    }

    deinit { server.stop() }

    var changes: [CallChange] { told.withLockedValue { $0 } }
    /// Processes whose connections were refused, as far as that is told.
    var crowded: [UInt32] { refused.withLockedValue { $0 } }
    var begun: [ToolCall] { changes.compactMap { if case .begun(let call) = $0 { call } else { nil } } }
    var ended: [CallEnd] { changes.compactMap { if case .ended(let end) = $0 { end } else { nil } } }

    /// - Parameter waiting: what others have put there.
    func fallBehind(waiting: Int) { pipeline.withLockedValue { $0 = (false, CallInbox.Backlog(changes: waiting)) } }

    /// Up to when everybody has been heard, by a look that began after this call did.
    func heard() throws -> HeardTimes {
        let asked = KernelSession.bootTime()
        var heard = HeardTimes()
        try eventually {
            hearing.ask()
            heard = hearing.answer(after: &knownAnswers) ?? heard
            return heard.all >= asked
        }
        return heard
    }

    func catchUp() { pipeline.withLockedValue { $0 = (true, CallInbox.Backlog()) } }

    func connect() throws -> SocketEnd {
        let path = ToolCallListener.path(in: directory.path)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let end = SocketEnd(descriptor)
        guard UnixAddress.with(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            throw SystemError("connect to \(path)")
        }
        return end
    }
}

/// As a client reads it.
private struct Answer: Decodable, Equatable {
    var type: String
    var seq: UInt64?
    var span: String?
    var scope: String?
    var code: String?
}

extension SocketEnd {
    fileprivate func answer() throws -> Answer {
        let line = try #require(self.line())
        return try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
    }

    fileprivate func ask(_ line: String) throws -> Answer {
        send(line + "\n")
        return try answer()
    }

    /// Opens a session.
    fileprivate func hello(_ session: String = "s") throws {
        #expect(try ask(#"{"type":"hello","protocol":1,"session":"\#(session)"}"#).type == "ack")
    }
}

@Suite struct ToolCallServerTests {
    @Test func `a client announces, acts and ends`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        try client.hello()
        let begun = try client.ask(
            #"{"type":"begin","seq":2,"session":"s","call":{"id":"c","name":"read"},"threadId":\#(sensor_thread_id())}"#
        )
        #expect(begun == Answer(type: "ack", seq: 2, span: "1", scope: "thread"))
        let call = try #require(running.begun.first)
        #expect(call.process == UInt32(getpid()) && call.thread == UInt32(sensor_thread_id()))
        #expect(!running.marker.isEmpty)
        #expect(try client.ask(#"{"type":"end","session":"s","call":{"id":"c"}}"#).type == "ack")
        #expect(running.marker.isEmpty)
        #expect(running.ended.map(\.status) == ["ok"])
    }

    @Test func `after each error the connection is as good as before`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        for (line, code) in [
            ("nonsense", "malformed"), (#"{"type":"hello","seq":1"#, "malformed"),
            (#"{"type":"wave"}"#, "unknown_type"),
            (String(repeating: "x", count: 70_000), "too_large"), ("\u{0}", "malformed"),
            (#"{"type":"begin","session":"s","call":{"id":"c"}}"#, "unknown_session"),
            (#"{"type":"hello","protocol":9,"session":"s"}"#, "unsupported_protocol"),
        ] {
            #expect(try client.ask(line).code == code)
        }
        client.send([0xff, 10])
        #expect(try client.answer().code == "malformed")
        try client.hello()
    }

    @Test func `many clients are served at once`() throws {
        let running = try RunningServer()
        let clients = try (0..<40).map { _ in try running.connect() }
        for (number, client) in clients.enumerated() {
            client.send(#"{"type":"hello","protocol":1,"session":"s\#(number)"}"# + "\n")
        }
        for client in clients { #expect(try client.answer().type == "ack") }
        for (number, client) in clients.enumerated() {
            for call in 0..<5 {
                client.send(
                    #"{"type":"begin","seq":\#(call),"session":"s\#(number)","call":{"id":"c\#(call)"}}"# + "\n")
            }
        }
        var spans: Set<String> = []
        for client in clients {
            for call in 0..<5 {
                let answer = try client.answer()
                #expect(answer.seq == UInt64(call))
                spans.insert(answer.span ?? "")
            }
        }
        #expect(spans.count == 200)
        #expect(running.begun.count == 200)
    }

    @Test func `what a client leaves open when it vanishes is abandoned`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        try client.hello()
        _ = try client.ask(#"{"type":"begin","session":"s","call":{"id":"c"}}"#)
        client.close()
        try eventually { running.ended.map(\.status) == ["abandoned"] }
        try eventually { running.marker.isEmpty }
    }

    @Test(arguments: [(#"{"type":"session.end","session":"s"}"#, nil), (#"{"type":"session.e"#, "malformed")])
    func `a half-closed client gets its answers, also to a line that ends with the connection`(
        _ rest: String, _ code: String?
    ) throws {
        let running = try RunningServer()
        let client = try running.connect()
        client.send(#"{"type":"hello","protocol":1,"session":"s"}"# + "\n" + #"{"type":"wave"}"# + "\n" + rest)
        client.shut()
        #expect(try client.answer().type == "ack")
        #expect(try client.answer().code == "unknown_type")
        #expect(try client.answer().code == code)
        #expect(client.line() == nil)
    }

    @Test func `a client that never reads does not keep another waiting`() throws {
        let running = try RunningServer()
        let slow = try running.connect()
        let quick = try running.connect()
        try quick.hello()
        // More answers than both sockets hold: sending would block, so it is a child that sends.
        let writer = try SocketWriter(slow, count: 20_000, line: #"{"type":"wave"}"#)
        for number in 0..<200 {
            #expect(try quick.ask(#"{"type":"wave","seq":\#(number)}"#).code == "unknown_type")
        }
        writer.stop()
        slow.close()
        #expect(try quick.ask(#"{"type":"wave","seq":999}"#).seq == 999)
    }

    @Test func `a workload that says too much in a second is told so, with the message's number`() throws {
        let running = try RunningServer { $0.workload.messages = 20 }
        let client = try running.connect()
        for number in 1...60 { client.send(#"{"type":"wave","seq":\#(number)}"# + "\n") }
        var codes: [String] = []
        for number in 1...60 {
            let answer = try client.answer()
            #expect(answer.seq == UInt64(number))
            codes.append(answer.code ?? "")
        }
        #expect(codes.contains("rate_limited") && codes.contains("unknown_type"))
        // What was refused often enough waits for the next second, in which it may speak again.
        try eventually { (try? client.ask(#"{"type":"wave"}"#).code) == "unknown_type" }
        try eventually { (running.server.statistics.refused[.messages] ?? 0) > 0 }
    }

    @Test func `a workload may have so many connections`() throws {
        let running = try RunningServer { $0.workload.connections = 3 }
        let clients = try (0..<3).map { _ in try running.connect() }
        for (number, client) in clients.enumerated() { try client.hello("s\(number)") }
        let more = try running.connect()
        #expect(try more.answer().code == "rate_limited")
        #expect(more.line() == nil)
        #expect(try running.connect().answer().code == "rate_limited")
        #expect(running.crowded == [UInt32(getpid())])
        clients[0].close()
        // As soon as the server has noticed.
        try eventually {
            let again = try running.connect()
            again.send(#"{"type":"hello","protocol":1,"session":"again"}"# + "\n")
            return (try? again.answer())?.type == "ack"
        }
    }

    @Test(arguments: [
        (others: 0, share: CallAccount.waitingLimit), (CallAccount.backlogLimit, CallAccount.waitingShare),
    ])
    func `while the pipeline does not keep up a workload begins so many calls, and ends them all`(
        _ backlog: (others: Int, share: Int)
    ) throws {
        let running = try RunningServer { $0.workload.calls = .max }
        let client = try running.connect()
        try client.hello()
        running.fallBehind(waiting: backlog.others)
        func begin(_ number: Int) throws -> Answer {
            try client.ask(#"{"type":"begin","session":"s","scope":"none","call":{"id":"\#(number)"}}"#)
        }
        var number = 0
        while try begin(number).type == "ack", number <= backlog.share { number += 1 }
        #expect(number == backlog.share)
        #expect(try begin(number).code == "rate_limited")
        for number in 0..<number {
            let end = try client.ask(#"{"type":"end","session":"s","call":{"id":"\#(number)"}}"#)
            #expect(end.type == "ack")
        }
        try eventually { running.server.statistics.refused[.backlog] == 2 }
        running.catchUp()
        #expect(try begin(number).type == "ack")
    }

    @Test func `a process that ends abandons its call though its connection is held by another`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        // It has to live until it is looked up, and tells by its end that it has been.
        try client.hello()
        let pid = try client.sendByAnother(
            #"{"type":"begin","session":"s","call":{"id":"c"}}"# + "\n", untilAnswered: true)
        let call = try #require(running.begun.first)
        #expect(call.process == pid)
        try eventually { running.ended.map(\.status) == ["abandoned"] }
        #expect(try client.ask(#"{"type":"begin","session":"s","call":{"id":"d"}}"#).type == "ack")
    }

    @Test(.enabled(if: geteuid() == 0, "to move a process to another cgroup takes root"))
    func `a process of another cgroup cannot end a call, even on its client's own connection`() throws {
        let cgroup = try TestCgroup("spoof")
        let running = try RunningServer()
        let client = try running.connect()
        try client.hello()
        _ = try client.ask(#"{"type":"begin","session":"s","call":{"id":"c"}}"#)
        let pid = try client.sendByAnother(
            #"{"type":"end","session":"s","call":{"id":"c"}}"# + "\n", after: cgroup.enter, untilAnswered: true)
        #expect(running.ended.isEmpty)
        let told = running.changes.compactMap { change in
            if case .anomaly(let anomaly, let origin) = change { (anomaly, origin) } else { nil }
        }
        #expect(told.map(\.0.rule) == [.identityMismatch, .identityMismatch])
        #expect(told.map(\.1.process) == [UInt32(getpid()), pid])
        #expect(told[0].0.came.contains("process \(pid)") && told[1].0.came.contains("process \(getpid())"))
        #expect(told[1].1.cgroup == cgroup.identifier)
        #expect(try client.ask(#"{"type":"end","session":"s","call":{"id":"c"}}"#).type == "ack")
        #expect(running.ended.map(\.status) == ["ok"])
    }

    @Test func `what was sent before a question was taken in before its answer`() throws {
        let running = try RunningServer()
        let clients = try (0..<4).map { _ in try running.connect() }
        for (number, client) in clients.enumerated() { try client.hello("s\(number)") }
        for call in 1...100 {
            for (number, client) in clients.enumerated() {
                let call = #""session":"s\#(number)","call":{"id":"\#(call)"}}"# + "\n"
                client.send(#"{"type":"begin","scope":"none",\#(call){"type":"end",\#(call)"#)
            }
            let heard = try running.heard()
            #expect(heard.behind.isEmpty)
            #expect(running.ended.count == 4 * call)
        }
    }

    @Test func `what is sent on a connection that nobody has accepted yet counts as unheard, or was taken in`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        try client.hello()
        let workload = try #require(CallSenders(hierarchy: .current()).sender(UInt32(getpid()))).workload
        for call in 1...30 {
            _ = try client.ask(#"{"type":"begin","scope":"none","session":"s","call":{"id":"\#(call)"}}"#)
            let other = try running.connect()
            other.send(#"{"type":"end","session":"s","call":{"id":"\#(call)"}}"# + "\n")
            let sent = KernelSession.bootTime()
            let heard = try running.heard()
            if heard.time(of: workload) >= sent { #expect(running.ended.count == call) }
            try eventually { try running.heard().time(of: workload) >= sent }
            #expect(running.ended.count == call)
        }
    }

    @Test func `of a workload that is not listened to it is known that it was not heard`() throws {
        let running = try RunningServer { $0.workload.messages = 20 }
        let workload = try #require(CallSenders(hierarchy: .current()).sender(UInt32(getpid()))).workload
        let client = try running.connect()
        try client.hello()
        var last: UInt64 = 0
        var ended: [UInt64] = []
        // Once more where the second in which it may say no more was over before anybody was asked.
        try eventually {
            last += 1
            let call = #""session":"s","call":{"id":"\#(last)"}}"#
            try eventually { try client.ask(#"{"type":"begin","scope":"none",\#(call)"#).type == "ack" }
            client.send(String(repeating: #"{"type":"wave"}"# + "\n", count: 200))
            for _ in 0..<200 { _ = try client.answer() }
            client.send(#"{"type":"end",\#(call)"# + "\n")
            let sent = KernelSession.bootTime()
            let heard = try running.heard()
            let isUnheard = heard.time(of: workload) < sent
            let known = running.ended.count
            // Nobody else is kept waiting.
            #expect(heard.time(of: workload &+ 1) >= sent)
            try eventually { try running.heard().time(of: workload) >= sent }
            // On a slow machine it may be one message too many itself.
            if try client.answer().type == "ack" { ended.append(last) }
            if !isUnheard { #expect(known == ended.count) }
            #expect(running.ended.map(\.number) == ended)
            return isUnheard && ended.last == last
        }
    }

    @Test func `who sends much work at once keeps nobody else waiting for all of it`() throws {
        let running = try RunningServer(beginTime: 5_000_000)
        let client = try running.connect()
        try client.hello()
        let count = 100
        let lines = (0..<count).map { #"{"type":"begin","seq":\#($0),"session":"s","call":{"id":"c\#($0)"}}"# + "\n" }
        client.send(lines.joined())
        try eventually { !running.begun.isEmpty }
        let heard = try running.heard()
        #expect(!heard.behind.isEmpty && running.begun.count < count)
        for number in 0..<count {
            let answer = try client.answer()
            #expect(answer.type == "ack" && answer.seq == UInt64(number))
        }
        try eventually { try running.heard().behind.isEmpty }
    }

    @Test func `what was sent before a server stops is taken in`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        try client.hello()
        let sent = KernelSession.bootTime()
        running.server.stop()
        var known: UInt64 = 0
        #expect(try #require(running.hearing.answer(after: &known)).all >= sent)
        #expect(running.hearing.answer(after: &known) == nil)
    }

    @Test func `a server that stops leaves calls open, and nothing acts for them any more`() throws {
        let running = try RunningServer()
        let client = try running.connect()
        try client.hello()
        _ = try client.ask(#"{"type":"begin","session":"s","call":{"id":"c"}}"#)
        running.server.stop()
        #expect(running.ended.isEmpty)
        #expect(running.marker.isEmpty)
        #expect(client.line() == nil)
        try eventually { (try? running.connect()) == nil }
        #expect(running.server.statistics.messages == 2)
    }
}

@Suite struct CallSendersTests {
    private let senders = CallSenders(hierarchy: .current())

    @Test func `a sender is who /proc says it is`() throws {
        let sender = try #require(senders.sender(UInt32(getpid())))
        #expect(sender.process.id == UInt32(getpid()))
        #expect(sender.cgroup != 0)
        #expect(senders.lives(sender.process))
        #expect(!senders.isReplaced(sender.process))
        let before = CallTask(id: sender.process.id, start: sender.process.start &+ 1)
        #expect(!senders.lives(before) && senders.isReplaced(before))
        #expect(senders.sender(0) == nil)
    }

    @Test func `no more tasks are looked at for a tree than may be`() throws {
        let sender = try #require(senders.sender(UInt32(getpid())))
        var tasksLeft = 100_000
        let tree = try #require(senders.tree(sender, tasksLeft: &tasksLeft))
        #expect(tree.first == sender.process)
        // These tests have several threads, of which each is looked at.
        let looks = 100_000 - tasksLeft
        #expect(looks > 1)
        tasksLeft = 1
        #expect(senders.tree(sender, tasksLeft: &tasksLeft) == nil)
        #expect(tasksLeft < 0 && tasksLeft > -3)
    }

    @Test func `a thread is one of the process's own`() throws {
        let process = try #require(senders.sender(UInt32(getpid()))).process
        #expect(senders.thread(UInt32(sensor_thread_id()), of: process)?.id == UInt32(sensor_thread_id()))
        #expect(senders.thread(1, of: process) == nil)
        #expect(senders.thread(.max, of: process) == nil)
    }
}

/// Writes lines to a socket on a thread of its own, as long as they are taken.
private final class SocketWriter {
    private let worker: Worker
    private let isStopping = NIOLockedValueBox(false)

    init(_ end: SocketEnd, count: Int, line: String) throws {
        let descriptor = end.duplicate()
        let bytes = Array((line + "\n").utf8)
        worker = try Worker(name: "writer") { [isStopping] in
            defer { close(descriptor) }
            for _ in 0..<count where !isStopping.withLockedValue({ $0 }) {
                var rest = bytes[...]
                while !rest.isEmpty, !isStopping.withLockedValue({ $0 }) {
                    let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                    let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
                    if sent > 0 { rest = rest.dropFirst(sent) }
                    if sent < 0, errno != EAGAIN, errno != EINTR { return }
                    if sent < 0 {
                        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                        _ = poll(&entry, 1, 10)
                    }
                }
            }
        }
    }

    func stop() {
        isStopping.withLockedValue { $0 = true }
        _ = worker.join(milliseconds: -1)
    }
}
