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

    @Test func `processes with long arguments leave room for fewer`() {
        let recent = RecentEvents(stream: "s", capacity: 1000, byteLimit: 100_000)
        for number: UInt64 in 1...100 { recent.receive([event(number, process(number, argument: 4000))]) }
        let kept = kept(recent, of: 1...100)
        #expect((5...15).contains(kept.count))
        #expect(kept.last == 100)
    }
}
