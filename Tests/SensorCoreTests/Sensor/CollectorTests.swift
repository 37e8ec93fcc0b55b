// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorCore
import SensorTestSupport
import Testing

/// Keeps what it is given.
final class KeepingSink: EventSink, Sendable {
    private let state = NIOLockedValueBox<(events: [Event], isFinished: Bool)>(([], false))

    var events: [Event] { state.withLockedValue { $0.events } }
    var isFinished: Bool { state.withLockedValue { $0.isFinished } }

    func receive(_ events: [Event]) { state.withLockedValue { $0.events += events } }
    func finish() { state.withLockedValue { $0.isFinished = true } }

    /// Waits until an event is there for which `condition` holds; nil after a minute.
    func first(_ condition: (Event) -> Bool) -> Event? {
        for _ in 0..<6000 {
            if let event = events.first(where: condition) { return event }
            usleep(10_000)
        }
        return nil
    }
}

/// Keeps what it is told went wrong.
private final class TroubleSink: EventSink, Sendable {
    private let state = NIOLockedValueBox<[String]>([])

    var troubles: [String] { state.withLockedValue { $0 } }

    func receive(_ events: [Event]) {}
    func receive(trouble: String) { state.withLockedValue { $0.append(trouble) } }
    func finish() {}
}

@Suite(.tags(.kernel), .needsKernel, .serialized) struct CollectorTests {
    private func configuration() -> CollectorConfiguration {
        var configuration = CollectorConfiguration()
        configuration.stream = .all
        configuration.tick = 200_000_000
        return configuration
    }

    @Test func `a command's life arrives with its process, path and workload`() throws {
        let sink = KeepingSink()
        let collector = try Collector(configuration(), sinks: [sink])
        let child = try Child(["/bin/sh", "-c", "/bin/cat /etc/hostname; exit 7"])
        child.wait()
        let pid = UInt32(child.pid)
        let exit = sink.first { $0.kind == .processExit && $0.process?.pid == pid }
        let summary = collector.stop()
        #expect(sink.isFinished)
        #expect(summary.trouble == nil)

        let events = sink.events
        let shell = try #require(exit?.process)
        guard case .exit(let detail) = exit?.detail else { return #expect(Bool(false)) }
        #expect(detail.code == 7)
        let exec = try #require(
            events.first { $0.kind == .processExec && $0.process?.parentID == shell.id })
        #expect(exec.process?.arguments == ["/bin/cat", "/etc/hostname"])
        #expect(exec.process?.executable.text.hasSuffix("/cat") == true)
        let open = try #require(
            events.first {
                $0.kind == .fileOpen && $0.process?.id == exec.process?.id && $0.fileDetail?.path == "/etc/hostname"
            })
        #expect(open.fileDetail?.pathSource == .dentry)
        #expect(open.workload.kind != "Unknown")
        #expect(events.map(\.sequence) == Array(1...UInt64(events.count)))
    }

    @Test func `a process that ran before is known by its executable and arguments`() throws {
        let child = try Child(["/bin/sleep", "1000"])
        defer { child.wait() }
        let pid = UInt32(child.pid)
        while HostText.read("/proc/\(pid)/comm") != "sleep\n" { usleep(1000) }
        let sink = KeepingSink()
        let collector: Collector
        do {
            defer { kill(child.pid, SIGKILL) }
            collector = try Collector(configuration(), sinks: [sink])
        }
        let exit = sink.first { $0.kind == .processExit && $0.process?.pid == pid }
        collector.stop()
        #expect(exit?.process?.arguments == ["/bin/sleep", "1000"])
        #expect(exit?.process?.executable.text.hasSuffix("/sleep") == true)
        #expect(exit?.process?.parentID.isEmpty == false)
        #expect(exit?.process?.uid == getuid())
    }

    @Test func `a process is the same one to a sensor that found it and to one that saw it begin`() throws {
        let witness = KeepingSink()
        let first = try Collector(configuration(), sinks: [witness])
        defer { first.stop() }
        let child = try Child(["/bin/sh", "-c", "/bin/sleep 60; /bin/true; :", "a name) R 1", "", "two\nlines"])
        defer { child.wait() }
        let pid = UInt32(child.pid)
        let asleep = witness.first { $0.kind == .processExec && $0.process?.arguments == ["/bin/sleep", "60"] }
        let sleeper = try #require(asleep?.process)
        let exec = try #require(witness.first { $0.kind == .processExec && $0.process?.pid == pid }?.process)
        #expect(sleeper.parentID == exec.id)

        let sink = KeepingSink()
        let second: Collector
        do {
            // Then the shell goes on.
            defer { kill(pid_t(sleeper.pid), SIGKILL) }
            second = try Collector(configuration(), sinks: [sink])
        }
        defer { second.stop() }
        let end = try #require(sink.first { $0.kind == .processExit && $0.process?.pid == sleeper.pid }?.process)
        #expect(end.id == sleeper.id)
        #expect(end.parentID == exec.id)
        #expect(end.arguments == sleeper.arguments)
        #expect(end.executable == sleeper.executable)
        let next = try #require(sink.first { $0.kind == .processFork && $0.process?.parentID == exec.id }?.process)
        #expect(next.executable == exec.executable)
        #expect(next.arguments == exec.arguments)
        #expect(next.arguments.suffix(3) == ["a name) R 1", "", "two\nlines"])
    }

    @Test func `what the sensor itself does is not reported, what its children do is`() throws {
        let sink = KeepingSink()
        let collector = try Collector(configuration(), sinks: [sink])
        let path = "/tmp/sensord-own-\(getpid())"
        defer { unlink(path) }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        close(descriptor)
        let pid = try Child.shell("mv '\(path)' '\(path).moved'; mv '\(path).moved' '\(path)'")
        _ = sink.first { $0.kind == .processExit && $0.process?.pid == pid }
        collector.stop()
        let own = sink.events.filter { $0.process?.pid == UInt32(getpid()) }
        #expect(own.map(\.kind) == [])
        let touched = sink.events.filter { $0.fileDetail?.path.text.hasPrefix(path) == true }
        #expect(touched.map(\.kind) == [.fileRename, .fileRename])
        #expect(sink.events.contains { $0.kind == .processExec && $0.process?.pid == pid })
    }

    @Test func `what was done before draining has come after it, whatever else goes on`() throws {
        var configuration = configuration()
        configuration.stream = .none
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        let busy = try Child(["/bin/sh", "-c", "while :; do /bin/sleep 0.001; done"])
        defer {
            kill(busy.pid, SIGKILL)
            busy.wait()
            collector.stop()
        }
        for _ in 0..<5 {
            let pid = try Child.shell(":")
            _ = collector.drained()
            #expect(sink.events.contains { $0.kind == .processExit && $0.process?.pid == pid })
        }
    }

    @Test func `where a directory gets another name, what is done in it has that name from then on`() throws {
        var configuration = configuration()
        configuration.stream = .none
        let directory = try TestDirectory()
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        // All in one mount namespace of its own, where mounts may be moved.
        let script = """
            set -e; cd '\(directory.path)'; mkdir -p new/deep old m1 m2 d; echo x >new/deep/f
            twice() { "$@"; "$@"; }
            twice cat new/deep/f; mv new app; twice cat app/deep/f; twice cat app/deep/f
            mount -t tmpfs t m1; echo x >m1/f; twice cat m1/f; mount --move m1 m2; twice cat m2/f; umount m2
            mkdir -p above/mount; mount -t tmpfs t above/mount; echo x >above/mount/f; twice cat above/mount/f
            mv above over; twice cat over/mount/f
            mkdir -p outer other; mount -t tmpfs t outer; mkdir outer/inner; mount -t tmpfs t outer/inner
            echo x >outer/inner/f; twice cat outer/inner/f; mount --move outer other; twice cat other/inner/f
            (cd old; cat missing || :; cat missing || :)
            mv old older; (cd older; cat missing || :; cat missing || :)
            echo x >d/x; rm '\(directory.path)/d/x'
            unshare -m --propagation private sh -ec "mount -t tmpfs t d; echo x >d/x; rm '\(directory.path)/d/x'"
            """
        let child = try Child(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script + " >/dev/null 2>&1"])
        #expect(child.wait() == 0)
        let summary = collector.stop()
        func count(_ name: String, _ kind: EventKind) -> (all: UInt64, news: Int) {
            let events = sink.events.filter { event in
                guard let program = event.process?.executable.text, event.kind == kind else { return false }
                return (program.hasSuffix("/cat") || program.hasSuffix("/rm"))
                    && event.fileDetail?.path == ByteString("\(directory.path)/\(name)")
            }
            return (events.reduce(0) { $0 + $1.count }, events.count { $0.isFirstSeen })
        }
        for (name, times) in [
            ("new/deep/f", 2), ("app/deep/f", 4), ("m1/f", 2), ("m2/f", 2), ("old/missing", 2), ("older/missing", 2),
            ("above/mount/f", 2), ("over/mount/f", 2), ("outer/inner/f", 2), ("other/inner/f", 2),
        ] {
            let found = count(name, .fileOpen)
            #expect(found.all == UInt64(times) && found.news == 1, "\(name)")
        }
        #expect(count("d/x", .fileDelete).news == 2)
        #expect(summary.losses.lost == 0)
    }

    /// Events of what a program did, without a tail's copies.
    private func records(_ sink: KeepingSink, of pid: UInt32, _ kind: EventKind) -> [Event] {
        sink.events.filter { $0.kind == kind && $0.process?.pid == pid && !$0.isCopy }
    }

    @Test(arguments: [KernelSession.Stream.none, .all])
    func `sockets are told by where they are when they are used, and counted there`(
        _ stream: KernelSession.Stream
    ) throws {
        var configuration = configuration()
        configuration.stream = stream
        let directory = try TestDirectory()
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        let process = try WorkloadProcess([WorkloadProcess.program, "unix-places", directory.path])
        try process.openGate()
        #expect(try process.readLines())
        #expect(process.lines == [])
        try process.finish()
        collector.stop()
        for (name, kind) in [
            ("one/socket", EventKind.networkSend), ("two/socket", .networkSend), ("one/none", .networkConnect),
            ("two/none", .networkConnect), ("first", .networkConnect), ("second", .networkConnect),
            ("/second", .networkConnect),
        ] {
            let path = ByteString(name.hasPrefix("/") ? name : "\(directory.path)/\(name)")
            let events = records(sink, of: process.pid, kind).filter { $0.network?.peer?.path == path }
            #expect(events.reduce(0) { $0 + $1.count } == 2, "\(name)")
            #expect(events.count(where: \.isFirstSeen) == 1, "\(name)")
        }
    }

    @Test(arguments: [KernelSession.Stream.none, .all])
    func `a change that is made again is one first sight, and told by where a link leads by then`(
        _ stream: KernelSession.Stream
    ) throws {
        var configuration = configuration()
        configuration.stream = stream
        let directory = try TestDirectory()
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        let process = try WorkloadProcess([WorkloadProcess.program, "names-repeated", directory.path, "5"])
        try process.openGate()
        #expect(try process.readLines())
        _ = collector.drained()
        try process.openGate()
        #expect(try process.readLines())
        #expect(process.lines == [])
        _ = collector.drained()
        try process.finish()
        collector.stop()
        let changes = records(sink, of: process.pid, .fileAttribute).filter { $0.fileDetail?.access == .mode }
        func count(_ name: String) -> UInt64 {
            changes.filter { $0.fileDetail?.path.text == "\(directory.path)/\(name)" }.reduce(0) { $0 + $1.count }
        }
        #expect(count("file") == 10)
        #expect(count("other") == 5)
        #expect(
            changes.filter(\.isFirstSeen).map { $0.fileDetail?.path.text }
                == .init(repeating: directory.path + "/file", count: 2))
    }

    @Test func `an answer to a socket that was connected before is told, without a process`() throws {
        let process = try WorkloadProcess([WorkloadProcess.program, "dns-late", "early.example.test", "connected"])
        try process.openGate()
        #expect(try process.readLines())
        let sink = KeepingSink()
        let collector = try Collector(configuration(), sinks: [sink])
        try process.openGate()
        #expect(try process.readLines())
        try process.finish()
        collector.stop()
        let answers = sink.events.filter { $0.dns?.name == "early.example.test" }
        #expect(answers.map(\.count) == [1])
        #expect(answers.first?.dns?.addresses.map(\.description) == ["127.0.0.7"])
        #expect(answers.first.map { $0.process == nil } == true)
    }

    @Test func `repeats come as counts, and all that was done adds up`() throws {
        var configuration = configuration()
        configuration.stream = .none
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        let pid = try Child.shell("i=0; while [ $i -lt 300 ]; do read x < /etc/hostname; i=$((i+1)); done")
        _ = sink.first { $0.kind == .processExit && $0.process?.pid == pid }
        let summary = collector.stop()
        let opens = sink.events.filter {
            $0.kind == .fileOpen && $0.process?.pid == pid && $0.fileDetail?.path == "/etc/hostname"
        }
        #expect(opens.reduce(0) { $0 + $1.count } == 300)
        #expect(opens.filter(\.isFirstSeen).count == 1)
        #expect(summary.losses.lost == 0)
    }

    @Test func `with little room for first sights, all that was done still adds up`() throws {
        var configuration = configuration()
        configuration.stream = .none
        configuration.pipeline.templates = 64
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        let directory = "/tmp/sensord-room-\(getpid())"
        defer { _ = try? Child.shell("rm -r '\(directory)'") }
        try Child.shell("mkdir '\(directory)'; cd '\(directory)'; seq 300 | xargs touch")
        var pids: Set<UInt32> = []
        for _ in 0..<5 {
            pids.insert(
                try Child.shell("cd '\(directory)'; i=0; while [ $i -lt 300 ]; do i=$((i+1)); : <$i; : <$i; done"))
            // What found no room is forgotten by then.
            _ = collector.drained()
        }
        let summary = collector.stop()
        let opens = sink.events.filter { event in
            event.kind == .fileOpen && event.fileDetail?.path.text.hasPrefix(directory + "/") == true
                && event.process.map { pids.contains($0.pid) } == true
        }
        #expect(opens.reduce(0) { $0 + $1.count } == 3000)
        #expect(opens.filter(\.isFirstSeen).count > 300)
        #expect(summary.statistics.evictedTemplates > 200)
        #expect(summary.losses.lost == 0)
    }

    @Test func `a recent summary is asked of the collecting thread no oftener than it may be old`() throws {
        let collector = try Collector(configuration(), sinks: [])
        defer { collector.stop() }
        let first = collector.recentSummary()
        try Child.shell(":")
        #expect(collector.drained().statistics.records > first.statistics.records)
        #expect(collector.recentSummary(maximumAge: .max).statistics == first.statistics)
        #expect(collector.recentSummary(maximumAge: 0).statistics.records > first.statistics.records)
    }

    @Test func `a recording that cannot be written is told of while it goes on, once`() throws {
        var configuration = configuration()
        configuration.recording = "/dev/full"
        configuration.tick = 10_000_000
        let sink = TroubleSink()
        let collector = try Collector(configuration, sinks: [sink])
        try eventually { !sink.troubles.isEmpty }
        let summary = collector.stop()
        #expect(sink.troubles == [summary.trouble])
        #expect(summary.trouble?.contains("/dev/full") == true)
    }

    @Test func `a recording of what happened replays to the same bytes`() throws {
        var template = Array("/tmp/sensord-recording-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        defer { unlink(template) }
        try #require(descriptor >= 0)
        var configuration = configuration()
        configuration.recording = template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        let pid = try Child.shell("cd /tmp; ln -s nowhere $$.l; rm $$.l; /bin/true")
        _ = sink.first { $0.kind == .processExit && $0.process?.pid == pid }
        let summary = collector.stop()
        #expect(summary.trouble == nil)

        let replayed = KeepingSink()
        let (replaySummary, error) = Replay.run(descriptor: descriptor) { _ in [replayed] }
        #expect(error == nil)
        #expect(replaySummary.statistics == summary.statistics)
        let encoder = EventEncoder(stream: configuration.streamID)
        var (live, again): ([UInt8], [UInt8]) = ([], [])
        for event in sink.events { encoder.encode(event, into: &live) }
        for event in replayed.events { encoder.encode(event, into: &again) }
        let isSame = live == again
        #expect(isSame)
        #expect(live.count > 1000)
    }
}

enum HostText {
    static func read(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
