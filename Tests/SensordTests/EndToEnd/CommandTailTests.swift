// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// `sensord --tail -- CMD`, for real.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
struct CommandTailTests {
    private func kinds(_ outcome: RunningSensord.Outcome) -> [String] {
        outcome.lines.compactMap { Event(json: Array($0.utf8)[...])?.kind.name }
    }

    private func text(of path: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func events(_ outcome: RunningSensord.Outcome) -> [Event] {
        outcome.lines.compactMap { Event(json: Array($0.utf8)[...]) }
    }

    @Test func `a command is shown from its exec to its exit`() throws {
        let outcome = try sensord("--tail", "--json", "--", "cat", "/etc/hostname", "/dev/null")
        let kinds = kinds(outcome)
        #expect(outcome.status == 0)
        #expect(kinds.first == "process.exec")
        #expect(kinds.last == "process.exit")
        let opened = events(outcome).compactMap { event -> String? in
            if event.kind == .fileOpen, case .file(let file) = event.detail { file.path.text } else { nil }
        }
        #expect(opened.contains("/dev/null"))
        #expect(opened.contains { $0.hasPrefix("/etc/ld.so") })
        #expect(outcome.summary.hasPrefix("sensord: shown \(kinds.count), lost 0, cpu "), "\(outcome.errors)")
    }

    @Test(arguments: [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -INT $$", 130)])
    func `it exits as the command did`(_ script: String, _ status: Int32) throws {
        #expect(try sensord("--tail", "--", "sh", "-c", script).status == status)
    }

    @Test(arguments: [("/nonexistent/command", 127), ("/etc/passwd", 126)])
    func `a command that cannot be executed is told as a shell tells it`(_ path: String, _ status: Int32) throws {
        let outcome = try sensord("--tail", "--", path)
        #expect(outcome.status == status)
        #expect(outcome.errors.contains("sensord: \(path): "))
    }

    @Test func `it waits for what the command leaves behind`() throws {
        let folder = try TestDirectory()
        defer { withExtendedLifetime(folder) {} }
        let path = folder.path + "/pipe"
        // What is left reads what nobody but the command holds, so that it ends after the command, however they are scheduled.
        let script = "mkfifo '\(path)'; setsid cat <'\(path)' & exec 3>'\(path)'; exit 5"
        let outcome = try sensord("--tail", "--json", "--kind", "process.*", "--", "sh", "-c", script)
        #expect(outcome.status == 5)
        let last = try #require(events(outcome).last)
        #expect(last.kind == .processExit)
        #expect(last.process?.executable.text.hasSuffix("/cat") ?? false)
    }

    @Test func `a connection shows its port, and its bytes when it is closed`() throws {
        let listener = try Listener()
        let script = "exec 3<>/dev/tcp/127.0.0.1/\(listener.port); echo hello >&3"
        let outcome = try sensord("--tail", "--json", "--peer", "127.0.0.1", "--", "bash", "-c", script)
        let networks = events(outcome).compactMap { event -> (EventKind, NetworkDetail)? in
            if case .network(let network) = event.detail { (event.kind, network) } else { nil }
        }
        #expect(networks.map(\.0) == [.networkConnect, .networkClose])
        #expect(networks.allSatisfy { $0.1.peer?.port == listener.port })
        #expect(networks.last?.1.bytesSent == 6)
    }

    @Test func `a socket that outlives the command is shown as not final`() throws {
        let listener = try Listener()
        let script = "exec 3<>/dev/tcp/127.0.0.1/\(listener.port); timeout 3 head -c 8000000 /dev/zero >&3; true"
        let outcome = try sensord("--tail", "--json", "--kind", "network.close", "--", "bash", "-c", script)
        #expect(outcome.output.contains("\"final\":false"), "\(outcome.output)")
    }

    @Test func `a recording shows the same again`() throws {
        let file = "/tmp/sensord-recording-\(getpid())"
        defer { unlink(file) }
        let outcome = try sensord("--tail", "--json", "--record", file, "--", "ls", "/")
        let names = "bin"
        #expect(outcome.output.contains(names))
        let replayed = try sensord("replay", "--json", file)
        #expect(replayed.status == 0)
        // The command writes where the tail does.
        let shown = outcome.lines.filter { $0.hasPrefix("{") }
        #expect(replayed.lines == shown)
    }

    @Test func `what io_uring did unseen stands in the last line`() throws {
        let folder = "/tmp/sensord-blind-\(getpid())"
        try #require(mkdir(folder, 0o700) == 0)
        defer { rmdir(folder) }
        let outcome = try sensord("--tail", "--json", "--", RunningSensord.workload, "uring-blind", folder, "2")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let shown = events(outcome).count
        #expect(
            outcome.summary.hasPrefix("sensord: shown \(shown), lost 0, blind 2 (io_uring unlinkat 2), "),
            "\(outcome.errors)")
    }

    @Test func `what cannot be written is told, and is sensord's own failure where there is a command`() throws {
        let recorded = try sensord("--tail", "--record", "/dev/full", "--duration", "0.2")
        #expect(recorded.status == 1)
        #expect(recorded.errors.contains("the recording is not whole: write /dev/full: no space left on device"))
        let command = try sensord("--tail", "--output", "/dev/full", "--", "sh", "-c", "exit 3")
        #expect(command.status == 125)
        #expect(command.errors.contains("lines could not be written to /dev/full"))
        let recording = try sensord("--tail", "--record", "/dev/full", "--", "true")
        #expect(recording.status == 125)
        let alone = try RunningSensord(["--tail", "--output", "/dev/full", "--duration", "10"])
        try eventually {
            close(open("/etc/hostname", O_RDONLY | O_CLOEXEC))
            return alone.errorsSoFar.contains("write /dev/full")
        }
        #expect(try alone.wait().status == 1)
    }

    @Test func `the terminal's interrupt is the command's, a signal to sensord is passed on`() throws {
        let tail = try RunningSensord([
            "--tail", "--kind", "process.*", "--", "sh", "-c", "trap 'exit 7' TERM; sleep 200 & wait",
        ])
        try eventually { tail.outputSoFar.contains("/sleep: sleep 200") }
        kill(tail.pid, SIGTERM)
        // The shell has ended; what it left behind is waited for until somebody insists.
        try eventually { tail.outputSoFar.contains(" status 7") }
        try eventually { kill(tail.pid, SIGINT) == 0 && tail.errorsSoFar.contains("shown") }
        #expect(try tail.wait().status == 7)
    }

    @Test func `a recording of what a command did holds none of its secrets`() throws {
        let folder = try TestDirectory()
        let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
        let (below, recording) = ("\(folder.path)/\(token)", "\(folder.path)/recording")
        defer { withExtendedLifetime(folder) {} }
        let script = """
            import os, socket, sys
            os.mkdir(sys.argv[1]); os.chdir(sys.argv[1])
            open(sys.argv[2], 'w').close(); os.symlink('../' + sys.argv[2], 'l'); os.stat('l')
            for name in ('s', '\\0' + sys.argv[2]):
                s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen()
                c = socket.socket(socket.AF_UNIX); c.connect(name); s.accept()
            try: os.unlink(sys.argv[2] + '/none')
            except OSError: pass
            """
        let live = try sensord("--tail", "--json", "--record", recording, "--", "python3", "-c", script, below, token)
        #expect(live.status == 0, "\(live.errors)")
        #expect(live.output.contains("/[redacted]/s\"") && live.output.contains("\"@[redacted]\""))
        #expect(!live.output.contains("ghp_"))
        let bytes = try text(of: recording)
        #expect(bytes.count > 1000)
        #expect(!bytes.contains("ghp_"))
        let replayed = try sensord("replay", "--json", recording)
        #expect(replayed.lines == live.lines)
    }

    @Test func `without CAP_NET_ADMIN it starts as fast, without what it is for`() throws {
        let wrapper = ["setpriv", "--bounding-set=-net_admin,-sys_admin"]
        func cpu(_ outcome: RunningSensord.Outcome) throws -> Int {
            let words = outcome.summary.split(separator: " ")
            return try #require(words.dropLast().last.flatMap { Int($0) }, "\(outcome.errors)")
        }
        let whole = try sensord("--tail", "--json", "--", "true")
        let less = try sensord("--tail", "--json", "--", "true", wrapper: wrapper)
        #expect(less.status == 0, "\(less.errors)")
        #expect(kinds(less).first == "process.exec")
        // Each refused program once cost what all of them cost together.
        #expect(try cpu(less) < 3 * cpu(whole))
        let check = try sensord("check", wrapper: wrapper)
        #expect(check.status == 0)
        #expect(check.output.contains("for lack of CAP_NET_ADMIN"))
    }

    @Test func `without permission it is sensord that failed`() throws {
        let wrapper = ["setpriv", "--reuid", "65534", "--clear-groups"]
        let alone = try sensord("--tail", "--duration", "1", wrapper: wrapper)
        #expect(alone.status == 77)
        #expect(alone.errors.contains("CAP_"))
        // Not the directory that it could not make either.
        let daemon = try sensord("run", "--run-dir", "/proc/none", "--records", "-", wrapper: wrapper)
        #expect(daemon.status == 77)
        #expect(daemon.errors.contains("CAP_"))
        let command = try sensord("--tail", "--", "true", wrapper: wrapper)
        #expect(command.status == 125)
        #expect(command.errors.contains("CAP_"))
        let check = try sensord("check", wrapper: wrapper)
        #expect(check.status == 1)
        #expect(check.errors.contains("CAP_"))
    }
}
