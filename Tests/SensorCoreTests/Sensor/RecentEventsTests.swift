// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct RecentEventsTests {
    private let workload = WorkloadDescription(kind: "Host")

    private func event(_ number: UInt64, _ process: ProcessDescription) -> Event {
        Event(
            sequence: number, time: number, bootTime: number, kind: .fileOpen, process: process, workload: workload,
            via: .sysExit)
    }

    private func process(_ number: UInt64, argument: Int = 1) -> ProcessDescription {
        ProcessDescription(
            id: "b-\(number)", pid: 1, executable: "/a", arguments: [String(repeating: "a", count: argument)])
    }

    private func kept(_ recent: RecentEvents, of numbers: ClosedRange<UInt64>) -> [UInt64] {
        numbers.filter { recent.line(of: "s-\($0)") != nil }
    }

    @Test func `the latest events are kept, as many as there is room for`() {
        let recent = RecentEvents(stream: "s", capacity: 10)
        let process = process(1)
        for number: UInt64 in 1...35 { recent.receive([event(number, process)]) }
        #expect(kept(recent, of: 1...35) == Array(26...35))
        recent.receive((36...100).map { event($0, process) })
        #expect(kept(recent, of: 1...100) == Array(91...100))
        #expect(recent.line(of: "other-95") == nil)
    }

    @Test func `with an event come the beginning of its call and what the model had been shown`() throws {
        let recent = RecentEvents(stream: "s")
        let process = process(1)
        func told(_ number: UInt64, _ kind: EventKind, _ detail: EventDetail, of workload: WorkloadDescription) -> Event
        {
            Event(
                sequence: number, time: number, bootTime: number, kind: kind, process: process, workload: workload,
                detail: detail, via: .daemon)
        }
        func context(_ turn: UInt32, session: String = "s1") -> EventDetail {
            .context(ContextDetail(id: "p1", session: session, turn: turn, sources: [.init(kind: "user")]))
        }
        var claims = ToolCallClaims()
        claims.context = "p1"
        let call = ToolCallDetail(
            id: "c1", name: "read", session: "s1", scope: "thread", claims: claims,
            arguments: [ToolCallArgument(name: "path", type: "string")])
        var effect = event(7, process)
        effect.toolCall = ToolCallReference(
            id: "c1", name: "read", session: "s1", method: .exact, candidates: [], claims: claims)
        let other = WorkloadDescription(kind: "SystemdUnit", name: "a")
        recent.receive([
            told(1, .context, context(1), of: workload), told(2, .context, context(2), of: workload),
            told(3, .context, context(3, session: "s2"), of: workload), told(4, .context, context(4), of: other),
            told(5, .toolCallBegin, .toolCall(call), of: workload),
            told(6, .toolCallBegin, .toolCall(call), of: other), effect, event(8, process),
            told(9, .context, context(9), of: workload),
        ])
        func chain(_ number: Int) -> [Event] {
            (recent.line(of: "s-\(number)") ?? []).split(separator: UInt8(ascii: "\n")).compactMap { Event(json: $0) }
        }
        #expect(chain(7).map(\.sequence) == [7, 5, 2])
        #expect(chain(7).first?.toolCall == effect.toolCall)
        #expect(chain(5).map(\.sequence) == [5, 2])
        #expect(chain(8).map(\.sequence) == [8])
        guard case .toolCall(let begin) = chain(7).dropFirst().first?.detail else {
            Issue.record("no beginning")
            return
        }
        #expect(begin == call)
    }

    @Test func `processes with long arguments leave room for fewer`() {
        let recent = RecentEvents(stream: "s", capacity: 1000, byteLimit: 100_000)
        for number: UInt64 in 1...100 { recent.receive([event(number, process(number, argument: 4000))]) }
        let kept = kept(recent, of: 1...100)
        #expect((5...15).contains(kept.count))
        #expect(kept.last == 100)
    }
}
