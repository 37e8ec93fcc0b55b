// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import Testing

@testable import SensorCore

@Suite struct RecordingTests {
    /// A file without a name, with these bytes.
    private func file(_ bytes: [UInt8] = []) throws -> Int32 {
        var template = Array("/tmp/sensord-recording-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        unlink(template)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            try #require(count > 0)
            written += count
        }
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    private func content(_ descriptor: Int32) -> [UInt8] {
        lseek(descriptor, 0, SEEK_SET)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        return bytes
    }

    private func host() -> FakeHost {
        let host = FakeHost()
        host.setCgroups([(1, "/"), (42, "/system.slice/a.service")])
        host.addProcess(1, parent: 0, start: 10_000_000, executable: "/sbin/init", arguments: ["init"])
        host.addProcess(100, parent: 1, start: 7, executable: "/usr/bin/agent", arguments: ["agent", "-v"], uid: 9)
        host.addProcess(103, parent: 1, start: 5, executable: "/usr/bin/a", arguments: ["a", "--token", "hunter2"])
        host.set(.resolve(pid: 100, path: "/link/", isItself: true), "/data")
        return host
    }

    private func inputs() -> [Input] {
        let open = Records.open("/etc/passwd")
        let send = Records.network(
            SENSOR_NETWORK_SEND, peer: (10, 0, 0, 7), port: 53, sent: 10, flags: SENSOR_FIRST_SEEN | SENSOR_REMEMBERED)
        return [
            .scanCgroups, .record(open), .record(Records.named(SENSOR_FILE_DELETE, base: nil, argument: "/link/x")),
            .record(Records.exec(pid: 101, start: 9)), .record(send),
            .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/b")),
            .tick(ClockReading(boot: 2_000_000_000, wallOffset: 1_700_000_000_000_000_123)),
            .count(CountDelta(key: key(of: open), count: 3)),
            .count(CountDelta(key: key(of: send), count: 2, sent: 99, received: 0)),
            .loss(LossLedger.Key(cgroup: 42, hook: 1, reason: 1, kind: 10), count: 5),
            .uring(sensor_uring_key(cgroup: 42, opcode: 11, reserved: 0), count: 6), .forgotten(key(of: open)),
            .record([1, 2, 3]), .record(Records.exit(pid: 101, start: 9)),
        ]
    }

    private struct Outcome: Equatable {
        var lines: [UInt8] = []
        var lost: UInt64 = 0
        var statistics = PipelineStatistics()
    }

    private func run(_ pipeline: inout Pipeline, _ outcome: inout Outcome) {
        let encoder = EventEncoder(stream: pipeline.session.streamID)
        for event in pipeline.takeEvents() { encoder.encode(event, into: &outcome.lines) }
        outcome.lost = pipeline.ledger.lost
        outcome.statistics = pipeline.statistics
    }

    /// What a live run gives, and the recording of it.
    private func record(
        _ inputs: [Input], host: FakeHost? = nil, configuration: PipelineConfiguration = PipelineConfiguration()
    ) throws -> (Outcome, [UInt8]) {
        let descriptor = try file()
        let copy = dup(descriptor)
        defer { close(copy) }
        let writer = RecordingWriter(
            descriptor: descriptor, session: Records.session, redactor: configuration.redactor)
        var pipeline = Pipeline(
            session: Records.session, host: RecordingHostView(host ?? self.host(), writer: writer),
            configuration: configuration)
        for input in inputs {
            pipeline.consume(input)
            writer.write(input)
        }
        var outcome = Outcome()
        run(&pipeline, &outcome)
        #expect(writer.finish() == nil)
        return (outcome, content(copy))
    }

    /// What a replay gives until its end or the error.
    private func replay(
        _ bytes: [UInt8], configuration: PipelineConfiguration = PipelineConfiguration()
    ) throws -> (Outcome, RecordingError?) {
        var outcome = Outcome()
        do throws(RecordingError) {
            let reader = try RecordingReader(descriptor: (try? file(bytes)) ?? -1)
            var pipeline = Pipeline(session: reader.session, host: reader.host, configuration: configuration)
            defer { run(&pipeline, &outcome) }
            while let input = try reader.next() { pipeline.consume(input) }
        } catch {
            return (outcome, error)
        }
        return (outcome, nil)
    }

    @Test func `a recording holds no secret, and its replay shows what was shown live`() throws {
        let exec = Records.exec(pid: 102, start: 9, arguments: ["mysql", "-phunter2", "--x", "t=1"])
        let (live, recording) = try record([.record(exec), .record(Records.open("/a", pid: 103, start: 5))])
        #expect(String(decoding: live.lines, as: UTF8.self).split(separator: "[redacted]").count == 3)
        #expect(!String(decoding: recording, as: UTF8.self).contains("hunter2"))
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
    }

    @Test func `a recording holds no secret of a notable call's strings`() throws {
        // fsconfig, whose key says what its value is, and finit_module.
        let (live, recording) = try record([
            .record(Records.syscall(431, strings: ["password", "hunter2hunter2"])),
            .record(Records.syscall(431, strings: ["size", "1M"])),
            .record(Records.syscall(Self.finitModule, strings: ["answer=42 password=hunter2hunter2 b=1"])),
        ])
        let lines = String(decoding: live.lines, as: UTF8.self)
        #expect(lines.contains(#"[{"name":"key","value":"password"},{"name":"value","value":"[redacted]"}]"#))
        #expect(lines.contains(#"[{"name":"key","value":"size"},{"name":"value","value":"1M"}]"#))
        #expect(lines.contains(#"[{"name":"parameters","value":"answer=42 password=[redacted] b=1"}]"#))
        #expect(!String(decoding: recording, as: UTF8.self).contains("hunter2"))
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
    }

    private static let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"

    @Test func `a recording holds no secret of a path, and its replay shows what was shown live`() throws {
        let token = Self.token
        let host = host()
        host.addProcess(105, parent: 1, start: 5, executable: "/opt/\(token)", arguments: ["a"])
        host.set(.link(pid: 105, .workingDirectory), "/srv/\(token)/x")
        host.set(.resolve(pid: 100, path: ByteString("/link/\(token)/"), isItself: true), "/data/\(token)")
        host.set(.resolve(pid: 100, path: ByteString("/asked/\(token)"), isItself: true), "/led/\(token)")
        let inputs: [[UInt8]] = [
            Records.exec(
                pid: 102, start: 9, executable: "/bin/\(token)", directory: "/\(token)", script: "a/\(token)/run"),
            Records.open("/tmp/\(token)/\(token).f"), Records.open("/a", pid: 105, start: 5),
            Records.open("/b/\(token)", fileFlags: SENSOR_FILE_COMPARE, argument: "/asked/\(token)"),
            Records.open("/b/\(token)", fileFlags: SENSOR_FILE_COMPARE, argument: "/b/./\(token)"),
            Records.named(SENSOR_FILE_DELETE, base: nil, argument: "/link/\(token)/\(token)"),
            Records.named(
                SENSOR_FILE_RENAME, base: "/\(token)", argument: token, newBase: "/x", newArgument: "../\(token)",
                error: 2),
            Records.named(
                SENSOR_FILE_LINK, base: nil, argument: "../\(token)", newBase: "/\(token)", newArgument: token,
                access: SENSOR_ACCESS_SYMBOLIC.rawValue),
            Records.unix(SENSOR_NETWORK_LISTEN, path: "/run/\(token)"),
            Records.unix(SENSOR_NETWORK_CONNECT, base: "/run/\(token)", name: token, error: 111),
            Records.unix(SENSOR_NETWORK_CONNECT, name: "\0\(token)"),
        ]
        let (live, recording) = try record(inputs.map { .record($0) }, host: host)
        #expect(live.lines.split(separator: UInt8(ascii: "\n")).count == inputs.count)
        let lines = String(decoding: live.lines, as: UTF8.self)
        #expect(!lines.contains("ghp_"))
        for shown in ["/run/[redacted]/[redacted]", "@[redacted]", "/data/[redacted]/[redacted]"] {
            #expect(lines.contains("\"\(shown)\""))
        }
        #expect(!String(decoding: recording, as: UTF8.self).contains("ghp_"))
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
    }

    @Test func `a recording holds nothing of a path that the operator has hidden`() throws {
        var configuration = PipelineConfiguration()
        configuration.redactor = Redactor(patterns: RedactionPatterns(parsing: "/corp/*\n@corp-*"))
        let host = host()
        host.set(.resolve(pid: 100, path: "/corp/plan/", isItself: true), "/corp/plan")
        let inputs: [[UInt8]] = [
            Records.open("/corp/plan"), Records.named(SENSOR_FILE_DELETE, base: "/corp", argument: "plan", error: 2),
            Records.named(SENSOR_FILE_DELETE, base: nil, argument: "/corp/plan/b"),
            Records.unix(SENSOR_NETWORK_LISTEN, path: "/corp/plan"),
            Records.unix(SENSOR_NETWORK_CONNECT, name: "\0corp-plan"),
        ]
        let (live, recording) = try record(inputs.map { .record($0) }, host: host, configuration: configuration)
        let lines = String(decoding: live.lines, as: UTF8.self)
        #expect(lines.split(separator: "\"/[redacted]\"").count == inputs.count + 1)
        #expect(!String(decoding: recording, as: UTF8.self).contains("plan"))
        let (replayed, error) = try replay(recording, configuration: configuration)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
    }

    @Test func `a recording holds no secret of what an agent says, and its replay shows what was shown live`() throws {
        let origin = CallOrigin(process: 100, cgroup: 42, time: 20)
        var call = ToolCall(
            number: 1, id: "k", name: "t", session: "s", scope: .none, process: 100, cgroup: 42, time: 20)
        call.terms = ["/a/\(Self.token)"]
        call.claims.authority = ToolCallClaims.Authority(grant: "Bearer \(Self.token)")
        let uri = "https://user:s3cretpass99@host/?token=\(Self.token)"
        let (live, recording) = try record([
            .call(.begun(call)),
            .call(
                .ended(CallEnd(number: 1, status: "error", error: "password=hunter2hunter2 \(Self.token)", time: 30))),
            .call(.context(ContextDetail(id: "x", session: "s", sources: [.init(kind: "user", uri: uri)]), origin)),
            .call(
                .anomaly(
                    AnomalyDetail(
                        rule: .epochMismatch, session: "s", expected: Self.token, came: "token=\(Self.token)"), origin)),
        ])
        let text = String(decoding: live.lines, as: UTF8.self)
        #expect(text.contains("https://user:[redacted]@host/?token=[redacted]"))
        #expect(text.contains(#""grant":"Bearer [redacted]""#))
        let whole = text + String(decoding: recording, as: UTF8.self)
        for secret in ["ghp_", "hunter2", "s3cret"] { #expect(!whole.contains(secret)) }
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
    }

    #if arch(x86_64)
        private static let finitModule: UInt32 = 313
    #else
        private static let finitModule: UInt32 = 273
    #endif

    @Test func `a replay gives the same bytes`() throws {
        let (live, recording) = try record(inputs())
        #expect(live.lines.count > 1000)
        #expect(live.lost == 6)
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
        #expect(String(decoding: replayed.lines, as: UTF8.self).contains("/data/x"))
    }

    @Test func `what waited for what its agent had said is told the same in a replay`() throws {
        var call = ToolCall(
            number: 1, id: "c1", name: "read", session: "s1", scope: .thread, process: 100, cgroup: 42, time: 10)
        call.workload = 42
        let records = ["/heard", "/later", "/within", "/after"].enumerated().map { index, path in
            RecordBytes(
                Records.open(path, object: UInt64(index), time: UInt64(20 + 10 * index), calls: 5)
            ).changing { $0.uid = 0 }
        }
        let (live, recording) = try record([
            .record(Records.exec()), .heard(HeardTimes()), .call(.begun(call)), .call(.set(5, members: [1])),
            .record(records[0]), .record(records[1]), .heard(HeardTimes(all: 50, behind: [42: 25, 7: 3])),
            .record(records[2]), .heard(HeardTimes(all: 60, behind: [7: 3, 42: 35])), .record(records[3]),
            .call(.ended(CallEnd(number: 1, status: "ok", time: 45, toldAt: 70))), .settle(.max),
        ])
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        #expect(replayed == live)
        let text = String(decoding: live.lines, as: UTF8.self)
        #expect(text.split(separator: "\n").filter { $0.contains(#""method":"exact""#) }.count == 3)
    }

    @Test func `what was watched is part of the recording, so that its replay leaves out the same`() throws {
        let open = Records.open("/etc/passwd", cgroup: 60)
        let inputs: [Input] = [
            .watch(["namespace=a", "!deploy/b"]), .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/b")),
            .record(open), .watch([]), .count(CountDelta(key: key(of: open), count: 3)),
        ]
        let (live, recording) = try record(inputs)
        #expect(live.statistics.unwatchedEvents == 1)
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
        #expect(replayed.lines.split(separator: UInt8(ascii: "\n")).count == 1)
    }

    @Test func `what was flushed is in the file before the recording ends`() throws {
        let descriptor = try file()
        let copy = dup(descriptor)
        defer { close(copy) }
        let writer = RecordingWriter(descriptor: descriptor, session: Records.session)
        let (empty, atOnce) = try replay(content(copy))
        #expect(atOnce?.reason == .cut)
        #expect(empty.statistics.records == 0)
        writer.write(.record(Records.open("/etc/passwd")))
        writer.flush()
        let (replayed, error) = try replay(content(copy))
        #expect(error?.reason == .cut)
        #expect(replayed.statistics.records == 1)
        #expect(writer.finish() == nil)
    }

    @Test func `a long recording gives the same bytes`() throws {
        let opens = (0..<5000).map {
            Input.record(Records.open("/files/\($0)", object: UInt64($0), time: 100 + UInt64($0)))
        }
        let (live, recording) = try record(opens)
        let (replayed, error) = try replay(recording)
        #expect(error == nil)
        let isSame = replayed == live
        #expect(isSame)
    }

    @Test func `cut anywhere, it shows what was before and tells where`() throws {
        let (live, recording) = try record(inputs())
        var longest = 0
        for length in 0..<recording.count {
            let (replayed, error) = try replay(Array(recording[..<length]))
            let found = try #require(error, "cut at \(length)")
            #expect(found.offset <= UInt64(length))
            let isBeginning = live.lines.starts(with: replayed.lines)
            #expect(isBeginning)
            #expect(replayed.lines.count >= longest)
            longest = max(longest, replayed.lines.count)
        }
        #expect(longest == live.lines.count)
    }

    @Test func `cut while an event waited for its pod, it shows that event as it is`() throws {
        let path = "/kubepods/pod11111111-2222-3333-4444-555555555555/\(String(repeating: "ab", count: 32))"
        let (_, recording) = try record([
            .cluster([.stale]), .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: path)),
            .record(Records.open("/a", cgroup: 60)),
        ])
        let sink = KeepingSink()
        let descriptor = try file(recording.dropLast(1))
        let (_, error) = Replay.run(descriptor: descriptor) { _ in [sink] }
        #expect(error?.reason == .cut)
        #expect(sink.events.map(\.workload.kind) == ["Unknown"])
        #expect(sink.isFinished)
    }

    @Test func `damaged anywhere, it shows what was before and tells where`() throws {
        let (live, recording) = try record(inputs())
        for offset in recording.indices {
            var damaged = recording
            damaged[offset] ^= 0x41
            let (replayed, error) = try replay(damaged)
            let found = try #require(error, "damage at \(offset)")
            #expect(found.offset <= UInt64(offset))
            let isBeginning = live.lines.starts(with: replayed.lines)
            #expect(isBeginning)
        }
    }

    @Test func `other files are refused by name`() throws {
        #expect(try replay([]).1?.reason == .notARecording)
        #expect(try replay(Array("#!/bin/sh\necho hello".utf8)).1?.reason == .notARecording)
        let (_, recording) = try record([])
        var newer = recording
        newer[8] = 9
        #expect(try replay(newer).1?.reason == .unsupportedVersion(9))
        #expect(try replay(recording + [0]).1 == RecordingError(.trailingBytes, at: UInt64(recording.count)))
        #expect(try replay(recording).1 == nil)
    }

    @Test func `frames that are whole but hold nonsense end in an error, not in a crash`() throws {
        var random = SplitMix(seed: 12)
        let (_, recording) = try record(inputs())
        // Frame by frame: change the content, make the checksum right again.
        var starts: [Int] = []
        var offset = 12
        while offset < recording.count {
            starts.append(offset)
            offset += 12 + Int(recording[offset + 4]) + Int(recording[offset + 5]) << 8
        }
        for _ in 0..<400 {
            var changed = recording
            let start = starts[Int(random.next() % UInt64(starts.count))]
            let length = Int(changed[start + 4]) + Int(changed[start + 5]) << 8
            for _ in 0..<(1 + random.next() % 4) where length > 0 {
                changed[start + 12 + Int(random.next() % UInt64(length))] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next() % 8 == 0 { changed[start] = UInt8(random.next() % 16) }
            let content = changed[(start + 12)..<(start + 12 + length)]
            let sum = RecordingFrame.checksum(header: changed[start..<start + 8], content: content)
            withUnsafeBytes(of: sum.littleEndian) { changed.replaceSubrange(start + 8..<start + 12, with: $0) }
            _ = try replay(changed)
        }
    }
}
