// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What the pipeline makes of what the socket has learned.
@Suite struct ToolCallEventTests {
    private let origin = CallOrigin(process: 100, cgroup: 42, time: 30)

    private func events(_ changes: [CallChange], digests: DigestKeys? = nil) -> [Event] {
        var configuration = PipelineConfiguration()
        configuration.digests = digests
        var pipeline = Pipeline(session: Records.session, host: FakeHost(), configuration: configuration)
        pipeline.record(Records.exec())
        _ = pipeline.takeEvents()
        for change in changes { pipeline.consume(.call(change)) }
        pipeline.consume(.settle(1000))
        return pipeline.takeEvents()
    }

    private func call(_ change: (inout ToolCallClaims) -> Void = { _ in }) -> ToolCall {
        var claims = ToolCallClaims()
        change(&claims)
        return ToolCall(
            number: 1, id: "c1", name: "read", session: "s1", scope: .thread, initiator: .init(kind: "human"),
            process: 100, thread: 101, cgroup: 42, time: 30, terms: ["/etc/hosts"], claims: claims,
            arguments: [ToolCallArgument(name: "path", type: "string", length: 10)])
    }

    @Test func `a call's beginning and end are events of its process, with what is claimed of it`() throws {
        let events = events([
            .begun(call { $0.context = "p1" }), .ended(CallEnd(number: 1, status: "ok", time: 50)),
        ])
        try #require(events.count == 2)
        #expect(events.map(\.kind) == [.toolCallBegin, .toolCallEnd])
        #expect(events.allSatisfy { $0.process?.pid == 100 && $0.threadID == 101 && $0.via == .daemon })
        #expect(events.map(\.bootTime) == [30, 50])
        guard case .toolCall(let begin) = events[0].detail, case .toolCall(let end) = events[1].detail else {
            Issue.record("no tool calls")
            return
        }
        #expect(begin.claims.context == "p1" && begin.initiator?.kind == "human")
        #expect(begin.arguments.map(\.name) == ["path"])
        #expect(end.claims.context == "p1" && end.status == "ok" && end.duration == 20)
        #expect(end.arguments.isEmpty)
    }

    @Test func `a call's end is told after what was done before it, though it was known of earlier`() {
        var pipeline = Pipeline(session: Records.session, host: FakeHost())
        pipeline.record(Records.exec())
        _ = pipeline.takeEvents()
        for change in [
            .begun(call()), .set(5, members: [1]), .ended(CallEnd(number: 1, status: "ok", time: 50, toldAt: 60)),
        ] as [CallChange] {
            pipeline.consume(.call(change))
        }
        #expect(pipeline.nextDeadline == 60)
        for record in [
            Records.open("/before", time: 40, calls: 5), Records.open("/unacknowledged", object: 2, time: 60, calls: 5),
            Records.open("/after", object: 3, time: 61),
        ] {
            pipeline.record(RecordBytes(record).changing { $0.uid = 0 })
        }
        #expect(pipeline.nextDeadline == .max)
        let told = pipeline.takeEvents()
        #expect(told.map(\.kind) == [.toolCallBegin, .fileOpen, .fileOpen, .toolCallEnd, .fileOpen])
        #expect(told.map { $0.toolCall?.id } == [nil, "c1", nil, nil, nil])
    }

    @Test func `contexts, decisions and anomalies are events of who told of them`() throws {
        let context = ContextDetail(id: "p1", session: "s1", sources: [.init(kind: "user")])
        let decision = DecisionDetail(session: "s1", call: "c1", policy: "p", outcome: "deny")
        let anomaly = AnomalyDetail(rule: .outOfOrder, session: "s1", expected: "seq above 5", came: "seq 4")
        let events = events([.context(context, origin), .decision(decision, origin), .anomaly(anomaly, origin)])
        #expect(events.map(\.kind) == [.context, .decision, .anomalyState])
        #expect(events.allSatisfy { $0.process?.pid == 100 && $0.bootTime == 30 && $0.isFirstSeen })
        try #require(events.count == 3)
        guard case .context(context) = events[0].detail, case .decision(decision) = events[1].detail,
            case .anomaly(anomaly) = events[2].detail
        else {
            Issue.record("not what was told")
            return
        }
    }

    @Test func `catalogs, models and transitions are no events`() {
        #expect(
            events([
                .catalog(ToolCatalog(server: "files"), origin),
                .model(ModelUse(provider: "p", requested: "m"), origin),
                .transition(SessionTransition(session: "s1", kind: .mode), origin),
            ]).isEmpty)
    }

    @Test func `a secret in what a client says does not get into events`() throws {
        let token = "ghp_0123456789abcdefABCDEF0123456789abcd"
        let events = events([
            .begun(call { $0.authority = .init(grant: token) }),
            .ended(CallEnd(number: 1, status: "error", error: "refused \(token)", time: 50)),
            .context(
                ContextDetail(id: "p", session: "s", sources: [.init(kind: "tool", uri: "https://a/?k=\(token)")]),
                origin),
            .anomaly(
                AnomalyDetail(
                    rule: .staleTrust, session: "s", expected: "not \(token)", came: "grant \(token)"), origin),
        ])
        #expect(events.count == 4)
        for event in events {
            let line = EventEncoderTests.line(of: event)
            #expect(!line.contains(token), "\(line)")
            #expect(line.contains("[redacted]"))
        }
    }

    /// A token with that number.
    private func token(_ number: Int) -> String { "ghp_0123456789abcdefABCDEF0123456789ab\(number + 10)" }

    @Test func `whatever of it a client says is redacted`() throws {
        var claims = ToolCallClaims()
        (claims.type, claims.context, claims.parent) = (token(1), token(2), token(3))
        claims.authority = .init(
            grant: token(4), scopes: [token(5)], approval: .init(id: token(6), kind: token(7)))
        claims.agent = .init(name: token(8), version: token(9), framework: token(10))
        var call = ToolCall(
            number: 1, id: token(11), name: token(12), session: token(13), scope: .thread,
            initiator: .init(kind: "human", id: token(14), onBehalfOf: token(15)), process: 100, thread: 101,
            cgroup: 42, time: 30, claims: claims, arguments: [ToolCallArgument(name: token(16), type: "string")])
        call.parentCall = LinkedCall(id: token(17), name: token(18), session: token(19))
        let span = SpanCall(
            trace: "01", span: "02", ancestors: [], id: token(20), name: token(21), session: token(22), status: "error",
            error: token(23), service: token(24), agentName: token(25), agentID: token(26), agentVersion: token(27),
            begin: 15, end: 20, received: 25, process: 100, cgroup: 42)
        let changes: [CallChange] = [
            .begun(call), .set(5, members: [1]),
            .ended(CallEnd(number: 1, status: "error", error: token(28), time: 50)),
            .span(span),
            .context(
                ContextDetail(id: token(29), session: token(30), sources: [.init(kind: "user", uri: token(31))]), origin
            ),
            .decision(
                DecisionDetail(session: token(32), call: token(33), policy: token(34), outcome: "deny", by: token(35)),
                origin),
            .anomaly(
                AnomalyDetail(
                    rule: .staleTrust, session: token(36), call: token(37), expected: token(38), came: token(39)),
                origin),
        ]
        let keys = DigestKeys(root: Array("0123456789abcdef".utf8))
        let events = events(changes, digests: keys)
        #expect(events.count == 6)
        for line in events.map(EventEncoderTests.line) { #expect(!line.contains("ghp_0123"), "\(line)") }
        for change in changes + [.catalog(ToolCatalog(server: token(1)), origin)] {
            let recorded = String(decoding: change.masked(by: Redactor()).json, as: UTF8.self)
            #expect(!recorded.contains("ghp_0123"), "\(recorded)")
        }
    }

    @Test func `names that are secrets differ as the secrets do, and are the same each time`() throws {
        func told(_ number: Int) -> ToolCall {
            ToolCall(
                number: UInt64(number), id: "c", name: "t", session: token(number), scope: .none, process: 100,
                cgroup: 42, time: 30)
        }
        let decision = DecisionDetail(session: token(1), call: "c", policy: "p", outcome: "deny")
        let events = events(
            [
                .begun(told(1)), .begun(told(2)), .ended(CallEnd(number: 1, status: "ok", time: 50)),
                .decision(decision, origin),
            ], digests: DigestKeys(root: Array("0123456789abcdef".utf8)))
        let sessions = events.map { event -> String in
            switch event.detail {
            case .toolCall(let call): call.session
            case .decision(let decision): decision.session
            default: ""
            }
        }
        try #require(sessions.count == 4)
        #expect(sessions.allSatisfy { $0.hasPrefix("[redacted]~") })
        #expect(sessions[0] == sessions[2] && sessions[0] == sessions[3] && sessions[0] != sessions[1])
    }

    @Test func `an MCP session goes by a digest`() throws {
        let keys = DigestKeys(root: Array("0123456789abcdef".utf8))
        var span = SpanCall(
            trace: "01", span: "02", ancestors: [], id: "x", name: "t", session: "", status: "ok", error: "",
            service: "",
            agentName: "", agentID: "", agentVersion: "", begin: 15, end: 20, received: 25, process: 100, cgroup: 42)
        span.mcpSession = keys.reduce("mcp-9", .session)
        guard case .toolCall(let call) = events([.span(span)], digests: keys).first?.detail else {
            Issue.record("no tool call")
            return
        }
        #expect(call.session.hasPrefix("mcp~") && call.session.count == 20)
        #expect(!call.session.contains(span.mcpSession?.value.prefix(16) ?? ""))
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    func `what is learned is recorded and read back, without the terms`(_ index: Int) throws {
        let changes: [CallChange] = [
            .begun(
                call {
                    $0.authority = .init(grant: "g", scopes: ["a"], issuedAt: 1, expiresAt: 2)
                    $0.assurance = .forwarded
                }),
            .set(3, members: [1, 2]), .ended(CallEnd(number: 1, status: "ok", time: 5)), .closed(3),
            .context(ContextDetail(id: "p", session: "s", turn: 1, sources: [.init(kind: "user", uri: "u")]), origin),
            .decision(DecisionDetail(session: "s", call: "c", policy: "p", outcome: "allow"), origin),
            .anomaly(AnomalyDetail(rule: .staleTrust, session: "s", expected: "a", came: "b"), origin),
            .catalog(ToolCatalog(server: "f", tools: [.init(name: "t", parameters: ["p"])]), origin),
            .model(ModelUse(provider: "p", requested: "m"), origin),
            .transition(SessionTransition(session: "s", kind: .refresh, epoch: 4), origin),
        ]
        let change = changes[index]
        let recorded = change.withoutTerms
        #expect(CallChange(json: recorded.json) == recorded)
        #expect(!String(decoding: recorded.json, as: UTF8.self).contains("/etc/hosts"))
        if index != 0 { #expect(recorded == change) }
    }

    @Test func `a tail for a call shows its decisions and anomalies`() throws {
        var filter = EventFilter()
        filter.toolCalls = ["c1"]
        let compiled = try CompiledFilter(filter)
        let shown = events([
            .begun(call()), .decision(DecisionDetail(session: "s", call: "c1", policy: "p", outcome: "allow"), origin),
            .decision(DecisionDetail(session: "s", call: "c2", policy: "p", outcome: "allow"), origin),
            .anomaly(AnomalyDetail(rule: .endWithoutBegin, session: "s", call: "c1", expected: "", came: ""), origin),
            .anomaly(AnomalyDetail(rule: .endWithoutBegin, session: "s", expected: "", came: ""), origin),
        ]).map { compiled.matches($0) }
        #expect(shown == [true, true, false, true, false])
    }
}
