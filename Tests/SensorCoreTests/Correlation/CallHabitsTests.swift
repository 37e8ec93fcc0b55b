// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// `effect_without_call` and `call_without_effect`: what a subject did, or caused, only within calls until now.
@Suite struct CallHabitsTests {
    private static let second: UInt64 = 1_000_000_000
    /// As the kernel side tells of access.
    private static let (read, write): (Int32, Int32) = (1, 2)

    /// An agent that makes a call every minute.
    private struct Agent: ~Copyable {
        var pipeline: Pipeline
        private var number: UInt64 = 0
        private(set) var time: UInt64 = 1000 * second
        private var object: UInt64 = 100

        init(cgroups: [(UInt64, ByteString)] = [(42, "/system.slice/agent.service")]) {
            let host = FakeHost()
            host.setCgroups(cgroups.map { (id: $0.0, path: $0.1) })
            pipeline = Pipeline(session: Records.session, host: host)
            pipeline.consume(.scanCgroups)
            pipeline.record(Records.exec(executable: "/usr/bin/python3", time: 1 * second))
        }

        /// - Parameter body: what is done within it, given the set of calls.
        mutating func call(
            _ name: String = "tool", _ scope: CallScope = .process, status: String = "ok", of cgroup: UInt64 = 42,
            _ body: (inout Agent, UInt32) -> Void = { _, _ in }
        ) {
            number += 1
            time += 60 * second
            let (number, set) = (self.number, UInt32(self.number))
            pipeline.consume(
                .call(
                    .begun(
                        ToolCall(
                            number: number, id: "c\(number)", name: name, session: "s", scope: scope, process: 100,
                            cgroup: cgroup, time: time))))
            pipeline.consume(.call(.set(set, members: [number])))
            time += second
            body(&self, set)
            time += second
            pipeline.consume(.call(.ended(CallEnd(number: number, status: status, time: time))))
            pipeline.consume(.call(.closed(set)))
            for _ in 0..<4 {
                time += 10 * second
                pipeline.consume(.tick(ClockReading(boot: time, wallOffset: 0)))
            }
        }

        mutating func connect(_ host: UInt8, calls: UInt32 = 0, cgroup: UInt64 = 42, error: UInt16 = 0) {
            object += 1
            let record = Records.network(
                SENSOR_NETWORK_CONNECT, peer: (10, 0, 0, host), port: 443, object: object, time: time, cgroup: cgroup,
                error: error)
            pipeline.record(
                RecordBytes(record).changing {
                    ($0.key.calls, $0.tgid, $0.tid, $0.start) = (calls, 100, 100, 7)
                })
        }

        mutating func run(_ program: String, calls: UInt32 = 0, by pid: UInt32 = 300) {
            object += 1
            let start = pid == 300 ? object : UInt64(pid)
            pipeline.record(
                RecordBytes(Records.exec(pid: pid, start: start, parent: (100, 7), executable: program, time: time))
                    .changing { $0.key.calls = calls })
        }

        mutating func fork(_ pid: UInt32, calls: UInt32) {
            pipeline.record(
                RecordBytes(Records.fork(pid: pid, start: UInt64(pid), parent: (100, 7), time: time))
                    .changing { ($0.key.cgroup, $0.key.calls) = (42, calls) })
        }

        mutating func open(_ path: String, access: Int32, calls: UInt32 = 0) {
            object += 1
            pipeline.record(Records.open(path, object: object, access: access, time: time, calls: calls))
        }

        /// A span tells of a call.
        mutating func span(at moment: UInt64) {
            object += 1
            let span = SpanCall(
                trace: "01", span: "\(object)", ancestors: [], id: "x", name: "t", session: "", status: "ok", error: "",
                service: "", agentName: "", agentID: "", agentVersion: "", begin: moment, end: moment, received: time,
                process: 100, cgroup: 42)
            pipeline.consume(.call(.span(span)))
        }

        mutating func anomalies() -> [AnomalyDetail] {
            pipeline.takeEvents().compactMap { if case .anomaly(let anomaly) = $0.detail { anomaly } else { nil } }
        }
    }

    // MARK: effect_without_call

    @Test func `a peer that was spoken to only within calls and then is without one`() throws {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        #expect(agent.anomalies().isEmpty)
        agent.connect(7)
        let events = agent.pipeline.takeEvents()
        let connect = try #require(events.first { $0.kind == .networkConnect })
        let told = try #require(events.first { $0.kind == .anomalyState })
        guard case .anomaly(let anomaly) = told.detail else { return }
        #expect(anomaly.rule == .effectWithoutCall)
        #expect(anomaly.expected == "egress to 10.0.0.7 only within tool calls, as in 20 of them")
        #expect(
            anomaly.came
                == "network.connect with no call open: event \(Records.session.streamID)-\(connect.sequence)")
        #expect(told.process?.pid == 100 && told.workload.name == "agent.service")
        // From now on it is nothing that is done in calls only.
        agent.connect(7)
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `a program that was run only within calls and then is without one`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.run("/usr/bin/git", calls: $1) } }
        agent.run("/usr/bin/git")
        #expect(agent.anomalies().map(\.expected) == ["exec of /usr/bin/git only within tool calls, as in 20 of them"])
    }

    @Test func `files that were changed only within calls and then are without one`() {
        var agent = Agent()
        for number in 0..<20 {
            agent.call { $0.open("/data/\(number)", access: Self.write, calls: $1) }
            // Everybody reads.
            agent.open("/etc/hosts", access: Self.read)
        }
        agent.open("/etc/passwd", access: Self.read)
        #expect(agent.anomalies().isEmpty)
        agent.open("/etc/passwd", access: Self.write)
        #expect(agent.anomalies().map(\.rule) == [.effectWithoutCall])
    }

    @Test func `an agent's own connection to its model, which it always made without a call, cries no wolf`() {
        var agent = Agent()
        // Before its first call, and between others.
        agent.connect(99)
        for number in 0..<60 {
            agent.call { $0.connect(7, calls: $1) }
            if number % 7 == 0 { agent.connect(99) }
            // Now and then while a call is open.
            if number % 2 == 0 { agent.call { $0.connect(99, calls: $1) } }
        }
        agent.connect(99)
        // A model's address that nobody has seen yet, too.
        agent.connect(98)
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `what was done before the first call is no news after it`() {
        var agent = Agent()
        agent.connect(99)
        for _ in 0..<30 { agent.call { $0.connect(99, calls: $1) } }
        agent.connect(99)
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `what was done otherwise once may become a habit again, ever later`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.connect(7)
        #expect(agent.anomalies().count == 1)
        // Two hours, and twenty calls.
        for _ in 0..<(71 + 20) { agent.call { $0.connect(7, calls: $1) } }
        agent.connect(7)
        #expect(agent.anomalies().count == 1)
        for _ in 0..<(71 + 20) { agent.call { $0.connect(7, calls: $1) } }
        agent.connect(7)
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `what a call has started, and what goes on after it, is said to be of that call`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.run("/usr/bin/git", calls: $1) } }
        agent.call { $0.fork(400, calls: $1) }
        agent.run("/usr/bin/git", by: 400)
        let anomaly = agent.anomalies().first { $0.rule == .effectWithoutCall }
        #expect(anomaly?.came.hasPrefix("process.exec with no call open, by what call c21 has started: event ") == true)
    }

    @Test func `few calls, or many in a short time, are no habit`() {
        var agent = Agent()
        for _ in 0..<19 { agent.call { $0.connect(7, calls: $1) } }
        agent.connect(7)
        #expect(agent.anomalies().isEmpty)

        let habits = CallHabits(at: 0)
        let deed = DeedClass(.processExec, .none, executable: "/bin/sh")
        for number in 1...1000 as ClosedRange<UInt64> { deed.map { habits.did($0, within: number, at: number) } }
        #expect(deed.map { habits.did($0, at: 1001) } == .some(nil))
        // Nor what one call does over and over.
        let other = CallHabits(at: 0)
        for time in 1...1000 as ClosedRange<UInt64> { deed.map { other.did($0, within: 1, at: time * Self.second) } }
        #expect(deed.map { other.did($0, at: 2000 * Self.second) } == .some(nil))
    }

    @Test func `an attempt that fails has no effect`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.connect(7, error: 111)
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `where spans tell of calls, what none covers is told when it has waited for one`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.span(at: 1)
        agent.connect(7)
        let due = agent.time + 10 * Self.second
        #expect(agent.pipeline.nextDeadline <= due)
        agent.pipeline.consume(.settle(due - 1))
        #expect(agent.anomalies().isEmpty)
        agent.pipeline.consume(.settle(due))
        #expect(agent.anomalies().map(\.expected) == ["egress to 10.0.0.7 only within tool calls, as in 20 of them"])
        #expect(agent.pipeline.nextDeadline == .max)
    }

    @Test(arguments: [false, true])
    func `what a span covers was done within a call, whichever comes first, and breaks no habit`(_ isLate: Bool) {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.span(at: isLate ? 1 : agent.time)
        agent.connect(7)
        if isLate { agent.span(at: agent.time) }
        agent.pipeline.consume(.settle(agent.time + 60 * Self.second))
        #expect(agent.anomalies().isEmpty)
        agent.call { $0.connect(7, calls: $1) }
        agent.connect(7)
        agent.pipeline.consume(.settle(.max))
        #expect(agent.anomalies().map(\.expected) == ["egress to 10.0.0.7 only within tool calls, as in 21 of them"])
    }

    @Test func `of more than can wait for spans nothing is said, but how many they are`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { agent, set in for host in 1...4 { agent.connect(UInt8(host), calls: set) } } }
        agent.span(at: 1)
        for number in 1...300 as ClosedRange<Int> { agent.connect(UInt8(number % 4) + 1) }
        #expect(agent.pipeline.statistics.evictedDeeds == 300 - 256)
        // The span of the call that all of it was done in comes after all.
        agent.span(at: agent.time)
        agent.pipeline.consume(.settle(.max))
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `one thing cannot be hidden behind many others that wait for spans`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { agent, set in for host in 1...2 { agent.connect(UInt8(host), calls: set) } } }
        agent.span(at: 1)
        for _ in 0..<300 { agent.connect(1) }
        agent.connect(2)
        #expect(agent.pipeline.statistics.evictedDeeds == 300 - 256 + 1)
        agent.pipeline.consume(.settle(.max))
        #expect(
            agent.anomalies().map(\.expected) == [
                "egress to 10.0.0.1 only within tool calls, as in 20 of them",
                "egress to 10.0.0.2 only within tool calls, as in 20 of them",
            ])
    }

    @Test func `spans of a unit that has ended say nothing of the one that is started again`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.span(at: 1)
        agent.pipeline.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 42, path: "/system.slice/agent.service"))
        agent.pipeline.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 52, path: "/system.slice/agent.service"))
        agent.call(of: 52)
        _ = agent.anomalies()
        agent.connect(7, cgroup: 52)
        #expect(agent.anomalies().map(\.rule) == [.effectWithoutCall])
    }

    @Test func `another subject has habits of its own, another run of the same one has not`() {
        var agent = Agent(cgroups: [(42, "/system.slice/agent.service"), (43, "/system.slice/other.service")])
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.call(of: 43)
        agent.connect(7, cgroup: 43)
        #expect(agent.anomalies().isEmpty)
        // The unit is started again: nothing is said of it before it announces calls.
        agent.pipeline.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 42, path: "/system.slice/agent.service"))
        agent.pipeline.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 52, path: "/system.slice/agent.service"))
        agent.connect(7, cgroup: 52)
        #expect(agent.anomalies().isEmpty)
        agent.call(of: 52)
        agent.connect(8, cgroup: 52)
        #expect(!agent.anomalies().contains { $0.rule == .effectWithoutCall })
    }

    @Test func `more than ten in a minute are held back, and told of`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { agent, set in for host in 1...30 { agent.connect(UInt8(host), calls: set) } } }
        #expect(agent.anomalies().isEmpty)
        for host in 1...30 as ClosedRange<UInt8> { agent.connect(host) }
        #expect(agent.anomalies().count == 10)
        agent.call()
        agent.call()
        let late = agent.anomalies().filter { $0.rule == .effectWithoutCall }
        #expect(late.map(\.suppressed) == [19])
    }

    @Test func `work in a thread that was there before is the lack of neither a call nor an effect, and no habit`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.connect(7, calls: $1) } }
        agent.call("tool", .thread) { agent, _ in agent.connect(7) }
        #expect(agent.anomalies().isEmpty)
        agent.call()
        #expect(agent.anomalies().map(\.rule) == [.callWithoutEffect])
        for _ in 0..<20 { agent.call("tool", .thread) { agent, _ in agent.connect(9) } }
        agent.connect(9)
        #expect(agent.anomalies().isEmpty)
    }

    // MARK: call_without_effect

    @Test func `a call without effect of a tool whose calls all had some`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call("write") { $0.open("/data", access: Self.write, calls: $1) } }
        for _ in 0..<20 { agent.call("think") }
        #expect(agent.anomalies().isEmpty)
        agent.call("write")
        let anomalies = agent.anomalies()
        #expect(anomalies.map(\.rule) == [.callWithoutEffect])
        #expect(anomalies.first?.call == "c41" && anomalies.first?.session == "s")
        #expect(anomalies.first?.expected == "effects, as all 20 calls of write before had")
        // From now on it is a tool that may do nothing.
        agent.call("write")
        #expect(agent.anomalies().isEmpty)
    }

    @Test(arguments: ["error", "denied", "cancelled", "abandoned"])
    func `a call that did not end well may do nothing`(_ status: String) {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.open("/data", access: Self.write, calls: $1) } }
        agent.call(status: status)
        #expect(agent.anomalies().isEmpty)
    }

    @Test func `where something was lost nothing is said`() {
        var agent = Agent()
        for _ in 0..<20 { agent.call { $0.open("/data", access: Self.write, calls: $1) } }
        agent.call { agent, _ in
            agent.pipeline.consume(
                .loss(
                    LossLedger.Key(cgroup: 42, hook: 1, reason: LossReason.ringFull.rawValue, kind: 10), count: 1))
        }
        #expect(agent.anomalies().isEmpty)
    }

    // MARK: Bounds

    @Test func `of more kinds than are told apart nothing is said`() {
        var limits = CallHabits.Limits()
        (limits.classes, limits.tools, limits.calls, limits.time) = (2, 1, 1, 0)
        let habits = CallHabits(at: 0, limits: limits)
        let deeds = ["/a", "/b", "/c"].compactMap { DeedClass(.processExec, .none, executable: ByteString($0)) }
        for (number, deed) in deeds.enumerated() { habits.did(deed, within: UInt64(number) + 1, at: 1) }
        #expect(deeds.map { habits.did($0, at: 2) } == [1, 1, nil])
        #expect(habits.ended("t", causedSomething: true, at: 1) == nil)
        #expect(habits.ended("u", causedSomething: true, at: 1) == nil)
        #expect(habits.ended("u", causedSomething: false, at: 2) == nil)
        #expect(habits.ended("t", causedSomething: false, at: 2) == 1)
    }

    @Test func `subjects are bounded, and forgotten when they have long done nothing`() {
        var table = HabitTable(subjects: 2)
        func unit(_ name: String) -> WorkloadDescription { WorkloadDescription(kind: "SystemdUnit", name: name) }
        let habits = ["a", "b", "c"].enumerated().map { table.habits(of: unit($1), UInt64($0), at: 1) != nil }
        #expect(habits == [true, true, false])
        // Another container of the same has the same.
        let (first, second) = (table.habits(of: unit("a"), 0, at: 1), table.habits(of: unit("a"), 9, at: 1))
        #expect(first === second)
        let unknown = table.habits(of: .unknown(), 3, at: 1) != nil
        #expect(!unknown)
        table.tick(at: 8 * 86_400 * Self.second)
        let again = table.habits(of: unit("c"), 2, at: 8 * 86_400 * Self.second) != nil
        #expect(again)
    }
}
