// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SwiftProtobuf
import Testing

@Suite struct EventEncoderTests {
    @Test(arguments: EventSample.all)
    func `a line is what the schema makes of the event`(_ sample: EventSample) throws {
        let line = Self.line(of: sample.event)

        #expect(try PostureEvent(jsonString: line) == PostureEvent(sample.event, stream: EventSample.stream))
    }

    @Test(arguments: EventSample.all)
    func `the schema's own JSON and binary forms carry the whole message`(_ sample: EventSample) throws {
        let message = PostureEvent(sample.event, stream: EventSample.stream)

        #expect(try PostureEvent(jsonString: message.jsonString()) == message)
        #expect(try PostureEvent(serializedBytes: message.serializedBytes() as [UInt8]) == message)
    }

    @Test(arguments: EventSample.all)
    func `a line is one line without anything that a terminal obeys`(_ sample: EventSample) {
        let line = Self.line(of: sample.event)

        #expect(line.last == "\n")
        #expect(
            line.dropLast().unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) })
    }

    @Test func `fields stand in the order of the schema`() {
        var event = EventSample("", .fileOpen).event
        event.isFirstSeen = true
        event.errorNumber = 13
        event.detail = .file(
            FileDetail(
                path: "/app/data.db", access: [.read, .write, .create], device: DeviceNumber(major: 8, minor: 1),
                inode: 77, mode: 0o100644))

        #expect(
            Self.line(of: event) == """
                {"time":"2026-11-20T22:41:00.123456789Z","id":"5f2d6a0c9e1b47d8a3f4c5b6d7e8f901-42","kind":"file.open",\
                "count":"1","firstSeen":true,"process":{"id":"0b5e1c1e-4242-17","pid":4242,"threadId":4243,\
                "parentId":"0b5e1c1e-1-0","executable":"/usr/bin/python3.11","executableDevice":"8:1",\
                "executableInode":"1234","arguments":["python3","agent.py","--name","quoted \\" and \\\\ and \\n"],\
                "script":"/app/agent.py","workingDirectory":"/app","uid":0,"gid":0,\
                "startTime":"2026-11-20T22:40:00.000000000Z"},"workload":{"kind":"SystemdUnit","name":"nginx.service",\
                "node":"n1","cgroup":"/system.slice/nginx.service"},"file":{"path":"/app/data.db",\
                "access":["READ","WRITE","CREATE"],"device":"8:1","inode":"77","pathSource":"dentry",\
                "mode":"100644"},"via":"sys_exit","error":"EACCES","bootTime":"987654321000"}

                """)
    }

    @Test func `a name that is no UTF-8 loses nothing`() throws {
        let bytes: [UInt8] = [0x2f, 0x61, 0xff, 0x62]
        let event = EventSample("", .fileOpen, .file(FileDetail(path: ByteString(bytes)))).event
        let message = try PostureEvent(jsonString: Self.line(of: event))

        #expect(message.file.path == "/a\u{fffd}b")
        #expect(Array(message.file.pathBytes) == bytes)
    }

    @Test func `lines follow each other in one buffer`() {
        var buffer: [UInt8] = []
        let encoder = EventEncoder(stream: EventSample.stream)
        for sample in EventSample.all { encoder.encode(sample.event, into: &buffer) }

        #expect(buffer == EventSample.all.flatMap { Array(Self.line(of: $0.event).utf8) })
    }

    static func line(of event: Event) -> String {
        var buffer: [UInt8] = []
        EventEncoder(stream: EventSample.stream).encode(event, into: &buffer)
        return String(validating: buffer, as: UTF8.self) ?? "not UTF-8"
    }
}
