// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// `sensord run`, and tails with and without it, for real.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class DaemonTests {
    private let directory: TestDirectory
    private var folder: String { directory.path }

    init() throws { directory = try TestDirectory() }

    private func daemon(_ more: String...) throws -> RunningSensord {
        let daemon = try RunningSensord(["run", "--run-dir", folder, "--listen", "127.0.0.1:0"] + more)
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    private func touch(_ path: String) {
        let descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    @Test func `first sights come at once, counts at the end, and it stops when it is told to`() throws {
        let mark = folder + "/mark"
        let daemon = try daemon("--records", "-", "--tick", "3600")
        touch(mark)
        try daemon.eventually { daemon.outputSoFar.contains(mark) }
        for _ in 0..<10 { touch(mark) }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let seen = outcome.lines.filter { $0.contains(mark) }.compactMap { Event(json: Array($0.utf8)[...]) }
        #expect(seen.filter { $0.isFirstSeen }.count >= 1)
        #expect(seen.filter { $0.kind == .fileOpen && !$0.isFirstSeen }.map(\.count).reduce(0, +) >= 9)
        #expect(outcome.summary.contains("stopped"))
    }

    @Test func `health, readiness and metrics are served where it says`() throws {
        let daemon = try daemon()
        let address = try daemon.address()
        func get(_ path: String) throws -> String {
            try sensord(wrapper: ["sh", "-c", "exec curl -s -m 60 http://\(address)\(path)"]).output
        }
        #expect(try get("/healthz") == "ok\n")
        let readiness = try get("/readyz")
        #expect(readiness.contains(#""ready":true"#) && readiness.contains(#""state":"disabled""#), "\(readiness)")
        let metrics = try get("/metrics")
        #expect(metrics.contains("\nsensord_events_total{kind=\"process.exec\"} "))
        _ = try sensord(wrapper: ["sh", "-c", "exec \(RunningSensord.workload) uring-blind \(folder) 3 < /dev/null"])
        try eventually { try get("/metrics").contains("\nsensord_blind_operations_total{opcode=\"unlinkat\"} ") }
        #expect(metrics.contains(#"sensord_identity_state{state="disabled"} 1"#))
        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 0)
    }

    @Test func `a recording that cannot be written is told of while the daemon runs`() throws {
        let daemon = try daemon("--record", "/dev/full", "--tick", "0.1")
        try daemon.eventually { daemon.errorsSoFar.contains("collecting is not whole") }
        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 1)
    }

    @Test func `whose an event is can be asked of the daemon, or looked up in its records`() throws {
        let mark = folder + "/mark"
        let daemon = try daemon("--records", folder + "/records")
        touch(mark)
        var found: String?
        try daemon.eventually {
            found = try? lines(of: folder + "/records").first { $0.contains(mark) && $0.hasSuffix("}") }
            return found != nil
        }
        let line = try #require(found)
        let event = try #require(Event(json: Array(line.utf8)[...]))
        let id = try #require(line.split(separator: "\"id\":\"").dropFirst().first?.split(separator: "\"").first)
        for source in [["--run-dir", folder], ["--events", folder + "/records"]] {
            let outcome = try RunningSensord(["explain", String(id)] + source).wait()
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.lines.first?.hasPrefix("event       \(id)") == true)
            #expect(outcome.output.contains("workload    \(event.workload.kind)"))
            #expect(outcome.output.contains("cgroup"))
        }
        let unknown = try RunningSensord(["explain", "nonsense-1", "--run-dir", folder]).wait()
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("nonsense-1"))
        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 0)
        let alone = try RunningSensord(["explain", String(id), "--run-dir", folder]).wait()
        #expect(alone.status == 1)
        #expect(alone.errors.contains("no daemon"))
    }

    @Test func `a tail attaches to the daemon, and a streamed event is in no record twice`() throws {
        let mark = folder + "/mark"
        let daemon = try daemon("--records", folder + "/records", "--tick", "3600")
        let outcome = try sensord(
            "--tail", "--run-dir", folder, "--json", "--path", mark, "--", "sh", "-c",
            "for i in 1 2 3 4 5; do : > \(mark); done")
        let shown = outcome.lines.compactMap { Event(json: Array($0.utf8)[...]) }
        #expect(shown.filter { $0.kind == .fileOpen || $0.kind == .fileCreate }.count == 5, "\(outcome.output)")
        #expect(outcome.summary.hasPrefix("sensord: shown \(shown.count), lost 0"))

        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 0)
        let records = try #require(try? lines(of: folder + "/records"))
        let counted = records.compactMap { Event(json: Array($0.utf8)[...]) }.filter { event in
            if case .file(let file) = event.detail {
                file.path.text == mark && event.kind != .fileAttribute
            } else {
                false
            }
        }
        #expect(counted.map(\.count).reduce(0, +) == 5)
    }

    private func configure(_ text: String) throws {
        let descriptor = open(folder + "/config", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw SystemError("write the configuration")
        }
    }

    @Test func `a SIGHUP has other workloads watched, and what cannot be read changes nothing`() throws {
        try configure(#"{"watch": "namespace=nowhere"}"#)
        let daemon = try daemon("--records", "-", "--tick", "3600", "--config", folder + "/config")
        try daemon.eventually { daemon.errorsSoFar.contains("namespace=nowhere") }
        touch(folder + "/mark")

        try configure(#"{"watch": "everything", "maxTails": 5}"#)
        kill(daemon.pid, SIGHUP)
        try daemon.eventually { daemon.errorsSoFar.contains("other workloads are watched") }
        #expect(daemon.errorsSoFar.contains("need a restart"))
        #expect(daemon.errorsSoFar.contains("settings=max-tails"))
        touch(folder + "/other")
        try daemon.eventually { daemon.outputSoFar.contains(folder + "/other") }
        #expect(!daemon.outputSoFar.contains(folder + "/mark"))

        try configure("{\n\"watch\": \"planner\"}")
        kill(daemon.pid, SIGHUP)
        try daemon.eventually { daemon.errorsSoFar.contains("cannot be read again") }
        #expect(daemon.errorsSoFar.contains("config:2: watch: "))
        touch(folder + "/mark")
        try daemon.eventually { daemon.outputSoFar.contains(folder + "/mark") }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test func `a selector that cannot be read is a wrong flag or a wrong file`() throws {
        let flag = try sensord("run", "--watch", "namespace=a", "--watch", "planner")
        #expect(flag.status == 2)
        #expect(flag.errors.contains("--watch: ") && flag.errors.contains("planner"))
        try configure(#"{"watch": "label:"}"#)
        let file = try sensord("run", "--config", folder + "/config")
        #expect(file.status == 78)
        #expect(file.errors.contains("config:1: watch: "))
    }

    private func lines(of path: String) throws -> [String] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func `an attached tail draws the same lines as one of its own`() throws {
        let daemon = try daemon()
        let command = ["--kind", "process.*", "--", "sh", "-c", "exit 3"]
        let attached = try RunningSensord(["--tail", "--run-dir", folder] + command).wait()
        let alone = try RunningSensord(["--tail", "--run-dir", folder + "/none"] + command).wait()
        #expect(attached.status == 3 && alone.status == 3)
        /// Without time and pid.
        func shape(_ outcome: RunningSensord.Outcome) -> [String] {
            outcome.lines.map { String($0.dropFirst(14).filter { !$0.isNumber && $0 != " " }) }
        }
        #expect(shape(attached) == shape(alone))
        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 0)
    }

    @Test func `a child that a command clones for its parent is the command's, with a daemon and without`() throws {
        let daemon = try daemon()
        for directory in [folder, folder + "/none"] {
            let outcome = try sensord(
                "--tail", "--json", "--run-dir", directory, "--path", "by-sibling", "--", RunningSensord.workload,
                "clone-sibling", folder)
            #expect(outcome.output.contains("\"\(folder)/by-sibling\""), "\(outcome.output)\(outcome.errors)")
        }
        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 0)
    }

    @Test func `a tail says so when its daemon dies, and the next one works alone`() throws {
        let daemon = try daemon()
        let tail = try RunningSensord(["--tail", "--run-dir", folder, "--path", folder + "/*"])
        try tail.eventually {
            touch(folder + "/mark")
            return !tail.outputSoFar.isEmpty
        }
        kill(daemon.pid, SIGKILL)
        let outcome = try tail.wait()
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("the daemon has gone"))
        let alone = try sensord("--tail", "--run-dir", folder, "--", "true")
        #expect(alone.status == 0)
    }

    @Test(arguments: [SIGKILL, SIGTERM])
    func `a tail says from when on its command is not watched, and waits for it`(_ signal: Int32) throws {
        let daemon = try daemon()
        let mark = folder + "/mark"
        let tail = try RunningSensord([
            "--tail", "--run-dir", folder, "--", "sh", "-c", ": > \(mark); while [ -e \(mark) ]; do sleep 0.05; done",
        ])
        try tail.eventually { access(mark, F_OK) == 0 }
        kill(daemon.pid, signal)
        try tail.eventually { tail.errorsSoFar.contains("lost unknown since ") }
        #expect(kill(tail.pid, 0) == 0)
        unlink(mark)
        let outcome = try tail.wait()
        #expect(outcome.status == 125)
        #expect(outcome.summary.hasPrefix("sensord: shown "), "\(outcome.errors)")
        _ = try daemon.wait()
    }

    @Test func `what is lost is told while it runs, and the records say of which workload`() throws {
        let daemon = try daemon(
            "--records", folder + "/records", "--tick", "0.2", "--activity-ring-bytes", "65536")
        // While it does not look, nothing makes room.
        kill(daemon.pid, SIGSTOP)
        for number in 0..<3000 { close(open(folder + "/none-\(number)", O_RDONLY | O_CLOEXEC)) }
        kill(daemon.pid, SIGCONT)
        try daemon.eventually { daemon.errorsSoFar.contains(" warning events were lost ") }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        let warning = outcome.errors.split(separator: "\n").first { $0.contains("events were lost") } ?? ""
        #expect(warning.contains(" workload="), "\(warning)")
        #expect(warning.contains("sys_exit ring_"), "\(warning)")
        #expect(warning.contains("file.open"), "\(warning)")

        let records = try lines(of: folder + "/records")
        let opened = records.filter { $0.contains("/none-") }.count
        let lossy = records.filter {
            $0.hasPrefix("{\"coverage\":[{\"workload\":") && $0.contains("\"state\":\"lossy\"")
        }
        #expect(lossy.allSatisfy { $0.contains("\"from\":\"") && $0.contains("\"to\":\"") })
        let counts = lossy.flatMap { $0.split(separator: "\"count\":\"").dropFirst() }.compactMap {
            Int($0.prefix { $0.isNumber })
        }
        // What happens on the machine meanwhile may be lost too, but none of what was done here is in neither place.
        #expect(opened + counts.reduce(0, +) >= 3000)
        #expect(opened < 3000)
    }

    @Test func `a daemon's own account leaves out what only a tail did not get`() throws {
        let daemon = try daemon("--activity-ring-bytes", "65536")
        let tail = try RunningSensord(["--tail", "--json", "--run-dir", folder, "--path", folder + "/*"])
        let mark = folder + "/mark"
        try tail.eventually {
            touch(mark)
            return !tail.outputSoFar.isEmpty
        }
        kill(daemon.pid, SIGSTOP)
        // Known already, so the kernel counts them: only the tail's copies find no room.
        for _ in 0..<10_000 { touch(mark) }
        kill(daemon.pid, SIGCONT)
        kill(tail.pid, SIGINT)
        let shown = try tail.wait()
        #expect(!shown.summary.contains("lost 0"), "\(shown.errors)")
        #expect(shown.errors.contains("sensord: lost for "), "\(shown.errors)")
        #expect(shown.errors.contains("--activity-ring-bytes"), "\(shown.errors)")
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        func field(_ name: String) -> Int? {
            outcome.summary.split(separator: " ").first { $0.hasPrefix(name + "=") }
                .flatMap { Int($0.dropFirst(name.count + 1)) }
        }
        let (lost, missed) = (try #require(field("lost")), try #require(field("tailsMissed"), "\(outcome.summary)"))
        // Others on the machine may have lost some of their own.
        #expect(missed >= 8000 && lost < missed, "\(outcome.summary)")
    }

    @Test func `a second daemon is refused`() throws {
        let first = try daemon()
        let second = try sensord("run", "--run-dir", folder)
        #expect(second.status == 1)
        #expect(second.errors.contains("another daemon runs"))
        kill(first.pid, SIGTERM)
        _ = try first.wait()
    }

    @Test func `a full disk is told, counted, and does not stop it`() throws {
        let daemon = try daemon("--records", "/dev/full")
        try daemon.eventually { daemon.errorsSoFar.contains("no space left on device") }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 1)
        #expect(outcome.summary.contains("written=0"))
    }

    @Test func `an interrupt ends a tail with its summary`() throws {
        let tail = try RunningSensord(["--tail", "--run-dir", folder, "--path", folder + "/*"])
        try tail.eventually {
            touch(folder + "/mark")
            return !tail.outputSoFar.isEmpty
        }
        kill(tail.pid, SIGINT)
        let outcome = try tail.wait()
        #expect(outcome.status == 130)
        #expect(outcome.summary.hasPrefix("sensord: shown "))
    }

    @Test func `a reader that goes away ends a tail quietly`() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemError("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let tail = try RunningSensord(["--tail", "--json", "--run-dir", folder], output: ends[1])
        close(ends[1])
        var byte: UInt8 = 0
        var entry = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
        try tail.eventually {
            touch(folder + "/mark")
            return poll(&entry, 1, 0) > 0
        }
        #expect(read(ends[0], &byte, 1) == 1)
        close(ends[0])
        try tail.eventually {
            touch(folder + "/mark")
            return !tail.errorsSoFar.isEmpty
        }
        let outcome = try tail.wait()
        #expect(outcome.status == 0)
        // Nothing but what was lost, should others on the machine do too much.
        let told = outcome.errors.split(separator: "\n")
        #expect(told.allSatisfy { $0.hasPrefix("sensord: lost for ") || $0 == outcome.summary }, "\(outcome.errors)")
        #expect(outcome.summary.hasPrefix("sensord: shown "))
    }

    @Test func `count and duration end a tail`() throws {
        let timed = try sensord("--tail", "--run-dir", folder, "--duration", "0.2", "--path", "/nonexistent")
        #expect(timed.status == 0)
        #expect(timed.output.isEmpty)
        let tail = try RunningSensord(["--tail", "--run-dir", folder, "--count", "2", "--path", folder + "/*"])
        try tail.eventually {
            touch(folder + "/mark")
            return tail.errorsSoFar.contains("shown")
        }
        let outcome = try tail.wait()
        #expect(outcome.status == 0)
        #expect(outcome.lines.count == 2)
    }

    @Test func `a bad file or variable is told with its place`() throws {
        let variable = try sensord("run", environment: ["SENSORD_TICK=never"])
        #expect(variable.status == 78)
        #expect(variable.errors.contains("SENSORD_TICK"))
        #expect(try sensord("run", "--config", "/nonexistent").status == 78)
    }
}
