// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct NDJSONSinkTests {
    private let workload = WorkloadDescription(kind: "SystemdUnit", name: "cron.service")

    private func event(_ number: UInt64, count: UInt64 = 1) -> Event {
        Event(
            sequence: number, time: number, bootTime: number, kind: .processExit, count: count, isFirstSeen: true,
            workload: workload, via: .processExit)
    }

    private func report(_ count: UInt64) -> LossReport {
        let loss = LossReport.Loss(hook: "sys_exit", reason: "ring_full", kind: "file.open", count: count)
        return LossReport(from: 0, to: 9, subjects: [.init(workload: workload, lost: [loss])])
    }

    @Test func `what found no room is told as lost as soon as there is room, and so are losses whose lines found none`()
        throws
    {
        let pipe = try Pipe()
        pipe.fill()
        let writer = try LineWriter(pipe.destination, capacity: 64 << 10) { _ in }
        let sink = NDJSONSink(stream: "s", writer: writer)
        var sent: UInt64 = 0
        // Nobody reads.
        while writer.counters.dropped < 3 {
            sent += 1
            sink.receive([event(sent, count: 2)])
        }
        let dropped = writer.counters.dropped
        sink.receive(report(5))
        sink.receive(report(6))
        #expect(writer.counters.dropped == dropped)

        var text = ""
        try eventually {
            text += pipe.readAvailable()
            return writer.counters.written == sent - dropped
        }
        sink.receive([event(sent + 1)])
        sink.finish()
        #expect(writer.counters == .init(written: sent - dropped + 3, dropped: dropped, errors: 0))
        text += pipe.readToEnd()
        let lines = text.split(separator: "\n")
        #expect(lines.count == Int(sent - dropped) + 3)
        let coverage = lines.suffix(3).dropLast()
        #expect(coverage.allSatisfy { $0.hasPrefix("{\"coverage\":[") })
        let refused = "{\"hook\":\"daemon\",\"reason\":\"output_full\",\"count\":\"\(2 * dropped)\"}"
        #expect(coverage.contains { $0.contains(refused) && !$0.contains("workload") })
        let lost = "{\"hook\":\"sys_exit\",\"reason\":\"ring_full\",\"count\":\"11\"}"
        #expect(coverage.contains { $0.contains(lost) && $0.contains("cron.service") })
        #expect(lines.last?.hasPrefix("{\"time\":") == true)
    }

    @Test func `a record of a call is a line of its own, and one without room is told as lost`() throws {
        let pipe = try Pipe()
        pipe.fill()
        let writer = try LineWriter(pipe.destination, capacity: 64 << 10) { _ in }
        let sink = NDJSONSink(stream: "s", writer: writer)
        let call = ToolCallDetail(id: "c1", name: "read", session: "s1", scope: "thread")
        let record = ToolCallRecord(state: .finished, call: call, workload: workload, began: 1, ended: 2)
        var sent: UInt64 = 0
        while writer.counters.dropped < 3 {
            sent += 1
            sink.receive([record])
        }
        let dropped = writer.counters.dropped
        var text = ""
        try eventually {
            text += pipe.readAvailable()
            return writer.counters.written == sent - dropped
        }
        sink.receive([record])
        sink.finish()
        text += pipe.readToEnd()
        let lines = text.split(separator: "\n")
        #expect(lines.first.flatMap { ToolCallRecord(json: Array($0.utf8)[...]) }?.call == call)
        let told = lines.filter { $0.hasPrefix("{\"coverage\":[") && $0.contains("\"kind\":\"toolCall\"") }.map {
            line in
            let mark = "{\"hook\":\"daemon\",\"reason\":\"output_full\",\"count\":\""
            return line.firstRange(of: mark).flatMap { UInt64(line[$0.upperBound...].prefix { $0 != "\"" }) } ?? 0
        }
        #expect(!told.isEmpty && told.reduce(0, +) == dropped && writer.counters.dropped == dropped)
    }

    @Test func `losses that never found room are counted as dropped at the end`() throws {
        let writer = try LineWriter(LineDestination(path: "/dev/full", appending: true), capacity: 64) { _ in }
        let sink = NDJSONSink(stream: "s", writer: writer)
        sink.receive([event(1)])
        try eventually { writer.counters.errors > 0 }
        sink.receive(report(5))
        #expect(writer.counters.dropped == 0)
        sink.finish()
        #expect(writer.counters.dropped == 2)
    }
}
