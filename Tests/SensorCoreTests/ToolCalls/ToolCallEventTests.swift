// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// What the pipeline makes of what the socket has learned.
@Suite struct ToolCallEventTests {
    private let origin = CallOrigin(process: 100, cgroup: 42, time: 30)

    private func events(_ changes: [CallChange]) -> [Event] {
        var pipeline = Pipeline(session: Records.session, host: FakeHost())
        pipeline.record(Records.exec())
        _ = pipeline.takeEvents()
        for change in changes { pipeline.consume(.call(change)) }
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
