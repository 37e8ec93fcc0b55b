// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

@Suite struct SpanPipelineTests {
    private let host = FakeHost()
    private let second: UInt64 = 1_000_000_000

    private func pipeline() -> Pipeline {
        host.setCgroups([(42, "/system.slice/agent.service"), (43, "/system.slice/other.service")])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanCgroups)
        return pipeline
    }

    private func call(_ begin: UInt64, _ end: UInt64) -> SpanCall {
        SpanCall(
            trace: "0102030405060708090a0b0c0d0e0f10", span: "1111111111111112", ancestors: [], id: "call_1",
            name: "read_file", session: "conv_7", status: "error", error: "timeout", service: "planner",
            agentName: "writer", agentID: "", agentVersion: "", begin: begin, end: end, received: 10 * second,
            process: 100, cgroup: 42)
    }

    private func details(_ events: [Event]) -> [ToolCallDetail] {
        events.compactMap { if case .toolCall(let call) = $0.detail { call } else { nil } }
    }

    @Test func `a span begins and ends a call, which lists what its workload did meanwhile`() throws {
        var pipeline = self.pipeline()
        pipeline.record(Records.exec(time: 1 * second))
        pipeline.record(Records.open("/before", object: 1, time: 2 * second))
        pipeline.record(Records.open("/meanwhile", object: 2, time: 4 * second))
        pipeline.record(Records.open("/elsewhere", object: 3, time: 4 * second, cgroup: 43))
        let before = pipeline.takeEvents()
        #expect(before.count == 4)
        pipeline.consume(.call(.span(call(3 * second, 5 * second))))
        let begun = try #require(pipeline.takeEvents().first)
        #expect(begun.kind == .toolCallBegin)
        #expect(begun.bootTime == 3 * second)
        #expect(begun.workload.name == before[2].workload.name)
        #expect(begun.process?.pid == 100)
        #expect(begun.toolCall == nil)
        #expect(pipeline.nextDeadline == 20 * second)
        pipeline.consume(.settle(20 * second))
        let ended = try #require(pipeline.takeEvents().first)
        #expect(ended.kind == .toolCallEnd)
        #expect(ended.bootTime == 5 * second)
        let detail = try #require(details([ended]).first)
        #expect(detail.id == "call_1")
        #expect(detail.session == "conv_7")
        #expect(detail.status == "error")
        #expect(detail.error == "timeout")
        #expect(detail.duration == 2 * second)
        #expect(detail.span?.agentName == "writer")
        #expect(detail.span?.assurance == .claimed)
        #expect(
            detail.effects
                == ToolCallEffects(
                    listed: [
                        .init(
                            event: "\(Records.session.streamID)-\(before[2].sequence)", kind: .fileOpen,
                            text: "/meanwhile", method: .window)
                    ], count: 1))
        // As a reader of the record has it.
        var line: [UInt8] = []
        EventEncoder(stream: Records.session.streamID).encode(ended, into: &line)
        #expect(Event(json: line[...]).map { details([$0]) } == [detail])
        #expect(pipeline.nextDeadline == .max)
    }

    @Test func `what is done for a call that is known by stronger evidence is no other call's`() {
        var pipeline = self.pipeline()
        pipeline.record(Records.exec(time: 1 * second))
        let known = ToolCall(
            number: 1, id: "known", name: "", session: "s", scope: .process, process: 100, cgroup: 42,
            time: 2 * second)
        for change in [CallChange.begun(known), .set(5, members: [1])] { pipeline.consume(.call(change)) }
        var record = Records.open("/known", object: 2, time: 4 * second)
        record.withUnsafeMutableBytes { raw in
            var header = raw.loadUnaligned(as: sensor_header.self)
            header.key.calls = 5
            raw.storeBytes(of: header, as: sensor_header.self)
        }
        pipeline.record(record)
        pipeline.consume(.call(.span(call(3 * second, 5 * second))))
        pipeline.consume(.settle(.max))
        let events = pipeline.takeEvents()
        #expect(events.contains { $0.toolCall?.id == "known" })
        #expect(details(events).last?.effects == ToolCallEffects())
    }

    @Test func `what only a tail has seen is no effect`() {
        var pipeline = self.pipeline()
        pipeline.record(Records.open("/seen", object: 2, flags: SENSOR_STREAMED, time: 4 * second))
        #expect(pipeline.takeEvents().map(\.kind) == [.fileOpen])
        pipeline.consume(.call(.span(call(3 * second, 5 * second))))
        pipeline.consume(.settle(.max))
        #expect(details(pipeline.takeEvents()).last?.effects?.count == 0)
    }

    private func calls(_ count: Int) -> [SpanCall] {
        (0..<count).map { number in
            var call = self.call(3 * second, 5 * second)
            (call.id, call.span) = ("call_\(number)", "s\(number)")
            return call
        }
    }

    @Test func `of many calls some are told of at a time, so that records come in between, and all at the end`() {
        var pipeline = self.pipeline()
        for call in calls(100) { pipeline.consume(.call(.span(call))) }
        #expect(pipeline.takeEvents().count == 100)
        pipeline.consume(.settle(20 * second))
        #expect(pipeline.takeEvents().count == 32)
        #expect(pipeline.nextDeadline == 20 * second)
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeEvents().count == 68)
        #expect(pipeline.nextDeadline == .max)
    }

    @Test func `a call that cannot wait is told of at once, without what was done meanwhile`() throws {
        var pipeline = self.pipeline()
        pipeline.record(Records.open("/meanwhile", object: 2, time: 4 * second))
        for call in calls(1025) { pipeline.consume(.call(.span(call))) }
        let ended = pipeline.takeEvents().filter { $0.kind == .toolCallEnd }
        #expect(details(ended).map(\.id) == ["call_0"])
        #expect(details(ended).map(\.effects) == [ToolCallEffects(isIncomplete: true)])
        #expect(pipeline.takeCallRecords().map(\.isIncomplete) == [true])
    }

    @Test func `nobody's word but the forwarder's says whose a call is`() {
        for by in ["SystemdUnit/agent.service", "SystemdUnit/other.service"] {
            var pipeline = self.pipeline()
            var call = self.call(3 * second, 5 * second)
            call.forwarded = .init(by: by, pod: "4f0f1b7e-0000-4000-8000-000000000001", container: "")
            pipeline.consume(.call(.span(call)))
            let event = pipeline.takeEvents().first
            let isTrusted = by.hasSuffix("/agent.service")
            #expect(event.map { details([$0]).first?.span?.assurance } == (isTrusted ? .forwarded : .claimed))
            // Of a pod that is not here nobody knows anything.
            #expect(event?.workload.isUnknown == isTrusted)
        }
    }

    @Test func `a span whose sender is not known is told as nobody's`() {
        var pipeline = self.pipeline()
        var call = self.call(3 * second, 5 * second)
        (call.process, call.cgroup) = (0, 0)
        pipeline.consume(.call(.span(call)))
        pipeline.consume(.call(.span(call)))
        pipeline.consume(.settle(.max))
        let events = pipeline.takeEvents()
        #expect(events.map(\.kind) == [.toolCallBegin, .toolCallEnd])
        #expect(events.allSatisfy { $0.workload.isUnknown && $0.process == nil })
    }
}
