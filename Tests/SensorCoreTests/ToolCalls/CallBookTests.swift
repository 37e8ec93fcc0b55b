// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct CallBookTests {
    private let fixture = BookFixture()

    // MARK: Calls

    @Test func `a call is known to the kernel before it is acknowledged, and gone when it has ended`() throws {
        #expect(try fixture.hello().type == "ack")
        let answer = try fixture.begin("c1")
        #expect(answer.type == "ack")
        #expect(answer.scope == .process)
        let call = try #require(fixture.begun.first)
        #expect(answer.span == String(call.number))
        let set = try #require(fixture.marker.set(ofProcess: BookFixture.alice.process))
        #expect(fixture.changes.contains(.set(set, members: [call.number])))
        #expect(fixture.marker.openSets == [set])
        #expect(try fixture.end("c1").type == "ack")
        #expect(fixture.marker.isEmpty)
        #expect(fixture.ended == [CallEnd(number: call.number, status: "ok", time: 5_000_000_000_000)])
        #expect(fixture.changes.last == .closed(set))
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `what is told of a call comes before the set that names it`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        let begun = fixture.changes.firstIndex { if case .begun = $0 { true } else { false } }
        let set = fixture.changes.firstIndex { if case .set = $0 { true } else { false } }
        #expect(try #require(begun) < #require(set))
    }

    @Test func `a thread of the sender acts alone for its call`() throws {
        let thread = CallTask(id: 105, start: 70)
        fixture.tasks.threads[3] = thread
        try fixture.hello()
        #expect(try fixture.begin("c1", #","threadId":3"#).scope == .thread)
        #expect(fixture.marker.set(ofThread: thread) != nil)
        #expect(fixture.marker.set(ofProcess: BookFixture.alice.process) == nil)
        #expect(fixture.begun.first?.thread == 105)
    }

    @Test(arguments: [#","threadId":4"#, #","scope":"thread""#])
    func `a thread that is not the sender's is refused, and nothing has begun`(_ more: String) throws {
        try fixture.hello()
        #expect(try fixture.begin("c1", more).code == .notYourThread)
        #expect(fixture.begun.isEmpty)
        #expect(fixture.marker.isEmpty)
        #expect(try fixture.begin("c1").type == "ack")
    }

    @Test func `a tree is the sender and its descendants`() throws {
        let child = CallTask(id: 110, start: 71)
        fixture.tasks.descendants = [child]
        try fixture.hello()
        try fixture.begin("c1", #","scope":"tree""#)
        #expect(fixture.marker.set(ofProcess: child) != nil)
        #expect(fixture.marker.set(ofProcess: child) == fixture.marker.set(ofProcess: BookFixture.alice.process))
        fixture.tasks.descendants = nil
        #expect(try fixture.begin("c2", #","scope":"tree""#).code == .rateLimited)
    }

    @Test func `what is forked while one looks for descendants is found by looking again`() throws {
        let children = (0..<4).map { CallTask(id: 110 + $0, start: 71) }
        fixture.tasks.descendants = [children[0]]
        fixture.tasks.forked = [[children[1]], [children[2], children[3]]]
        try fixture.hello()
        #expect(try fixture.begin("c1", #","scope":"tree""#).type == "ack")
        for child in children { #expect(fixture.marker.set(ofProcess: child) != nil) }
        try fixture.end("c1")
        #expect(fixture.marker.isEmpty)
    }

    @Test func `who forks without end is followed for a while`() throws {
        fixture.tasks.forked = (0..<50).map { [CallTask(id: 110 + $0, start: 71)] }
        try fixture.hello()
        #expect(try fixture.begin("c1", #","scope":"tree""#).type == "ack")
        #expect(fixture.tasks.forked.count > 30)
    }

    @Test func `a tree that grows too large while one looks is refused, and nothing acts for the call`() throws {
        fixture.tasks.becomesTooLarge = true
        try fixture.hello()
        #expect(try fixture.begin("c1", #","scope":"tree""#).code == .rateLimited)
        #expect(fixture.marker.isEmpty && fixture.ended.map(\.status) == ["error"])
    }

    @Test(arguments: [(1000, true), (1100, false)])
    func `so many tasks are looked at for a tree, in all looks`(_ descendants: Int, _ isTaken: Bool) throws {
        fixture.tasks.descendants = (0..<descendants).map { CallTask(id: UInt32(1000 + $0), start: 71) }
        try fixture.hello()
        #expect(try fixture.begin("c1", #","scope":"tree""#).code == (isTaken ? nil : .rateLimited))
        #expect(fixture.marker.isEmpty == !isTaken)
        // They count as messages.
        fixture.accounts.of(BookFixture.alice.workload).charge(CallLimits().messages - 2000)
        #expect(!fixture.accounts.of(BookFixture.alice.workload).allows(.messages))
    }

    @Test func `nobody acts for a call of scope none`() throws {
        try fixture.hello()
        #expect(try fixture.begin("c1", #","scope":"none""#).scope == CallScope.none)
        #expect(fixture.marker.isEmpty)
        #expect(try fixture.end("c1").type == "ack")
    }

    @Test(arguments: [
        (4_999_949_999_999, true), (4_999_950_000_000, false), (5_000_000_000_000, false), (6_000_000_000_000, false),
    ])
    func `nobody acts for a call whose client has given up waiting for the answer`(
        _ time: UInt64, _ isOverdue: Bool
    ) throws {
        let thread = CallTask(id: 105, start: 70)
        fixture.tasks.threads[3] = thread
        try fixture.hello()
        let answer = try fixture.begin("c1", #","threadId":3,"bootTime":"\#(time)","patience":50000000"#)
        #expect(answer.type == "ack")
        #expect(answer.scope == (isOverdue ? CallScope.none : .thread))
        #expect(fixture.begun.map(\.scope) == [answer.scope])
        #expect(fixture.marker.isEmpty == isOverdue)
        #expect(try fixture.end("c1").type == "ack")
        #expect(fixture.marker.isEmpty)
    }

    @Test func `one that does not say how long it waits, or when it began, is bound whenever it comes`() throws {
        try fixture.hello()
        #expect(try fixture.begin("c1", #","bootTime":1"#).scope == .process)
        #expect(try fixture.begin("c2", #","patience":1"#).scope == .process)
    }

    @Test func `where the kernel has no room the call is refused and told as ended`() throws {
        fixture.marker.fill()
        try fixture.hello()
        #expect(try fixture.begin("c1").code == .rateLimited)
        #expect(fixture.ended.map(\.status) == ["error"])
        #expect(fixture.ended.map(\.number) == fixture.begun.map(\.number))
        #expect(fixture.book.open.isEmpty)
        #expect(try fixture.end("c1").code == .unknownCall)
    }

    @Test func `calls of one session may overlap, and each ends alone`() throws {
        try fixture.hello()
        for call in ["c1", "c2", "c3"] { try fixture.begin(call) }
        try fixture.end("c2")
        #expect(fixture.ended.map(\.number) == [2])
        #expect(Set(fixture.book.open.keys) == [1, 3])
    }

    @Test(arguments: ["ok", "error", "cancelled", "denied"])
    func `a call ends with the status that is told`(_ status: String) throws {
        try fixture.hello()
        try fixture.begin("c1")
        try fixture.send(
            #"{"type":"end","session":"s1","call":{"id":"c1"},"status":"\#(status)","error":"it"}"#)
        #expect(fixture.ended.map(\.status) == [status])
        #expect(fixture.ended.map(\.error) == ["it"])
    }

    @Test func `a status that nobody knows ends nothing`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        let answer = try fixture.send(#"{"type":"end","session":"s1","call":{"id":"c1"},"status":"abandoned"}"#)
        #expect(answer.code == .malformed)
        #expect(fixture.ended.isEmpty)
    }

    // MARK: What is refused

    @Test(arguments: [
        (#"{"type":"hello","session":"s2"}"#, ToolCallAnswer.Code.unsupportedProtocol),
        (#"{"type":"hello","protocol":2,"session":"s2"}"#, .unsupportedProtocol),
        (#"{"type":"hello","protocol":1}"#, .malformed),
        (#"{"type":"hello","protocol":1,"session":""}"#, .malformed),
        (#"{"type":"wave"}"#, .unknownType),
        (#"{"type":"begin","session":"s1"}"#, .malformed),
        (#"{"type":"begin","session":"s1","call":{"id":""}}"#, .malformed),
        (#"{"type":"begin","session":"s9","call":{"id":"c"}}"#, .unknownSession),
        (#"{"type":"begin","session":"s1","call":{"id":"c"},"impact":"huge"}"#, .malformed),
        (#"{"type":"begin","session":"s1","call":{"id":"c"},"initiator":{"kind":"ghost"}}"#, .malformed),
        (#"{"type":"begin","session":"s1","call":{"id":"c","traceparent":"00-1-2-3"}}"#, .malformed),
        (#"{"type":"begin","session":"s1","call":{"id":"c0"}}"#, .duplicateCall),
        (#"{"type":"end","session":"s1","call":{"id":"c9"}}"#, .unknownCall),
        (#"{"type":"end","session":"s9","call":{"id":"c0"}}"#, .unknownSession),
        (#"{"type":"session.end","session":"s9"}"#, .unknownSession),
        (#"{"type":"context","session":"s1"}"#, .malformed),
        (#"{"type":"context","session":"s1","id":"p","sources":[{"kind":"rumour"}]}"#, .malformed),
        (#"{"type":"context","session":"s9","id":"p"}"#, .unknownSession),
        (#"{"type":"decision","session":"s1","call":"c0","policy":"p","outcome":"shrug"}"#, .malformed),
        (#"{"type":"decision","session":"s1","call":"c0","outcome":"allow"}"#, .malformed),
        (#"{"type":"catalog"}"#, .malformed),
        (#"{"type":"catalog","server":{"name":"files"},"part":2,"parts":1}"#, .malformed),
        (#"{"type":"catalog","server":{"name":"files"},"part":2,"parts":2}"#, .outOfOrder),
        (#"{"type":"model","provider":"p"}"#, .malformed),
        (#"{"type":"transition","session":"s1","kind":"nap"}"#, .malformed),
    ])
    func `a message that cannot be is answered with its code, and the next one is taken`(
        _ line: String, _ code: ToolCallAnswer.Code
    ) throws {
        try fixture.hello()
        try fixture.begin("c0")
        let answer = try fixture.send(line)
        #expect(answer.type == "error")
        #expect(answer.code == code)
        #expect(answer.message?.isEmpty == false)
        #expect(try fixture.begin("c1").type == "ack")
    }

    @Test func `a name that is too long is refused`() throws {
        let long = String(repeating: "x", count: 129)
        #expect(try fixture.hello(long).code == .malformed)
        try fixture.hello()
        #expect(try fixture.begin(long).code == .malformed)
        #expect(try fixture.begin(long).message == "begin: call.id has more than 128 bytes")
        #expect(try fixture.begin("c0", #","initiator":{"kind":"human","id":"\#(long)\#(long)"}"#).code == .malformed)
        #expect(try fixture.begin("c0", #","initiator":{"kind":"human","id":"\#(long)"}"#).type == "ack")
        #expect(
            try fixture.begin("c1", #","authority":{"scopes":["\#(String(repeating: "x", count: 257))"]}"#).code
                == .tooLarge)
    }

    // MARK: Whose words are

    @Test func `a call's agent is the one of the connection that announced it`() throws {
        func hello(_ agent: String, on connection: Int) throws {
            try fixture.send(
                #"{"type":"hello","protocol":1,"session":"s1","agent":{"name":"\#(agent)"}}"#, on: connection)
        }
        try hello("planner", on: 1)
        try hello("other", on: 2)
        try fixture.begin("c1")
        try fixture.begin("c2", on: 2)
        try fixture.begin("c3", on: 3)
        #expect(fixture.begun.map(\.claims.agent?.name) == ["planner", "other", nil])
    }

    // MARK: When calls end

    @Test(arguments: [
        // Ten seconds after its begin: what is said, what holds.
        (#""5003000000000""#, 3), ("5003000000000", 3), (#""5099000000000""#, 10), (#""4999000000000""#, 0),
        // Another clock.
        (#""7""#, 10),
    ])
    func `a client can only shorten its own call`(_ said: String, _ seconds: UInt64) throws {
        try fixture.hello()
        try fixture.begin("c1")
        fixture.pass(seconds: 10)
        try fixture.send(#"{"type":"end","session":"s1","call":{"id":"c1"},"bootTime":\#(said)}"#)
        let end = try #require(fixture.ended.first)
        #expect(end.time == 5_000_000_000_000 + seconds * 1_000_000_000)
        #expect((end.toldAt ?? end.time) == 5_010_000_000_000)
    }

    @Test(arguments: [#""x""#, "-1", "1.5", "[]", #""18446744073709551616""#])
    func `a time that is none is malformed`(_ said: String) throws {
        try fixture.hello()
        try fixture.begin("c1")
        #expect(throws: CallRefusal.self) {
            try fixture.send(#"{"type":"end","session":"s1","call":{"id":"c1"},"bootTime":\#(said)}"#)
        }
        #expect(fixture.ended.isEmpty)
    }

    @Test func `sets of calls count with the memory of their workload, until they are gone`() throws {
        let fixture = BookFixture { $0.bytes = 20_000 }
        try fixture.hello()
        var taken = 0
        while try fixture.begin("c\(taken)", #","scope":"process""#).type == "ack" { taken += 1 }
        let account = fixture.accounts.of(BookFixture.alice.workload)
        #expect(account.setBytes > 0)
        for number in 0..<taken { try fixture.end("c\(number)") }
        #expect(account.setBytes == 0)
        #expect(try fixture.begin("again", #","scope":"process""#).type == "ack")
    }

    @Test func `an answer has the number of its message`() throws {
        #expect(try fixture.send(#"{"type":"hello","protocol":1,"session":"s1","seq":7}"#).seq == 7)
        #expect(try fixture.send(#"{"type":"wave","seq":8}"#).seq == 8)
        let line = String(decoding: try fixture.send(#"{"type":"wave","seq":9}"#).line, as: UTF8.self)
        #expect(line.contains(#""seq":9"#) && line.contains(#""code":"unknown_type""#) && line.hasSuffix("}\n"))
    }

    // MARK: Whose sessions are

    @Test(arguments: [
        #"{"type":"begin","session":"s1","call":{"id":"c2"}}"#, #"{"type":"end","session":"s1","call":{"id":"c2"}}"#,
        #"{"type":"session.end","session":"s1"}"#, #"{"type":"context","session":"s1","id":"p"}"#,
        #"{"type":"decision","session":"s1","call":"c2","policy":"p","outcome":"allow"}"#,
        #"{"type":"transition","session":"s1","kind":"mode","to":"auto"}"#,
    ])
    func `another workload's session is out of reach, though its name alone may be taken by chance`(
        _ line: String
    ) throws {
        try fixture.hello()
        try fixture.begin("c1")
        let before = fixture.changes.count
        #expect(try fixture.send(line, from: BookFixture.mallory, on: 2).code == .notYourSession)
        #expect(fixture.changes.count == before)
        #expect(fixture.book.open.count == 1)
    }

    @Test func `whoever takes the name of another's session that is not yet open has nobody blamed`() throws {
        // Honest, and connected first: its hello got lost.
        fixture.arrive(1)
        try fixture.hello(from: BookFixture.mallory, on: 2)
        try fixture.begin("c1", from: BookFixture.mallory, on: 2)
        #expect(try fixture.begin("c1").code == .notYourSession)
        #expect(fixture.anomalies.isEmpty)
    }

    @Test(arguments: [
        #"{"type":"begin","session":"s1","call":{"id":"c1"}}"#, #"{"type":"end","session":"s1","call":{"id":"c1"}}"#,
        #"{"type":"begin","session":"s1","call":{"id":"c2","parent":"c1"}}"#,
        #"{"type":"decision","session":"s1","call":"c1","policy":"p","outcome":"allow"}"#,
    ])
    func `reaching for another workload's call is told`(_ line: String) throws {
        try fixture.hello()
        try fixture.begin("c1")
        let before = fixture.changes.count
        #expect(try fixture.send(line, from: BookFixture.mallory, on: 2).code == .notYourSession)
        #expect(fixture.rules == [.identityMismatch])
        #expect(fixture.changes.count == before + 1)
        guard case .anomaly(let anomaly, let origin) = fixture.changes.last else {
            Issue.record("no anomaly")
            return
        }
        #expect(anomaly.session == "s1")
        #expect(origin.cgroup == BookFixture.mallory.cgroup && origin.process == BookFixture.mallory.process.id)
        #expect(fixture.book.open.count == 1)
    }

    @Test func `two workloads may call their sessions and calls the same`() throws {
        try fixture.hello()
        try fixture.hello(from: BookFixture.mallory, on: 2)
        try fixture.begin("c1")
        try fixture.begin("c1", from: BookFixture.mallory, on: 2)
        try fixture.end("c1", from: BookFixture.mallory, on: 2)
        #expect(fixture.begun.map(\.cgroup) == [42, 52])
        #expect(fixture.ended.map(\.number) == [2])
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `another process of the workload may use its session`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        #expect(try fixture.end("c1", from: BookFixture.sibling, on: 2).type == "ack")
        #expect(try fixture.begin("c2", from: BookFixture.sibling, on: 2).type == "ack")
        #expect(fixture.begun.last?.cgroup == BookFixture.sibling.cgroup)
    }

    // MARK: Ends

    @Test func `a session that ends takes its calls with it`() throws {
        try fixture.hello()
        try fixture.hello("s2")
        for (call, session) in [("c1", "s1"), ("c2", "s1"), ("c3", "s2")] { try fixture.begin(call, session: session) }
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        #expect(fixture.ended.map(\.number) == [1, 2])
        #expect(fixture.ended.map(\.status) == ["cancelled", "cancelled"])
        #expect(fixture.book.open.count == 1)
    }

    @Test func `what a client that vanishes has left open is abandoned`() throws {
        try fixture.hello()
        try fixture.hello(from: BookFixture.sibling, on: 2)
        try fixture.begin("c1")
        try fixture.begin("c2", from: BookFixture.sibling, on: 2)
        fixture.book.leave(1)
        #expect(fixture.ended.map(\.number) == [1])
        #expect(fixture.ended.map(\.status) == ["abandoned"])
        #expect(fixture.book.sessions.count == 1)
        fixture.book.leave(2)
        #expect(fixture.ended.map(\.number) == [1, 2])
        #expect(fixture.book.sessions.isEmpty)
        #expect(fixture.marker.isEmpty)
        fixture.forget()
        #expect(fixture.accounts.of(40).bytes == 0)
        #expect(fixture.accounts.of(40).calls == 0 && fixture.accounts.of(40).sessions == 0)
    }

    @Test func `a call outlives its connection where the process has another`() throws {
        try fixture.hello()
        try fixture.hello(on: 2)
        try fixture.begin("c1")
        fixture.book.leave(1)
        #expect(fixture.ended.isEmpty)
        #expect(try fixture.end("c1", on: 2).type == "ack")
        try fixture.begin("c2", on: 2)
        fixture.book.leave(2)
        #expect(fixture.ended.map(\.status) == ["ok", "abandoned"])
    }

    @Test func `a process that has died abandons its calls, whoever holds its connection`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        try fixture.begin("c2", from: BookFixture.sibling)
        #expect(fixture.book.processes == [BookFixture.alice.process, BookFixture.sibling.process])
        fixture.book.died(BookFixture.alice.process)
        #expect(fixture.ended.map(\.number) == [1])
        #expect(fixture.ended.map(\.status) == ["abandoned"])
    }

    // MARK: What clients say

    @Test func `all that a client claims of a call goes with it, as its claim`() throws {
        try fixture.send(
            #"{"type":"hello","protocol":1,"session":"s1","agent":{"name":"planner","version":"2","framework":"lc"}}"#)
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        try fixture.send(
            """
            {"type":"begin","session":"s1","call":{"id":"c1","name":"read","type":"function","context":"p1",\
            "parent":"c0","traceparent":"\(trace)","arguments":{"path":"/etc/hosts","limit":3}},\
            "initiator":{"kind":"agent","id":"a1","onBehalfOf":"ann"},"impact":"high",\
            "authority":{"grant":"g1","scopes":["read"],"issuedAt":1800000000,"expiresAt":"2027-01-15T09:00:00.5+00:00",\
            "approval":{"id":"ok-1","kind":"ticket"}}}
            """)
        let call = try #require(fixture.begun.first)
        var claims = ToolCallClaims()
        claims.type = "function"
        claims.context = "p1"
        claims.parent = "c0"
        claims.traceparent = trace
        claims.impact = "high"
        claims.agent = .init(name: "planner", version: "2", framework: "lc")
        claims.authority = .init(
            grant: "g1", scopes: ["read"], issuedAt: 1_800_000_000_000_000_000, expiresAt: 1_800_003_600_500_000_000,
            approval: .init(id: "ok-1", kind: "ticket"))
        #expect(call.claims == claims)
        #expect(call.claims.assurance == .claimed)
        #expect(call.initiator == .init(kind: "agent", id: "a1", onBehalfOf: "ann"))
        #expect(call.terms == ["/etc/hosts"])
        #expect(
            call.arguments == [
                ToolCallArgument(name: "limit", type: "number"),
                ToolCallArgument(name: "path", type: "string", length: 10),
            ])
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `contexts, decisions and models are told as they came`() throws {
        try fixture.hello()
        try fixture.send(
            #"{"type":"context","session":"s1","id":"p1","turn":3,"sources":[{"kind":"user"},{"kind":"tool","uri":"u"}]}"#
        )
        try fixture.send(
            #"{"type":"decision","session":"s1","call":"c1","policy":"p","outcome":"deny","by":"guard"}"#)
        try fixture.send(#"{"type":"decision","session":"s1","call":{"id":"c1"},"policy":"p","outcome":"allow"}"#)
        try fixture.send(#"{"type":"model","provider":"p","requested":"m","responding":"m-1"}"#)
        let origin = CallOrigin(process: 100, cgroup: 42, time: 5_000_000_000_000)
        #expect(
            fixture.changes == [
                .context(
                    ContextDetail(
                        id: "p1", session: "s1", turn: 3,
                        sources: [.init(kind: "user"), .init(kind: "tool", uri: "u")]), origin),
                .decision(
                    DecisionDetail(session: "s1", call: "c1", policy: "p", outcome: "deny", by: "guard"), origin),
                .decision(DecisionDetail(session: "s1", call: "c1", policy: "p", outcome: "allow"), origin),
                .model(ModelUse(provider: "p", requested: "m", responding: "m-1"), origin),
            ])
    }

    @Test func `sources beyond what is kept are counted`() throws {
        try fixture.hello()
        let sources = Array(repeating: #"{"kind":"memory"}"#, count: 70).joined(separator: ",")
        try fixture.send(#"{"type":"context","session":"s1","id":"p","sources":[\#(sources)]}"#)
        guard case .context(let context, _) = fixture.changes.last else {
            Issue.record("no context")
            return
        }
        #expect(context.sources.count == 64 && context.sourcesLeftOut == 6)
    }

    @Test func `a catalog that comes in parts is one`() throws {
        func part(_ number: Int, _ tool: String) -> String {
            """
            {"type":"catalog","server":{"name":"files","version":"1","transport":"stdio"},"part":\(number),"parts":2,\
            "tools":[{"name":"\(tool)","inputSchema":{"type":"object","properties":{"b":{"type":"string"},"a":{}}}}]}
            """
        }
        #expect(try fixture.send(part(1, "read")).type == "ack")
        #expect(fixture.changes.isEmpty)
        #expect(fixture.accounts.of(40).bytes > 0)
        #expect(try fixture.send(part(2, "write")).type == "ack")
        let catalog = ToolCatalog(
            server: "files", version: "1", transport: "stdio",
            tools: [.init(name: "read", parameters: ["a", "b"]), .init(name: "write", parameters: ["a", "b"])])
        #expect(fixture.changes == [.catalog(catalog, CallOrigin(process: 100, cgroup: 42, time: 5_000_000_000_000))])
        fixture.book.leave(1)
        #expect(fixture.accounts.of(40).bytes == 0)
    }

    @Test func `what came of a catalog is forgotten with its connection`() throws {
        try fixture.send(#"{"type":"catalog","server":{"name":"files"},"part":1,"parts":2}"#)
        fixture.book.leave(1)
        #expect(fixture.accounts.of(40).bytes == 0)
        #expect(
            try fixture.send(#"{"type":"catalog","server":{"name":"files"},"part":2,"parts":2}"#).code == .outOfOrder)
    }

    @Test func `a catalog of too many or too long names is refused as a whole, part by part`() throws {
        func part(_ number: Int, of parts: Int, _ tools: Int, _ name: String, _ properties: Int) throws
            -> ToolCallAnswer
        {
            let schema = (0..<properties).map { #""\#($0)\#(name)":{}"# }.joined(separator: ",")
            let tool = #"{"name":"t","inputSchema":{"properties":{\#(schema)}}}"#
            let tools = Array(repeating: tool, count: tools).joined(separator: ",")
            return try fixture.send(
                #"{"type":"catalog","server":{"name":"f"},"part":\#(number),"parts":\#(parts),"tools":[\#(tools)]}"#)
        }
        #expect(try part(1, of: 1, 512, "p", 8).type == "ack")
        #expect(fixture.changes.count == 1)
        #expect(try part(1, of: 1, 513, "p", 1).code == .tooLarge)
        #expect(try part(1, of: 1, 1, "p", 4097).code == .tooLarge)
        #expect(try part(1, of: 1, 1, String(repeating: "p", count: 128), 1).code == .tooLarge)
        #expect(try part(1, of: 3, 300, "p", 1).type == "ack")
        #expect(try part(2, of: 3, 300, "p", 1).code == .tooLarge)
        #expect(try part(3, of: 3, 1, "p", 1).code == .tooLarge)
        #expect(try part(1, of: 1, 1, "p", 1).type == "ack")
        #expect(fixture.changes.count == 2 && fixture.anomalies.isEmpty)
        fixture.book.leave(1)
        #expect(fixture.accounts.of(40).bytes == 0)
    }

    // MARK: Limits

    /// As long as an authority may be.
    private static let longAuthority: String = {
        let scopes = (10..<74).map { #""\#($0)\#(String(repeating: "s", count: 254))""# }.joined(separator: ",")
        return #""scopes":[\#(scopes)]"#
    }()

    @Test func `what grants may do counts as what it takes, and there are no more of them than that`() throws {
        let limit = 200_000
        let fixture = BookFixture { $0.bytes = limit }
        try fixture.hello()
        var taken = 0
        func transition() throws -> ToolCallAnswer {
            try fixture.send(
                #"{"type":"transition","session":"s1","kind":"refresh","authority":{"grant":"g\#(taken)",\#(Self.longAuthority)}}"#
            )
        }
        while try transition().type == "ack", taken < 64 { taken += 1 }
        let account = fixture.accounts.of(BookFixture.alice.workload)
        #expect((8...12).contains(taken))
        #expect(account.bytes < limit + 25_000)
        #expect(try transition().code == .rateLimited)
        #expect(
            try fixture.send(#"{"type":"decision","session":"s1","call":"c","policy":"p","outcome":"override"}"#).code
                == .rateLimited)
        #expect(try fixture.hello(on: 2).code == .rateLimited)
        // Who is a member already, and who is another workload's.
        #expect(try fixture.hello().type == "ack")
        #expect(try fixture.hello(from: BookFixture.mallory, on: 3).type == "ack")
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        #expect(account.bytes < 512)
        #expect(try fixture.hello(on: 2).type == "ack")
    }

    @Test func `what a call has of one that it was made within counts when that is over`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{\#(Self.longAuthority)}"#)
        let before = fixture.accounts.of(40).bytes
        try fixture.send(#"{"type":"begin","session":"s1","call":{"id":"c2","parent":"c1"}}"#)
        #expect(fixture.accounts.of(40).bytes > before + 64 * 256)
        for call in ["c1", "c2"] { try fixture.end(call) }
        #expect(fixture.accounts.of(40).bytes < before)
    }

    @Test func `versions of servers count with the memory of their workload, until their connection ends`() throws {
        let version = String(repeating: "1", count: 256)
        for number in 0..<20 {
            try fixture.send(
                #"{"type":"catalog","server":{"name":"files\#(number)","version":"\#(version)"},"tools":[]}"#)
        }
        #expect((16 * 256...16 * 512).contains(fixture.accounts.of(40).bytes))
        fixture.book.leave(1)
        #expect(fixture.accounts.of(40).bytes == 0)
    }

    @Test func `sets that nobody acts for any more are found in time, and no longer counted`() throws {
        let fixture = BookFixture { $0.bytes = 20_000 }
        try fixture.hello()
        var taken = 0
        while try fixture.begin("c\(taken)").type == "ack" { taken += 1 }
        #expect(taken > 10)
        for _ in 0..<8 { #expect(try fixture.begin("more").code == .rateLimited) }
        try fixture.hello(from: BookFixture.mallory, on: 2)
        #expect(try fixture.begin("c", from: BookFixture.mallory, on: 2).type == "ack")
        for _ in 0..<2 { fixture.book.tick() }
        #expect(try fixture.begin("again").type == "ack")
    }

    @Test func `a workload may have so many sessions and calls, and no other pays for it`() throws {
        let fixture = BookFixture {
            $0.sessions = 2
            $0.calls = 2
        }
        for name in ["s1", "s2"] { #expect(try fixture.hello(name).type == "ack") }
        #expect(try fixture.hello("s3").code == .rateLimited)
        for call in ["c1", "c2"] { #expect(try fixture.begin(call).type == "ack") }
        #expect(try fixture.begin("c3").code == .rateLimited)
        #expect(try fixture.hello(from: BookFixture.mallory, on: 2).type == "ack")
        #expect(try fixture.begin("c1", from: BookFixture.mallory, on: 2).type == "ack")
        try fixture.end("c1")
        #expect(try fixture.begin("c3").type == "ack")
        #expect(fixture.accounts.refused == [.sessions: 1, .calls: 1])
    }

    @Test func `a workload that has the sensor remember too much is refused until it lets go`() throws {
        let fixture = BookFixture { $0.bytes = 8192 }
        try fixture.hello()
        var begun = 0
        while try fixture.begin("c\(begun)").type == "ack" { begun += 1 }
        #expect(begun > 2 && begun < 16)
        #expect(try fixture.hello("s2").code == .rateLimited)
        #expect(try fixture.hello(from: BookFixture.mallory, on: 2).type == "ack")
        #expect(fixture.accounts.refused[.bytes] == 2)
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        #expect(fixture.accounts.of(40).bytes < 512)
        #expect(try fixture.hello("s2").type == "ack")
    }

    @Test func `what is remembered of sessions that were left is bounded, and each workload's own`() throws {
        try fixture.hello("kept", from: BookFixture.mallory, on: 1)
        fixture.book.leave(1)
        let others = fixture.accounts.of(BookFixture.mallory.workload).bytes
        let account = fixture.accounts.of(40)
        for number in 2..<1000 {
            try fixture.hello("s\(number)", on: number)
            try fixture.begin(
                "c1", #","authority":{"grant":"g",\#(Self.longAuthority)}"#, session: "s\(number)", on: number)
            fixture.book.leave(number)
            #expect(account.bytes <= CallLimits().bytes / 2)
        }
        #expect(account.bytes > CallLimits().bytes / 4 && account.sessions == 0 && account.calls == 0)
        #expect(fixture.accounts.of(BookFixture.mallory.workload).bytes == others && others > 0)
        fixture.forget()
        #expect(account.bytes == 0 && fixture.accounts.of(BookFixture.mallory.workload).bytes == 0)
    }

    @Test func `whoever has left most pays for what is too much in all`() throws {
        let accounts = CallAccounts()
        let past = PastSessions(accounts: accounts)
        func keep(_ number: Int, of workload: UInt64) {
            let name = "\(number)" + String(repeating: "s", count: 20_000)
            let session = CallSession(name: name, epoch: 1, opened: 0, agent: nil)
            past.keep(session, of: SessionKey(workload: workload, name: "\(number)"), at: 1)
        }
        keep(0, of: 9)
        for workload in 1...4 as ClosedRange<UInt64> { for number in 0..<90 { keep(number, of: workload) } }
        #expect(accounts.all.map(\.bytes).reduce(0, +) <= PastSessions.byteLimit)
        #expect(past.left(SessionKey(workload: 9, name: "0")) != nil)
        for workload in 1...4 as ClosedRange<UInt64> {
            #expect(past.left(SessionKey(workload: workload, name: "0")) == nil)
            #expect(past.left(SessionKey(workload: workload, name: "89")) != nil)
        }
    }

    @Test func `what is remembered of a session's past is bounded`() throws {
        try fixture.hello()
        for number in 0..<2000 {
            try fixture.begin("call-\(number)", #","authority":{"grant":"g\#(number)","scopes":["r"]}"#)
            try fixture.end("call-\(number)")
        }
        #expect(fixture.accounts.of(40).bytes < 256 << 10)
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        #expect(fixture.accounts.of(40).bytes < 512)
    }
}
