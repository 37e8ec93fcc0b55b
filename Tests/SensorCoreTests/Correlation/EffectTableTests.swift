// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct EffectTableTests {
    private static let second: UInt64 = 1_000_000_000

    /// One that expectations can ask.
    private final class Table {
        private var table: EffectTable
        private var sequence: UInt64 = 0
        let workloads = [7, 8].map { number in
            Workload(
                number: number, path: CgroupPath("/system.slice/agent.service"),
                description: WorkloadDescription(kind: "SystemdUnit", name: "agent.service"))
        }

        init(_ change: (inout EffectTable.Limits) -> Void = { _ in }) {
            var limits = EffectTable.Limits()
            change(&limits)
            table = EffectTable(limits: limits)
        }

        var bytes: Int { table.bytes }
        var count: Int { table.count }

        func begin(_ numbers: UInt64..., of workload: Int = 0) {
            for number in numbers {
                table.begin(
                    ToolCall(
                        number: number, id: "call-\(number)", name: "tool", session: "s", scope: .process, process: 10,
                        cgroup: 1, time: 0),
                    of: workloads[workload], process: nil)
            }
        }

        func end(_ number: UInt64, at time: UInt64) {
            table.end(CallEnd(number: number, status: "ok", time: time))
        }

        func note(
            _ kind: EventKind, _ path: String? = nil, for numbers: UInt64..., at time: UInt64 = 100, count: UInt64 = 1,
            process: ProcessDescription? = nil, error: Int32 = 0, isRemembered: Bool = false, isLate: Bool = false,
            detail: EventDetail? = nil
        ) {
            note(
                kind, path, for: numbers, at: time, count: count, process: process, error: error,
                isRemembered: isRemembered, isLate: isLate, detail: detail)
        }

        func note(
            _ kind: EventKind, _ path: String? = nil, for numbers: [UInt64], at time: UInt64 = 100, count: UInt64 = 1,
            process: ProcessDescription? = nil, error: Int32 = 0, isRemembered: Bool = false, isLate: Bool = false,
            detail: EventDetail? = nil
        ) {
            sequence += 1
            let ids = numbers.map { "call-\($0)" }
            table.note(
                EffectTable.Deed(
                    sequence: sequence, time: time, kind: kind, count: count,
                    detail: detail ?? path.map { .file(FileDetail(path: ByteString($0), access: .read)) } ?? .none,
                    errorNumber: error, process: process, isRemembered: isRemembered, isLate: isLate),
                for: ToolCallReference(
                    id: ids.count == 1 ? ids[0] : "", name: "", session: "",
                    method: ids.count == 1 ? .exact : .candidates, candidates: ids.count == 1 ? [] : ids,
                    initiator: nil, claims: ToolCallClaims(), numbers: numbers))
        }

        func lose(of workloads: Set<UInt64>, since: UInt64) { table.lose(of: workloads, since: since) }
        func takeOverdue() -> [EffectTable.Settled] { table.takeOverdue() }
        func tick(at time: UInt64) -> [EffectTable.Settled] { table.tick(at: time) }
        func finish() -> [EffectTable.Settled] { table.finish() }
    }

    private func process(_ number: UInt32, _ executable: String = "/bin/sh") -> ProcessDescription {
        ProcessDescription(id: "b-\(number)", pid: number, executable: ByteString(executable))
    }

    /// `file.open /a ×2 exact`
    private func text(_ settled: EffectTable.Settled?) -> [String] {
        (settled?.effects ?? []).map { effect in
            "\(effect.kind.name) \(effect.text)\(effect.count > 1 ? " ×\(effect.count)" : "") \(effect.method.rawValue)"
                + (effect.candidates.isEmpty ? "" : " " + effect.candidates.joined(separator: " "))
        }
    }

    @Test func `what is alike is one effect, with how often and when`() throws {
        let table = Table()
        table.begin(1)
        table.note(.fileOpen, "/b", for: 1, at: 150)
        table.note(.fileOpen, "/a", for: 1, at: 100)
        table.note(.fileOpen, "/a", for: 1, at: 200, count: 5)
        table.note(.fileOpen, "/a", for: 1, at: 120, error: 2)
        table.note(.fileDelete, "/a", for: 1, at: 130)
        table.end(1, at: 300)
        let settled = try #require(table.finish().first)
        #expect(
            text(settled) == [
                "file.open /a ×6 exact", "file.open /a exact", "file.delete /a exact", "file.open /b exact",
            ])
        #expect(settled.effects[0].first == 100 && settled.effects[0].last == 200)
        #expect(settled.effects[0].access == .read)
        #expect(settled.effects[1].errorNumber == 2)
        #expect(settled.counts == [.fileOpen: 8, .fileDelete: 1])
        #expect(settled.leftOut == 0 && !settled.isIncomplete)
    }

    @Test func `what was sent and received adds up`() throws {
        let table = Table()
        table.begin(1)
        let peer = Endpoint(address: IPAddress(ipv4: 0x0a00_0007), port: 443, names: ["api.example.test"])
        for bytes in [10, 20] as [UInt64] {
            table.note(
                .networkClose, for: 1,
                detail: .network(
                    NetworkDetail(
                        direction: .egress, transport: .tcp, peer: peer, bytesSent: bytes, bytesReceived: 2 * bytes)))
        }
        let effect = try #require(table.finish().first?.effects.first)
        #expect(effect.text == "api.example.test:443")
        #expect(effect.sent == 30 && effect.received == 60 && effect.count == 2)
    }

    @Test func `what may have been for one of several is in the account of each, and says so`() {
        let table = Table()
        table.begin(1, 2)
        table.note(.fileOpen, "/a", for: 1, 2)
        table.note(.fileOpen, "/b", for: 2)
        table.end(1, at: 300)
        table.end(2, at: 300)
        let settled = table.finish()
        #expect(
            settled.map(text) == [
                ["file.open /a candidates call-1 call-2"],
                ["file.open /a candidates call-1 call-2", "file.open /b exact"],
            ])
        #expect(table.bytes == 0)
    }

    @Test func `a call is settled when what the kernel counted has come, in a bounded time`() {
        let table = Table()
        table.begin(1, 2)
        table.note(.fileOpen, "/a", for: 1, isRemembered: true)
        table.note(.fileOpen, "/b", for: 2)
        table.end(1, at: 5 * Self.second)
        table.end(2, at: 5 * Self.second)
        #expect(table.tick(at: 10 * Self.second).isEmpty)
        // Of the second nothing is counted.
        #expect(table.tick(at: 20 * Self.second).map(\.call.number) == [2])
        table.note(.fileOpen, "/a", for: 1, at: 20 * Self.second, count: 41, isLate: true)
        let settled = table.tick(at: 30 * Self.second)
        #expect(settled.map(text) == [["file.open /a ×42 exact"]])
        #expect(table.count == 0)
        // What comes later has no account.
        table.note(.fileOpen, "/late", for: 1)
        #expect(table.bytes == 0 && table.finish().isEmpty)
    }

    @Test func `quick ticks do not hurry what is on its way from the kernel`() {
        let table = Table()
        table.begin(1)
        table.end(1, at: 5 * Self.second)
        for tick in 1...9 as ClosedRange<UInt64> {
            #expect(table.tick(at: 5 * Self.second + tick * 100_000_000).isEmpty)
        }
        #expect(table.tick(at: 6 * Self.second).count == 1)
    }

    @Test func `an open call is settled only at the end, as open`() {
        let table = Table()
        table.begin(1)
        table.note(.fileOpen, "/a", for: 1)
        for tick in 1...9 as ClosedRange<UInt64> { #expect(table.tick(at: tick * 10 * Self.second).isEmpty) }
        let settled = table.finish()
        #expect(settled.map { $0.end == nil } == [true])
        #expect(settled.map(text) == [["file.open /a exact"]])
    }

    @Test func `what was done after an end that came late is not certain to have been for the call`() throws {
        let table = Table()
        table.begin(1, 2)
        table.note(.fileOpen, "/within", for: 1, at: 100)
        table.note(.fileOpen, "/after", for: 1, at: 200)
        table.note(.fileOpen, "/others", for: 1, 2, at: 250)
        // Counted, and what came of something done before: it is not known when.
        table.note(.fileOpen, "/within", for: 1, at: 400, count: 5, isLate: true)
        table.note(.networkClose, "/closed", for: 1, at: 300, isLate: true)
        table.end(1, at: 200)
        table.end(2, at: 500)
        let settled = table.finish()
        #expect(
            settled.map(text) == [
                [
                    "file.open /within ×6 exact", "file.open /after candidates call-1",
                    "file.open /others candidates call-1 call-2", "network.close /closed exact",
                ], ["file.open /others candidates call-1 call-2"],
            ])
        #expect(settled.map(\.isIncomplete) == [false, false])
    }

    @Test func `what was done before such an end, and after it, makes the record incomplete`() {
        let table = Table()
        table.begin(1)
        for time in [150, 250] as [UInt64] { table.note(.fileOpen, "/a", for: 1, at: time) }
        table.end(1, at: 200)
        let settled = table.finish()
        #expect(settled.map(text) == [["file.open /a ×2 exact"]])
        #expect(settled.map(\.isIncomplete) == [true])
    }

    // MARK: Bounds

    @Test func `what is too much to be listed is counted, by kind`() throws {
        let table = Table { $0.effects = 3 }
        table.begin(1)
        for number in 0..<10 { table.note(.fileOpen, "/\(number)", for: 1) }
        table.note(.fileOpen, "/0", for: 1, count: 5)
        table.note(.fileDelete, "/9", for: 1, count: 2)
        let settled = try #require(table.finish().first)
        #expect(settled.effects.count == 3)
        #expect(settled.leftOut == 9)
        #expect(settled.counts == [.fileOpen: 15, .fileDelete: 2])
        #expect(settled.counts.values.reduce(0, +) == settled.effects.reduce(settled.leftOut) { $0 + $1.count })
    }

    @Test func `one workload that fills the memory leaves room for others, and nothing goes uncounted`() {
        let table = Table { $0.bytes = 200_000 }
        for number in 1...100 as ClosedRange<UInt64> {
            table.begin(number)
            for path in 0..<100 { table.note(.fileOpen, "/\(path)", for: number) }
        }
        #expect(table.bytes <= 101_000)
        table.begin(200, of: 1)
        table.note(.fileOpen, "/other", for: 200)
        let settled = table.finish()
        #expect(settled.last.map { text($0) } == ["file.open /other exact"])
        for call in settled.dropLast() {
            #expect(call.effects.reduce(call.leftOut) { $0 + $1.count } == 100)
            #expect(call.counts == [.fileOpen: 100])
        }
        #expect(table.bytes == 0)
    }

    @Test func `an effect of many calls lists some of them, and is paid for by each record that has it`() throws {
        let table = Table { $0.bytes = 100_000 }
        for number in 1...20 as ClosedRange<UInt64> { table.begin(number) }
        table.note(.fileOpen, "/a", for: Array(1...20))
        let effect = try #require(table.finish().first?.effects.first)
        #expect(effect.candidates == (1...16).map { "call-\($0)" } && effect.candidatesLeftOut == 4)

        for number in 1...20 as ClosedRange<UInt64> { table.begin(number) }
        for path in 0..<1000 { table.note(.fileOpen, "/\(path)", for: Array(1...20)) }
        let settled = table.finish()
        #expect(settled.reduce(0) { $0 + $1.effects.count } * 320 < 100_000)
        #expect(settled.allSatisfy { $0.effects.reduce($0.leftOut) { $0 + $1.count } == 1000 })
        #expect(table.bytes == 0)
    }

    @Test func `a tick settles no more than so much of a workload, and all of it in the end`() {
        let table = Table { ($0.settledBytesOfWorkload, $0.settledBytes) = (5000, 8000) }
        for number in 1...20 as ClosedRange<UInt64> { table.begin(number) }
        table.begin(21, of: 1)
        for number in 1...20 as ClosedRange<UInt64> {
            table.note(.fileOpen, "/a", for: number)
            table.end(number, at: 100)
        }
        table.end(21, at: 100)
        var settled: [[UInt64]] = []
        for tick in 1...12 as ClosedRange<UInt64> {
            settled.append(table.tick(at: tick * 10 * Self.second).map(\.call.number))
        }
        #expect(settled.prefix(3) == [[], [1, 2, 3, 4, 21], [5, 6, 7, 8]])
        #expect(settled.joined().sorted() == Array(1...21))
        #expect(table.count == 0 && table.bytes == 0)
    }

    @Test func `of what cannot wait, and is too much, the counts are told`() {
        let table = Table { ($0.settledBytesOfWorkload, $0.ended, $0.overdue) = (1, 1, 2) }
        table.begin(1, 2, 3)
        for number in 1...3 as ClosedRange<UInt64> { table.note(.fileOpen, "/a", for: number, count: 5) }
        for number in 1...2 as ClosedRange<UInt64> { table.end(number, at: 100) }
        #expect(table.takeOverdue().isEmpty)
        table.end(3, at: 100)
        // There are so many that they do not wait.
        let settled = table.takeOverdue()
        #expect(settled.map(\.effects.count) == [1, 0])
        #expect(settled.map(\.leftOut) == [0, 5])
        #expect(settled.map(\.counts) == [[.fileOpen: 5], [.fileOpen: 5]])
    }

    @Test func `of too many ended calls the earliest does not wait, and says if its counts are missing`() {
        let table = Table { $0.ended = 2 }
        table.begin(1, 2, 3, 4)
        table.note(.fileOpen, "/a", for: 1, isRemembered: true)
        for number in 1...4 as ClosedRange<UInt64> { table.end(number, at: 100) }
        let settled = table.tick(at: 200)
        #expect(settled.map(\.call.number) == [1, 2])
        #expect(settled.map(\.isIncomplete) == [true, false])
    }

    @Test(arguments: [true, false]) func `whoever ends calls in numbers costs others nothing`(_ isByCount: Bool) {
        let table = Table { if isByCount { $0.ended = 10 } else { $0.endedBytes = 10 * 1024 } }
        table.begin(1, 2, of: 1)
        table.note(.fileOpen, "/other", for: 1, isRemembered: true)
        for number in 1...2 as ClosedRange<UInt64> { table.end(number, at: 100) }
        for number in 3...102 as ClosedRange<UInt64> {
            table.begin(number)
            table.end(number, at: 100)
        }
        #expect(table.tick(at: 200).map(\.call.number) == Array(3...94))
        #expect(table.finish().filter { $0.workload.number == 8 }.map(\.isIncomplete) == [false, false])
    }

    @Test func `a call in whose time something of its workload was lost says so`() {
        let table = Table()
        table.begin(1, 2)
        table.begin(3, of: 1)
        table.end(1, at: 100)
        table.lose(of: [7], since: 200)
        #expect(table.finish().map(\.isIncomplete) == [false, true, false])
        table.begin(4, 5)
        table.begin(6, of: 1)
        table.lose(of: [0], since: 200)
        #expect(table.finish().map(\.isIncomplete) == [true, true, true])
    }

    // MARK: Processes

    @Test func `a process that the call has started and that goes on after its end has outlived it`() {
        let table = Table()
        table.begin(1)
        for number in 20...22 as ClosedRange<UInt32> {
            table.note(.processFork, for: 1, at: 100, process: process(number))
        }
        table.note(.processExec, for: 1, at: 110, process: process(21, "/bin/sleep"))
        table.note(.processExit, for: 1, at: 120, process: process(20), detail: .exit(ExitDetail(code: 3)))
        table.end(1, at: 300)
        // That comes late, but was before the end.
        table.note(.processExit, for: 1, at: 299, process: process(22), detail: .exit(ExitDetail(code: 0, signal: 9)))
        let settled = table.finish().first
        #expect(settled?.outlivedBy.map(\.process.id) == ["b-21"])
        #expect(settled?.outlivedBy.map(\.process.executable) == ["/bin/sleep"])
        #expect(
            text(settled) == [
                "process.fork /bin/sh ×3 exact", "process.exec /bin/sleep exact",
                "process.exit /bin/sh: status 3 exact",
                "process.exit /bin/sh: SIGKILL exact",
            ])
    }

    @Test func `a process that ends while fewer calls are open has ended for each`() {
        let table = Table()
        table.begin(1, 2, 3)
        table.note(.processFork, for: 1, 2, at: 100, process: process(20))
        table.note(.processExec, for: 1, 2, 3, at: 110, process: process(20, "/bin/touch"))
        table.note(.processFork, for: 1, 2, at: 120, process: process(21))
        table.note(.processExit, for: 1, 3, at: 130, process: process(20), detail: .exit(ExitDetail(code: 0)))
        for number in 1...3 as ClosedRange<UInt64> { table.end(number, at: 300) }
        #expect(table.finish().map { $0.outlivedBy.map(\.process.id) } == [["b-21"], ["b-21"], []])
        #expect(table.bytes == 0)
    }

    @Test func `of several calls each has its own end`() {
        let table = Table()
        table.begin(1, 2)
        table.note(.processFork, for: 1, 2, at: 100, process: process(20))
        table.end(1, at: 200)
        table.note(.processExit, for: 1, 2, at: 250, process: process(20), detail: .exit(ExitDetail(code: 0)))
        table.end(2, at: 300)
        #expect(table.finish().map { $0.outlivedBy.map(\.process.id) } == [["b-20"], []])
    }
}
