// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What the pipeline records of calls that are over.
@Suite struct CallRecordTests {
    private let host = FakeHost()
    private let second: UInt64 = 1_000_000_000

    private func pipeline() -> Pipeline {
        host.setCgroups([(42, "/system.slice/agent.service"), (43, "/system.slice/other.service")])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanCgroups)
        pipeline.record(Records.exec(time: 1 * second))
        _ = pipeline.takeEvents()
        return pipeline
    }

    private func call(_ change: (inout ToolCall) -> Void = { _ in }) -> ToolCall {
        var call = ToolCall(
            number: 1, id: "c1", name: "read", session: "s1", scope: .process, initiator: .init(kind: "human"),
            process: 100, cgroup: 42, time: 2 * second,
            arguments: [ToolCallArgument(name: "path", type: "string", length: 2)])
        change(&call)
        return call
    }

    private func begin(_ pipeline: inout Pipeline, _ call: ToolCall) {
        for change in [CallChange.begun(call), .set(5, members: [call.number])] { pipeline.consume(.call(change)) }
    }

    private func end(_ pipeline: inout Pipeline, _ status: String = "ok", at time: UInt64) {
        pipeline.consume(.call(.ended(CallEnd(number: 1, status: status, time: time))))
        pipeline.consume(.call(.closed(5)))
    }

    private func tick(_ pipeline: inout Pipeline, at time: UInt64) {
        pipeline.consume(.tick(ClockReading(boot: time, wallOffset: Records.session.clock.wallOffset)))
    }

    private func lose(_ pipeline: inout Pipeline, of cgroup: UInt64) {
        let key = LossLedger.Key(cgroup: cgroup, hook: 1, reason: LossReason.ringFull.rawValue, kind: 10)
        pipeline.consume(.loss(key, count: 1))
    }

    @Test func `repeats of a worker's are told as any call's that was open meanwhile, not as the first one was`() throws
    {
        var pipeline = self.pipeline()
        begin(&pipeline, call { $0.scope = .thread })
        let first = Records.open("/a", time: 3 * second, calls: 5 | UInt32(SENSOR_CALLS_SHARED))
        let own = Records.open("/b", object: 2, time: 3 * second, calls: 5)
        for record in [first, own] { pipeline.record(RecordBytes(record).changing { $0.uid = 0 }) }
        let other = call { ($0.number, $0.id, $0.time, $0.scope) = (2, "c2", 5 * second, .thread) }
        pipeline.consume(.call(.begun(other)))
        pipeline.consume(.call(.ended(CallEnd(number: 2, status: "ok", time: 6 * second))))
        tick(&pipeline, at: 10 * second)
        for record in [first, own] { pipeline.consume(.count(CountDelta(key: key(of: record), count: 41))) }
        let told = pipeline.takeEvents().filter { $0.kind == .fileOpen }
        #expect(told.map { $0.toolCall?.method } == [.process, .exact, .candidates, .exact])
        #expect(told[2].toolCall?.candidates == ["c1", "c2"])
        // Later ones are not the other's.
        tick(&pipeline, at: 100 * second)
        tick(&pipeline, at: 200 * second)
        tick(&pipeline, at: 300 * second)
        pipeline.consume(.count(CountDelta(key: key(of: first), count: 1)))
        #expect(pipeline.takeEvents().last { $0.kind == .fileOpen }?.toolCall?.method == .process)
    }

    @Test func `what a program started by itself counts of its certain call stays so when that is forgotten`() {
        var pipeline = self.pipeline()
        begin(&pipeline, call { $0.scope = .thread })
        let first = Records.open("/a", time: 3 * second, calls: 5)
        pipeline.record(first)
        end(&pipeline, at: 4 * second)
        tick(&pipeline, at: 700 * second)
        pipeline.consume(.count(CountDelta(key: key(of: first), count: 41)))
        #expect(pipeline.takeEvents().last { $0.kind == .fileOpen }?.toolCall?.method == .exact)
    }

    @Test func `a connection's end is joined to what was open when it was made`() {
        var pipeline = self.pipeline()
        begin(&pipeline, call { $0.scope = .thread })
        let other = call { ($0.number, $0.id, $0.time, $0.scope) = (2, "c2", 3 * second, .thread) }
        pipeline.consume(.call(.begun(other)))
        pipeline.consume(.call(.ended(CallEnd(number: 2, status: "ok", time: 5 * second))))
        end(&pipeline, at: 6 * second)
        for age in [96, 98] as [UInt64] {
            let close = Records.network(
                SENSOR_NETWORK_CLOSE, peer: (10, 0, 0, 7), port: 443, duration: age * second, time: 100 * second)
            pipeline.record(
                RecordBytes(close).changing {
                    ($0.key.calls, $0.tgid, $0.start, $0.uid) = (5 | UInt32(SENSOR_CALLS_SHARED), 100, 7, .max)
                })
        }
        let candidates = pipeline.takeEvents().filter { $0.kind == .networkClose }.map { $0.toolCall?.candidates }
        #expect(candidates == [["c1", "c2"], []])
    }

    @Test func `a finished call is recorded with its effects, those included that were only counted`() throws {
        var pipeline = self.pipeline()
        begin(&pipeline, call { $0.claims.authority = .init(grant: "g1") })
        let first = Records.open("/a", time: 3 * second, calls: 5)
        pipeline.record(first)
        pipeline.record(Records.open("/elsewhere", object: 9, time: 3 * second))
        end(&pipeline, at: 4 * second)
        tick(&pipeline, at: 10 * second)
        tick(&pipeline, at: 20 * second)
        // What a tail is shown is counted as well.
        pipeline.record(Records.open("/a", flags: SENSOR_STREAMED, time: 3 * second, calls: 5))
        pipeline.consume(.count(CountDelta(key: key(of: first), count: 41)))
        #expect(pipeline.takeCallRecords().isEmpty)
        tick(&pipeline, at: 30 * second)
        let events = pipeline.takeEvents()
        let records = pipeline.takeCallRecords()
        try #require(records.count == 1)
        let record = records[0]
        #expect(record.state == .finished)
        #expect(record.call.id == "c1" && record.call.status == "ok" && record.call.duration == 2 * second)
        #expect(record.call.arguments.map(\.name) == ["path"])
        #expect(record.call.initiator?.kind == "human" && record.call.claims.authority?.grant == "g1")
        #expect(record.process?.pid == 100)
        #expect(record.workload.name == "agent.service")
        #expect(record.ended.map { $0 - record.began } == 2 * second)
        try #require(record.effects.count == 1)
        let effect = record.effects[0]
        #expect(effect.kind == .fileOpen && effect.text == "/a" && effect.method == .process)
        #expect(effect.summary?.count == 42)
        #expect(effect.summary?.process == record.process?.id)
        #expect(record.counts == [.fileOpen: 42])
        // It is the event that tells of it.
        let event = try #require(events.first { effect.event.hasSuffix("-\($0.sequence)") })
        #expect(event.fileDetail?.path == "/a")
        #expect(event.toolCall?.initiator?.kind == "human" && event.toolCall?.claims.authority?.grant == "g1")
    }

    @Test func `what is open at the end is recorded as open, what has ended as finished`() {
        var pipeline = self.pipeline()
        begin(&pipeline, call())
        pipeline.consume(.call(.begun(call { ($0.number, $0.id) = (2, "c2") })))
        end(&pipeline, "abandoned", at: 4 * second)
        pipeline.consume(.settle(.max))
        let records = pipeline.takeCallRecords()
        #expect(records.map(\.state) == [.finished, .open])
        #expect(records.map(\.call.status) == ["abandoned", ""])
        #expect(records.map { $0.ended == nil } == [false, true])
    }

    @Test func `a loss of its workload makes a record incomplete, another's does not`() {
        var pipeline = self.pipeline()
        begin(&pipeline, call())
        tick(&pipeline, at: 5 * second)
        end(&pipeline, at: 6 * second)
        tick(&pipeline, at: 10 * second)
        lose(&pipeline, of: 43)
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeCallRecords().map(\.isIncomplete) == [false])

        pipeline = self.pipeline()
        begin(&pipeline, call())
        tick(&pipeline, at: 5 * second)
        end(&pipeline, at: 6 * second)
        tick(&pipeline, at: 10 * second)
        lose(&pipeline, of: 42)
        tick(&pipeline, at: 20 * second)
        #expect(pipeline.takeCallRecords().map(\.isIncomplete) == [true])
    }

    @Test func `a child that outlives its call is told of, and what it does then is not the call's`() throws {
        var pipeline = self.pipeline()
        begin(&pipeline, call())
        pipeline.record(
            RecordBytes(Records.fork(pid: 300, start: 9, parent: (100, 7), time: 3 * second)).changing {
                ($0.key.cgroup, $0.key.calls) = (42, 5)
            })
        end(&pipeline, at: 4 * second)
        pipeline.record(
            RecordBytes(Records.open("/late", time: 5 * second, pid: 300, start: 9, calls: 5)).changing { $0.uid = 0 })
        pipeline.consume(.settle(.max))
        let record = try #require(pipeline.takeCallRecords().first)
        #expect(record.outlivedBy.map(\.pid) == [300])
        #expect(record.effects.map(\.kind) == [.processFork])
        let late = try #require(pipeline.takeEvents().first { $0.fileDetail?.path == "/late" })
        #expect(late.toolCall == nil)
    }

    @Test func `what outlives a call is told of by what it runs now`() throws {
        var pipeline = self.pipeline()
        begin(&pipeline, call())
        pipeline.record(
            RecordBytes(Records.fork(pid: 300, start: 9, parent: (100, 7), time: 3 * second)).changing {
                ($0.key.cgroup, $0.key.calls) = (42, 5)
            })
        end(&pipeline, at: 4 * second)
        pipeline.record(
            Records.exec(pid: 300, start: 9, parent: (100, 7), executable: "/usr/bin/sleep", time: 5 * second))
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeCallRecords().first?.outlivedBy.map(\.executable) == ["/usr/bin/sleep"])
    }

    @Test func `what is done for a call whose authority has expired is an anomaly, once`() throws {
        var pipeline = self.pipeline()
        let clock = Records.session.clock
        begin(
            &pipeline,
            call { $0.claims.authority = .init(grant: "g", expiresAt: clock.wall(4 * second)) })
        pipeline.record(Records.open("/in-time", object: 1, time: 3 * second, calls: 5))
        pipeline.record(Records.open("/late", object: 2, time: 5 * second, calls: 5))
        pipeline.record(Records.open("/later", object: 3, time: 6 * second, calls: 5))
        let events = pipeline.takeEvents()
        let anomalies = events.compactMap { if case .anomaly(let anomaly) = $0.detail { anomaly } else { nil } }
        let late = try #require(events.first { $0.fileDetail?.path == "/late" })
        #expect(anomalies.map(\.rule) == [.authorityExpired])
        #expect(anomalies.first?.call == "c1" && anomalies.first?.session == "s1")
        #expect(
            anomalies.first?.came
                == "file.open after it has expired: event \(Records.session.streamID)-\(late.sequence)")
    }

    @Test func `of what was counted it is not known that it was done after the authority had expired`() {
        var pipeline = self.pipeline()
        begin(
            &pipeline,
            call { $0.claims.authority = .init(grant: "g", expiresAt: Records.session.clock.wall(4 * second)) })
        let first = Records.open("/in-time", time: 3 * second, calls: 5)
        pipeline.record(first)
        tick(&pipeline, at: 10 * second)
        pipeline.consume(.count(CountDelta(key: key(of: first), count: 1)))
        #expect(!pipeline.takeEvents().contains { $0.kind == .anomalyState })
    }

    @Test func `what comes of a call after its end is no use of its authority`() {
        var pipeline = self.pipeline()
        begin(
            &pipeline,
            call { $0.claims.authority = .init(grant: "g", expiresAt: Records.session.clock.wall(4 * second)) })
        pipeline.consume(.call(.ended(CallEnd(number: 1, status: "ok", time: 5 * second))))
        // It was asked for by a task that no record names.
        pipeline.record(RecordBytes(Records.open("/late", time: 5 * second, calls: 5)).changing { $0.uid = .max })
        let events = pipeline.takeEvents()
        #expect(events.last { $0.kind == .fileOpen }?.toolCall?.id == "c1")
        #expect(!events.contains { $0.kind == .anomalyState })
    }

    @Test func `what was told as a call's before its late end was known is a candidate in its record`() throws {
        var pipeline = self.pipeline()
        begin(&pipeline, call { $0.scope = .thread })
        for (path, object, time) in [("/within", 1, 3), ("/after", 2, 5)] as [(String, UInt64, UInt64)] {
            pipeline.record(
                RecordBytes(Records.open(path, object: object, time: time * second, calls: 5)).changing { $0.uid = 0 })
        }
        pipeline.consume(.call(.ended(CallEnd(number: 1, status: "ok", time: 4 * second, toldAt: 6 * second))))
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeEvents().filter { $0.kind == .fileOpen }.map { $0.toolCall?.method } == [.exact, .exact])
        let record = try #require(pipeline.takeCallRecords().first)
        #expect(record.effects.map(\.method) == [.exact, .candidates])
        #expect(record.effects.map(\.candidates) == [[], ["c1"]])
        #expect(!record.isIncomplete)
    }

    @Test func `of a worker that acts for no call nothing is asked where its workload has announced none`() {
        var pipeline = self.pipeline()
        pipeline.record(Records.fork(pid: 300, start: 9, parent: (100, 7), time: 1 * second))
        _ = pipeline.takeEvents()
        func candidates(at time: UInt64) -> [[String]?] {
            for (cgroup, object) in [(42, 1), (43, 2)] as [(UInt64, UInt64)] {
                pipeline.record(
                    Records.open("/\(time)", object: object, time: time * second, pid: 300, start: 9, cgroup: cgroup))
            }
            return pipeline.takeEvents().filter { $0.kind == .fileOpen }.map { $0.toolCall?.candidates }
        }
        pipeline.consume(.call(.begun(call { ($0.number, $0.id, $0.scope) = (2, "c2", .none) })))
        #expect(candidates(at: 3) == [nil, nil])
        begin(&pipeline, call { $0.scope = .thread })
        #expect(candidates(at: 4) == [["c1"], nil])
        pipeline.consume(.call(.begun(call { ($0.number, $0.id, $0.cgroup, $0.scope) = (3, "c3", 43, .thread) })))
        #expect(candidates(at: 5) == [["c1", "c3"], ["c1", "c3"]])
    }

    @Test func `of a call that began with authority that had expired nothing more is said`() {
        var pipeline = self.pipeline()
        begin(
            &pipeline,
            call { $0.claims.authority = .init(grant: "g", expiresAt: Records.session.clock.wall(1 * second)) })
        pipeline.record(Records.open("/late", object: 2, time: 5 * second, calls: 5))
        #expect(!pipeline.takeEvents().contains { $0.kind == .anomalyState })
    }

    @Test func `a call that a span told of is recorded in the same form`() throws {
        var pipeline = self.pipeline()
        pipeline.record(Records.open("/a", time: 3 * second))
        let span = SpanCall(
            trace: "0102030405060708090a0b0c0d0e0f10", span: "1111111111111112", ancestors: [], id: "call_1",
            name: "read_file", session: "conv_7", status: "ok", error: "", service: "", agentName: "writer",
            agentID: "", agentVersion: "", begin: 2 * second, end: 4 * second, received: 5 * second, process: 100,
            cgroup: 42)
        pipeline.consume(.call(.span(span)))
        pipeline.consume(.settle(20 * second))
        let record = try #require(pipeline.takeCallRecords().first)
        #expect(record.state == .finished && record.call.id == "call_1" && record.call.span?.agentName == "writer")
        #expect(record.effects.map(\.text) == ["/a"])
        #expect(record.effects.map(\.method) == [.window])
        #expect(record.effects.first?.summary?.count == 1)
        #expect(record.counts == [.fileOpen: 1])
        #expect(record.call.effects == nil)
    }

    @Test func `who is not watched has no records`() {
        var pipeline = self.pipeline()
        pipeline.consume(.watch(["SystemdUnit/other.service"]))
        begin(&pipeline, call())
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeCallRecords().isEmpty)
    }
}
