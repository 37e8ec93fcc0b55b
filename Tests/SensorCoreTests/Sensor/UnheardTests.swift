// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What seems to have been done for a call is told once it is known whether the call had ended.
@Suite struct UnheardTests {
    private let host = FakeHost()
    private let second: UInt64 = 1_000_000_000

    /// Where a thread has announced a call at two seconds, and the socket server is asked what it has heard.
    private func pipeline(isAsked: Bool = true) -> Pipeline {
        host.setCgroups([(42, "/system.slice/agent.service"), (43, "/system.slice/other.service")])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanCgroups)
        pipeline.record(Records.exec(time: 1 * second))
        if isAsked { pipeline.consume(.heard(HeardTimes())) }
        begin(&pipeline, 1, set: 5, cgroup: 42)
        _ = pipeline.takeEvents()
        return pipeline
    }

    private func begin(_ pipeline: inout Pipeline, _ number: UInt64, set: UInt32, cgroup: UInt64) {
        var call = ToolCall(
            number: number, id: "c\(number)", name: "read", session: "s1", scope: .thread, process: 100,
            thread: 100, cgroup: cgroup, time: 2 * second)
        call.workload = cgroup
        pipeline.consume(.call(.begun(call)))
        pipeline.consume(.call(.set(set, members: [number])))
    }

    private func open(
        _ pipeline: inout Pipeline, _ path: String, object: UInt64 = 1, at time: UInt64, calls: UInt32 = 5,
        cgroup: UInt64 = 42
    ) {
        pipeline.record(
            RecordBytes(Records.open(path, object: object, time: time, cgroup: cgroup, calls: calls)).changing {
                $0.uid = 0
            })
    }

    private func end(_ pipeline: inout Pipeline, at time: UInt64, toldAt: UInt64) {
        pipeline.consume(.call(.ended(CallEnd(number: 1, status: "ok", time: time, toldAt: toldAt))))
    }

    /// `/a exact c1`
    private func told(_ pipeline: inout Pipeline) -> [String] {
        pipeline.takeEvents().compactMap { event in
            guard let file = event.fileDetail else { return nil }
            let call = event.toolCall
            let ids = call.map { $0.candidates.isEmpty ? [$0.id] : $0.candidates } ?? []
            return ([file.path.text, call?.method.rawValue ?? "none"] + ids).joined(separator: " ")
        }
    }

    @Test func `what was done after an end that is read late is not the call's`() {
        var pipeline = self.pipeline()
        open(&pipeline, "/within", object: 1, at: 3 * second)
        open(&pipeline, "/after", object: 2, at: 5 * second)
        #expect(told(&pipeline).isEmpty && pipeline.awaitsHearing)
        end(&pipeline, at: 4 * second, toldAt: 6 * second)
        #expect(told(&pipeline) == ["/within exact c1", "/after none"])
        #expect(!pipeline.awaitsHearing && pipeline.nextDeadline == 6 * second)
    }

    @Test func `a connection begun after an end that is read late is not the call's`() {
        var pipeline = self.pipeline()
        func connection(_ kind: sensor_kind, _ port: UInt16, from begin: UInt64, told: UInt64) {
            // What the state of a socket tells names no user.
            pipeline.record(
                RecordBytes(
                    Records.network(
                        kind, peer: (10, 0, 0, 9), port: port, object: UInt64(port), duration: told - begin, time: told)
                ).changing {
                    $0.uid = .max
                    $0.key.calls = 5
                })
        }
        connection(SENSOR_NETWORK_CONNECT, 1, from: 3 * second, told: 3 * second + 1)
        connection(SENSOR_NETWORK_CONNECT, 2, from: 5 * second, told: 5 * second + 1)
        connection(SENSOR_NETWORK_CONNECT, 3, from: 4 * second - 1, told: 5 * second)
        connection(SENSOR_NETWORK_CLOSE, 1, from: 3 * second, told: 6 * second)
        end(&pipeline, at: 4 * second, toldAt: 7 * second)
        pipeline.consume(.heard(HeardTimes(all: 8 * second)))
        let methods = pipeline.takeEvents().compactMap { event -> String? in
            guard case .network(let network) = event.detail, let port = network.peer?.port else { return nil }
            return "\(event.kind.name) \(port) \(event.toolCall?.method.rawValue ?? "none")"
        }
        #expect(
            methods.sorted() == [
                "network.close 1 exact", "network.connect 1 exact", "network.connect 2 none", "network.connect 3 exact",
            ])
    }

    @Test func `where all that was said by then has been heard it is the call's`() {
        var pipeline = self.pipeline()
        open(&pipeline, "/a", object: 1, at: 3 * second)
        open(&pipeline, "/b", object: 2, at: 4 * second)
        pipeline.consume(.heard(HeardTimes(all: 3 * second)))
        #expect(told(&pipeline) == ["/a exact c1"])
        pipeline.consume(.heard(HeardTimes(all: 5 * second)))
        #expect(told(&pipeline) == ["/b exact c1"])
        // And nothing of that time waits any more.
        open(&pipeline, "/c", object: 3, at: 5 * second)
        #expect(told(&pipeline) == ["/c exact c1"])
        #expect(pipeline.nextDeadline == .max)
    }

    @Test func `events come in the order of the stream`() {
        var pipeline = self.pipeline()
        open(&pipeline, "/a", object: 1, at: 3 * second)
        open(&pipeline, "/elsewhere", object: 2, at: 4 * second, calls: 0, cgroup: 43)
        pipeline.consume(.heard(HeardTimes(all: 5 * second)))
        let events = pipeline.takeEvents()
        #expect(events.compactMap { $0.fileDetail?.path.text } == ["/elsewhere", "/a"])
        #expect(events.map(\.sequence) == events.map(\.sequence).sorted())
    }

    @Test func `a workload that is behind has its own events wait, and nobody else's`() {
        var pipeline = self.pipeline()
        begin(&pipeline, 2, set: 6, cgroup: 43)
        _ = pipeline.takeEvents()
        open(&pipeline, "/own", object: 1, at: 3 * second)
        open(&pipeline, "/other", object: 2, at: 3 * second, calls: 6, cgroup: 43)
        pipeline.consume(.heard(HeardTimes(all: 4 * second, behind: [42: 2 * second])))
        #expect(told(&pipeline) == ["/other exact c2"])
        open(&pipeline, "/other2", object: 3, at: 4 * second, calls: 6, cgroup: 43)
        #expect(told(&pipeline) == ["/other2 exact c2"])
        pipeline.consume(.heard(HeardTimes(all: 5 * second)))
        #expect(told(&pipeline) == ["/own exact c1"])
    }

    @Test func `what has waited long enough has the call as its only candidate, so do its repeats in between`() throws {
        var pipeline = self.pipeline()
        open(&pipeline, "/a", at: 3 * second)
        let deadline = 3 * second + UnheardOccurrences.life
        #expect(pipeline.nextDeadline == deadline)
        pipeline.consume(.settle(deadline - 1))
        #expect(told(&pipeline).isEmpty)
        pipeline.consume(.settle(deadline))
        #expect(told(&pipeline) == ["/a candidates c1"])
        pipeline.consume(.call(.ended(CallEnd(number: 1, status: "ok", time: 4 * second))))
        pipeline.consume(.settle(.max))
        let record = try #require(pipeline.takeCallRecords().first)
        #expect(record.effects.map(\.method) == [.candidates] && record.effects.map(\.candidates) == [["c1"]])
    }

    @Test func `what is counted is told after the first time`() {
        var pipeline = self.pipeline()
        open(&pipeline, "/a", at: 3 * second)
        let key = key(of: Records.open("/a", time: 3 * second, calls: 5))
        pipeline.consume(.tick(ClockReading(boot: 3 * second + 1, wallOffset: 0)))
        pipeline.consume(.count(CountDelta(key: key, count: 7)))
        let events = pipeline.takeEvents().filter { $0.kind == .fileOpen }
        #expect(events.map(\.count) == [1, 7])
        #expect(events.first?.toolCall?.method == .candidates)
    }

    @Test func `an end that was too early for the first time is not forgotten when repeats are told`() {
        var pipeline = self.pipeline()
        open(&pipeline, "/a", at: 5 * second)
        end(&pipeline, at: 4 * second, toldAt: 6 * second)
        pipeline.consume(.tick(ClockReading(boot: 7 * second, wallOffset: 0)))
        pipeline.consume(.count(CountDelta(key: key(of: Records.open("/a", calls: 5)), count: 7)))
        #expect(told(&pipeline) == ["/a none", "/a none"])
    }

    @Test func `where nobody is asked, and of what comes of something done before, it is told at once`() {
        var pipeline = self.pipeline(isAsked: false)
        open(&pipeline, "/a", at: 3 * second)
        #expect(told(&pipeline) == ["/a exact c1"])
        pipeline = self.pipeline()
        pipeline.record(
            RecordBytes(Records.open("/late", time: 3 * second, calls: 5)).changing { $0.uid = .max })
        #expect(told(&pipeline) == ["/late exact c1"])
    }

    @Test func `a process is told as it was then`() {
        var pipeline = self.pipeline()
        open(&pipeline, "/a", at: 3 * second)
        pipeline.record(Records.exec(executable: "/usr/bin/other", time: 4 * second))
        pipeline.consume(.heard(HeardTimes(all: 5 * second)))
        let event = pipeline.takeEvents().first { $0.fileDetail?.path == "/a" }
        #expect(event?.process?.executable.text == "/usr/bin/cat" && event?.toolCall?.method == .exact)
    }

    @Test func `there is only so much room for one workload, and always some for another`() {
        var pipeline = self.pipeline()
        begin(&pipeline, 2, set: 6, cgroup: 43)
        _ = pipeline.takeEvents()
        let count = 8000
        for number in 0..<count { open(&pipeline, "/\(number)", object: UInt64(number), at: 3 * second) }
        let refused = told(&pipeline)
        #expect(!refused.isEmpty && refused.count < count)
        #expect(refused.allSatisfy { $0.hasSuffix(" candidates c1") })
        open(&pipeline, "/other", object: 1, at: 3 * second, calls: 6, cgroup: 43)
        #expect(told(&pipeline).isEmpty)
        pipeline.consume(.heard(HeardTimes(all: 3 * second)))
        let rest = told(&pipeline)
        #expect(rest.count == count - refused.count + 1 && rest.allSatisfy { $0.contains(" exact ") })
    }
}
