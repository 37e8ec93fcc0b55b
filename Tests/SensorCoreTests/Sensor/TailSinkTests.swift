// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct TailSinkTests {
    /// Writes the sequence number, and a mark for what is not final.
    private struct Numbers: EventFormatter {
        func append(_ event: borrowing Event, to bytes: inout [UInt8]) {
            var line = "\(event.sequence)"
            if case .network(let network) = event.detail, network.isFinal == false { line += " open" }
            bytes += Array((line + "\n").utf8)
        }
    }

    private let pipe: Pipe
    private let writer: LineWriter
    private let completion: WakeUp

    init() throws {
        pipe = try Pipe()
        writer = try LineWriter(pipe.destination) { _ in }
        completion = try WakeUp()
    }

    private func sink(root: UInt32? = nil, limit: UInt64? = nil, isStreaming: Bool = true) throws -> TailSink {
        TailSink(
            filter: try CompiledFilter(EventFilter()), scope: root.map { ProcessScope(root: $0) },
            isStreaming: isStreaming, limit: limit, formatter: Numbers(), output: writer, completion: completion)
    }

    private func lines() -> String {
        _ = writer.finish()
        return pipe.readToEnd()
    }

    private func event(
        _ sequence: UInt64, _ kind: EventKind = .fileOpen, pid: UInt32 = 7, parent: UInt32 = 1, isStreamed: Bool = true,
        port: UInt16? = nil
    ) -> Event {
        let process = ProcessDescription(
            id: "b-\(pid)-1", pid: pid, parentID: "b-\(parent)-1", executable: "/bin/true")
        var detail = EventDetail.none
        if let port {
            let peer = Endpoint(address: IPAddress("10.0.0.1"), port: 80)
            let local = Endpoint(address: IPAddress("10.0.0.2"), port: port)
            detail = .network(NetworkDetail(direction: .egress, transport: .tcp, peer: peer, local: local))
        }
        return Event(
            sequence: sequence, time: 1, bootTime: 1, kind: kind, isStreamed: isStreamed, process: process,
            workload: .unknown(), detail: detail, via: .sysExit)
    }

    @Test func `counts that come on top of a stream are not shown`() throws {
        let sink = try sink()
        sink.receive([event(1), event(2, isStreamed: false), event(3)])
        sink.finish()
        #expect(lines() == "1\n3\n")
        #expect(sink.progress.shown == 2)
    }

    @Test func `it stops at exactly as many as were asked for, and says so once`() throws {
        let sink = try sink(limit: 2)
        sink.receive([event(1), event(2), event(3)])
        #expect(completion.take())
        sink.receive([event(4)])
        #expect(!completion.take())
        #expect(sink.progress.isComplete)
        #expect(lines() == "1\n2\n")
    }

    @Test func `a command's tail shows its descendants only`() throws {
        let sink = try sink(root: 7)
        sink.receive([
            event(1, .processExec, pid: 7), event(2, .processFork, pid: 8, parent: 7), event(3, pid: 8),
            event(4, pid: 9),
        ])
        #expect(sink.livingProcesses == [7, 8])
        sink.receive([event(5, .processExit, pid: 8), event(6, .processExit, pid: 7)])
        #expect(sink.livingProcesses.isEmpty)
        #expect(lines() == "1\n2\n3\n5\n6\n")
    }

    @Test func `sockets that are not closed at the end are shown as open, without a number of the stream's`() throws {
        let sink = try sink(root: 7)
        sink.receive([
            event(0, .processExec), event(1, .networkConnect, port: 1000), event(2, .networkConnect, port: 1001),
        ])
        #expect(sink.progress.hasOpenSockets)
        sink.receive([event(3, .networkClose, port: 1000)])
        #expect(sink.progress.hasOpenSockets)
        sink.finish()
        #expect(lines() == "0\n1\n2\n3\n0 open\n")
    }

    @Test func `a socket that is closed is waited for no longer`() throws {
        let sink = try sink(root: 7)
        sink.receive([
            event(0, .processExec), event(1, .networkConnect, port: 1000), event(2, .networkClose, port: 1000),
        ])
        #expect(!sink.progress.hasOpenSockets)
        sink.finish()
        #expect(lines() == "0\n1\n2\n")
    }
}
