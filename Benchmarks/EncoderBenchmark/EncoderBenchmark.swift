// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// What the stages between the ring and the output cost for each event, in nanoseconds: the best of many short rounds,
/// so that what else the machine does falls out.
///
/// Run by hand: `SENSORD_BENCHMARKS=1 swift run -c release --scratch-path .build-bench EncoderBenchmark`.
@main
struct EncoderBenchmark {
    static let process = ProcessDescription(
        id: "0b5e1c1e-7d1f-4b7e-9a55-0123456789ab-4242-123456789012", pid: 4242,
        parentID: "0b5e1c1e-7d1f-4b7e-9a55-0123456789ab-1-0", executable: "/usr/bin/python3.11",
        executableDevice: DeviceNumber(major: 8, minor: 1), executableInode: 1234,
        arguments: ["python3", "agent.py", "--name", "planner"], workingDirectory: "/app", uid: 0, gid: 0,
        startTime: 1_795_214_400_000_000_000)
    static let workload = WorkloadDescription(
        kind: "SystemdUnit", name: "nginx.service", cgroup: "/system.slice/nginx.service", node: "n1")

    static func main() {
        encode("file.open", kind: .fileOpen) { number in
            file(ByteString("/usr/lib/python3.11/site-packages/package\(number)/module.py"))
        }
        encode("file.open, not ASCII", kind: .fileOpen) { number in
            file(ByteString("/home/jörg/Übung\(number).txt"))
        }
        encode("file.open, not UTF-8", kind: .fileOpen) { _ in file(ByteString([0x2f, 0x61, 0xff, 0xfe, 0x62])) }
        encode("network.close, IPv4", kind: .networkClose) { number in
            connection(to: IPAddress(ipv4: 0x0a00_0000 + UInt32(number)))
        }
        encode("network.close, IPv6", kind: .networkClose) { number in
            connection(to: IPAddress(ipv6High: 0x2001_0db8_0000_0000, low: UInt64(number)))
        }
        encode("process.exit", kind: .processExit) { _ in .exit(ExitDetail(code: 0)) }
        describe()
        redact("python3|agent.py|--name|planner")
        redact("gcc|-O2|-Wall|-Iinclude|-I/usr/include|-DNDEBUG|-pthread|-c|src/main.c|-o|build/main.o")
        redact("sh|-c|TOKEN=abc curl -H \"Authorization: Bearer xyz\" http://127.0.0.1")
        print("size of an event: \(MemoryLayout<Event>.size) bytes")
    }

    static func file(_ path: ByteString) -> EventDetail {
        .file(
            FileDetail(
                path: path, access: .read, device: DeviceNumber(major: 8, minor: 1), inode: 100_000, mode: 0o100644))
    }

    static func connection(to address: IPAddress) -> EventDetail {
        .network(
            NetworkDetail(
                direction: .egress, transport: .tcp,
                peer: Endpoint(address: address, port: 443, names: ["api.example.test"]),
                local: Endpoint(address: IPAddress(ipv4: 0x0a00_0001), port: 51312), bytesSent: 1234,
                bytesReceived: 5678, duration: 123_456_789, isFinal: true))
    }

    static func encode(_ name: String, kind: EventKind, _ detail: (Int) -> EventDetail) {
        let events = (0..<500).map { number in
            Event(
                sequence: 1_000_000 + UInt64(number), time: 1_795_214_460_123_456_789 + UInt64(number) * 7919,
                bootTime: 987_654_321_000, kind: kind, isFirstSeen: true, process: process, threadID: 4243,
                workload: workload, detail: detail(number), via: .sysExit)
        }
        let encoder = EventEncoder(stream: "5f2d6a0c9e1b47d8a3f4c5b6d7e8f901")
        var buffer: [UInt8] = []
        let time = best(of: events.count) {
            buffer.removeAll(keepingCapacity: true)
            for event in events { encoder.encode(event, into: &buffer) }
        }
        print("\(name): \(time) ns, \(buffer.count / events.count) bytes")
    }

    static func describe() {
        let time = best(of: 100) {
            for pid in 0..<UInt32(100) {
                let made = ProcessDescription(
                    id: process.id, pid: pid, parentID: process.parentID, executable: process.executable,
                    arguments: process.arguments, workingDirectory: process.workingDirectory, uid: 0, gid: 0,
                    startTime: process.startTime)
                precondition(made.pid == pid)
            }
        }
        print("making a process description: \(time) ns")
    }

    static func redact(_ line: String) {
        let block = line.utf8.map { $0 == UInt8(ascii: "|") ? 0 : $0 } + [0]
        let redactor = Redactor()
        let time = best(of: 100) {
            for _ in 0..<100 { precondition(!redactor.arguments(block).isEmpty) }
        }
        print("redacting \(block.count) bytes of arguments: \(time) ns")
    }

    /// Nanoseconds for each of `count` operations that `body` does.
    static func best(of count: Int, _ body: () -> Void) -> Int64 {
        let clock = ContinuousClock()
        var best = Int64.max
        for _ in 0..<500 {
            let time = clock.measure(body)
            best = min(best, time.components.attoseconds / 1_000_000_000 / Int64(count))
        }
        return best
    }
}
