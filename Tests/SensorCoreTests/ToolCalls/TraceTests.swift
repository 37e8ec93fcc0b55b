// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// Calls of other sessions, processes and workloads that claim to have the same place in a trace.
@Suite struct TraceTests {
    private let fixture = BookFixture()

    private func trace(_ span: String, _ trace: String = "4bf92f3577b34da6a3ce929d0e0e4736") -> String {
        "00-\(trace)-00f067aa0ba902\(span)-01"
    }

    @discardableResult
    private func begin(
        _ call: String, _ traceparent: String, _ more: String = "", session: String,
        from sender: CallSender = BookFixture.alice, on connection: Int
    ) throws -> LinkedCall? {
        try fixture.send(
            #"{"type":"begin","session":"\#(session)","call":{"id":"\#(call)","name":"tool","traceparent":"\#(traceparent)"}\#(more)}"#,
            from: sender, on: connection)
        return fixture.begun.last?.parentCall
    }

    private func hello() throws {
        try fixture.hello("s1")
        try fixture.hello("s2", from: BookFixture.sibling, on: 2)
        try fixture.hello("s3", from: BookFixture.mallory, on: 3)
    }

    @Test func `a sub-agent's call names the call that its trace leads to, in other processes and workloads`() throws {
        try hello()
        #expect(try begin("c1", trace("b7"), session: "s1", on: 1) == nil)
        #expect(
            try begin("c2", trace("b7"), session: "s2", from: BookFixture.sibling, on: 2)
                == LinkedCall(id: "c1", name: "tool", session: "s1"))
        try fixture.end("c2", session: "s2", from: BookFixture.sibling, on: 2)
        #expect(
            try begin("c3", trace("b7"), session: "s3", from: BookFixture.mallory, on: 3)
                == LinkedCall(id: "c1", name: "tool", session: "s1", isOfOtherWorkload: true))
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `of several in one place it names none, but one of its own workload before others`() throws {
        try hello()
        try begin("c1", trace("b7"), session: "s1", on: 1)
        #expect(try begin("c2", trace("b8"), session: "s3", from: BookFixture.mallory, on: 3) == nil)
        try begin("c3", trace("b7"), session: "s3", from: BookFixture.mallory, on: 3)
        #expect(try begin("c4", trace("b7"), session: "s2", from: BookFixture.sibling, on: 2)?.id == "c1")
        #expect(try begin("c5", trace("b7"), session: "s3", from: BookFixture.mallory, on: 3) == nil)
    }

    @Test func `calls of its own session, of another trace, and such as have ended are none`() throws {
        try hello()
        try begin("c1", trace("b7"), session: "s1", on: 1)
        #expect(try begin("c2", trace("b7"), session: "s1", on: 1) == nil)
        try fixture.end("c2")
        let other = trace("b7", "0af7651916cd43dd8448eb211c80319c")
        #expect(try begin("c3", other, session: "s2", from: BookFixture.sibling, on: 2) == nil)
        try fixture.end("c1")
        #expect(try begin("c4", trace("b7"), session: "s2", from: BookFixture.sibling, on: 2) == nil)
    }

    @Test func `a claim does nothing to the call that it names`() throws {
        try hello()
        try begin("c1", trace("b7"), session: "s1", on: 1)
        let before = fixture.changes.count
        try begin("c2", trace("b7"), session: "s3", from: BookFixture.mallory, on: 3)
        try fixture.end("c2", session: "s3", from: BookFixture.mallory, on: 3)
        for change in fixture.changes.dropFirst(before) {
            if case .begun(let call) = change { #expect(call.id == "c2" && call.cgroup == BookFixture.mallory.cgroup) }
            if case .ended(let end) = change { #expect(end.number == fixture.begun.last?.number) }
        }
        #expect(try fixture.end("c1").type == "ack")
        #expect(fixture.book.places.isEmpty)
    }

    @Test func `authority_widened: a sub-agent in another process claims more than the call that its trace leads to`()
        throws
    {
        try hello()
        try begin("c1", trace("b7"), #","authority":{"grant":"g1","scopes":["read"]}"#, session: "s1", on: 1)
        try begin(
            "c2", trace("b8"), #","authority":{"grant":"g2","scopes":["read"]}"#, session: "s2",
            from: BookFixture.sibling, on: 2)
        #expect(fixture.anomalies.isEmpty)
        try begin(
            "c3", trace("b7"), #","authority":{"grant":"g3","scopes":["read","write"]}"#, session: "s2",
            from: BookFixture.sibling, on: 2)
        #expect(fixture.rules == [.authorityWidened])
        #expect(fixture.anomalies.first?.session == "s2" && fixture.anomalies.first?.call == "c3")
        #expect(fixture.anomalies.first?.came == "write")
    }

    @Test func `of what another workload claims of its authority nothing follows for a call`() throws {
        try hello()
        try begin(
            "c1", trace("b7"), #","authority":{"grant":"g1","scopes":["none"]}"#, session: "s3",
            from: BookFixture.mallory, on: 3)
        let parent = try begin(
            "c2", trace("b7"), #","authority":{"grant":"g2","scopes":["read","write"]}"#, session: "s1", on: 1)
        #expect(parent?.isOfOtherWorkload == true)
        #expect(fixture.anomalies.isEmpty)
    }
}
