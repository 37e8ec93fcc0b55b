// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Root in a container of its own, who is given the agents' sockets and tries to act for another workload, or for the daemon.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"),
    .enabled(if: TestContainer.isPossible, "not installed: /usr/sbin/runc"),
    .enabled(if: AgentFixture.hasPython, "not installed: /usr/bin/python3"))
final class IntruderTests {
    private let fixture: AgentFixture
    private let cgroup: TestCgroup

    init() throws {
        fixture = try AgentFixture()
        cgroup = try TestCgroup("victim")
        guard mkdir(fixture.folder + "/shared", 0o755) == 0 else { throw SystemError("mkdir") }
    }

    /// What the intruder said of each attempt, in order.
    private typealias Attempts = [(name: String, outcome: String)]

    /// Has the intruder try, while a call of another workload's agent is open, and before and after which that acts.
    private func attempts(
        _ part: String, on daemon: RunningSensord, port: String = "0"
    ) throws -> (attempts: Attempts, victim: RunningSensord.Outcome, container: String) {
        let victim = try fixture.python(
            """
            import select, time
            begin = time.time_ns()
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(folder + "/shared/meet.sock")
            listener.listen(1)
            client = sensord.Client(agent="victim", session="s1")
            touch("loose")
            with client.call("mine", {"path": folder + "/after"}) as call:
                assert call.is_known
                touch("before")
                print("ready", flush=True)
                peer, _ = listener.accept()
                connection = client._pool._free[-1]
                facts = {"session": "s1", "call": call.id, "process": os.getpid(), "thread": threading.get_native_id(),
                         "path": folder + "/after", "run": folder + "/run", "daemon": \(daemon.pid), "begin": begin,
                         "port": \(port)}
                socket.send_fds(peer, [json.dumps(facts).encode()], [connection.socket.fileno()])
                for line in peer.makefile():
                    if line == "done\\n":
                        break
                    connection.socket.sendall(b'"call":{"id":"%s"}}\\n' % call.id.encode())
                    select.select([connection.socket], [], [])
                    print(json.loads(connection.socket.recv(1 << 16))["code"], flush=True)
                    connection.socket.sendall(b'{"type":"end","session":"s1",')
                    peer.sendall(b"half\\n")
                touch("after")
            touch("over")
            with client.call("next") as call:
                assert call.is_known
                touch("next")
            """, wrapper: ["sh", "-c", "\(cgroup.enter) && exec \"$0\" \"$@\""])
        try victim.eventually { victim.outputSoFar.contains("ready") }
        let container = try TestContainer(
            ["/usr/bin/python3", "-BIS", "/agents/intruder.py", part],
            mounts: [
                .init(fixture.folder + "/run/agent", at: "/agent"), .init(fixture.folder + "/run", at: "/everything"),
                .init(fixture.folder + "/shared", at: "/shared", isReadOnly: false),
                .init(AgentFixture.agents, at: "/agents"),
            ])
        let intruder = try fixture.start(container.command).wait()
        try #require(intruder.status == 0, "\(intruder.output)\(intruder.errors)")
        let outcome = try victim.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let attempts = intruder.lines.map { line in
            let words = line.split(separator: " ", maxSplits: 1)
            return (String(words[0]), words.count > 1 ? String(words[1]) : "")
        }
        return (attempts, outcome, container.identifier)
    }

    /// Nothing of it was anybody else's doing, and nothing anybody else's was part of it.
    private func expectVictimIsUnharmed(_ records: AgentRecords) throws {
        for name in ["before", "after"] {
            #expect(try records.maker(of: name)?.name == "mine")
            #expect(try records.maker(of: name)?.session == "s1")
            #expect(try records.maker(of: name)?.method == .exact)
        }
        #expect(try records.maker(of: "loose") == nil)
        #expect(try records.maker(of: "over") == nil)
        #expect(try records.maker(of: "next")?.name == "next")
        for name in ["mine", "next"] {
            #expect(records.calls(.toolCallBegin, name: name).count == 1)
            #expect(records.calls(.toolCallEnd, name: name).map(\.status) == ["ok"])
        }
    }

    @Test func `it can do nothing to another workload's session and calls, and is told so`() throws {
        let daemon = try fixture.daemon()
        let (attempts, victim, container) = try attempts("calls", on: daemon)
        let claims = ["end", "begin", "another", "context", "decision", "transition", "session.end"]
        var expected = claims.map { ("own.\($0)", "error not_your_session") }
        expected += claims.map { ("passed.\($0)", "error unknown_sender") }
        expected += [
            // Within its own workload, where such a session and such a call are others.
            ("own.hello", "ack -"), ("own.unknown", "error unknown_call"), ("own.thread", "error not_your_thread"),
            ("own.thread", "error not_your_thread"), ("own.same", "ack -"), ("own.same.end", "ack -"),
            ("own.same.session.end", "ack -"), ("passed.half", "error malformed"),
        ]
        #expect(attempts.map { "\($0.name) \($0.outcome)" } == expected.map { "\($0.0) \($0.1)" })
        #expect(victim.lines == ["ready", "malformed"])

        let records = try fixture.records(of: daemon)
        try expectVictimIsUnharmed(records)
        let claimed = try #require(
            records.events.first { event in
                guard case .file(let file) = event.detail else { return false }
                return event.kind == .fileCreate && file.path.text == "/shared/claimed"
            })
        #expect(claimed.toolCall?.name == "spoof")
        #expect(claimed.workload.container?.id == container)
        func mismatches(_ isOfIntruder: Bool, _ session: String) -> [(anomaly: AnomalyDetail, event: Event)] {
            records.anomalies.filter {
                $0.anomaly.rule == .identityMismatch && $0.anomaly.session == session
                    && ($0.event.workload.container?.id == container) == isOfIntruder
            }
        }
        let own = mismatches(true, "s1")
        #expect(own.first?.anomaly.call == records.calls(.toolCallBegin, name: "mine").first?.id)
        func count(_ found: [(anomaly: AnomalyDetail, event: Event)]) -> Int {
            found.reduce(0) { $0 + 1 + Int($1.anomaly.suppressed) }
        }
        // Each is told or counted: what it says of the other's call, and on the other's connection, which both are told.
        #expect(count(own) == 3)
        for found in [mismatches(true, ""), mismatches(false, "")] { #expect(count(found) == claims.count) }
        // Nobody else did anything odd.
        #expect(
            records.anomalies.allSatisfy {
                $0.anomaly.rule == .identityMismatch || $0.event.workload.container?.id == container
            })
    }

    @Test func `it reaches no socket but the agents', and leaves these as they are`() throws {
        let daemon = try fixture.daemon()
        var before = stat()
        #expect(lstat(fixture.folder + "/run/agent/toolcalls.sock", &before) == 0)
        let (attempts, _, _) = try attempts("files", on: daemon)
        var after = stat()
        #expect(lstat(fixture.folder + "/run/agent/toolcalls.sock", &after) == 0)
        #expect(before.st_ino == after.st_ino && before.st_mode == after.st_mode && after.st_uid == 0)

        let expected = [
            ("unlink", "EROFS"), ("rename", "EROFS"), ("replace", "EXDEV"), ("chmod", "EROFS"), ("chown", "EROFS"),
            ("chmod.directory", "EROFS"), ("create", "EROFS"), ("symlink", "EROFS"), ("mkdir", "EROFS"),
            ("bind", "EROFS"), ("fchmod", "EROFS"), ("chmod.handle", "EROFS"), ("remount", "EPERM"), ("mount", "EPERM"),
            ("left", "otlp.sock toolcalls.sock"),
            ("connect.dots", "ENOENT"), ("connect.handle.dots", "ENOENT"), ("connect.host.path", "ENOENT"),
            ("connect.init", "ENOENT"), ("connect.daemon", "ENOENT"), ("connect.daemon.directory", "ENOENT"),
            ("connect.abstract", "ECONNREFUSED"), ("kill", "ESRCH"), ("kill.victim", "ESRCH"), ("control", "closed"),
        ]
        #expect(attempts.map { "\($0.name) \($0.outcome)" } == expected.map { "\($0.0) \($0.1)" })
        // All that the daemon listens on has a path; an abstract name would be the whole network namespace's.
        let listening = try fixture.start(["sh", "-c", Self.listening, "\(daemon.pid)"]).wait()
        #expect(
            listening.lines.map(String.init)
                == ["agent/otlp.sock", "agent/toolcalls.sock", "control/tail.sock"].map {
                    "\(fixture.folder)/run/\($0)"
                },
            "\(listening.output)\(listening.errors)")
        try expectVictimIsUnharmed(fixture.records(of: daemon))
    }

    /// Names of the Unix sockets that a process listens on.
    private static let listening = """
        for socket in $(ls -l /proc/$0/fd | sed -n 's/.*socket:\\[\\(.*\\)\\]/\\1/p'); do
            awk -v inode=$socket '$7 == inode && $4 == "00010000" { print $8 }' /proc/net/unix
        done | sort
        """

    @Test func `its spans are its own, whose process, session and call they name notwithstanding`() throws {
        let daemon = try fixture.daemon("--listen", "none", "--otlp-listen", "127.0.0.1:0")
        let port = try fixture.told("listening for OpenTelemetry address=127.0.0.1:", by: daemon)
        let (attempts, _, container) = try attempts("spans", on: daemon, port: port)
        #expect(attempts.map { "\($0.name) \($0.outcome)" } == ["spans 200", "spans 200"])
        let records = try fixture.records(of: daemon)
        try expectVictimIsUnharmed(records)
        let told = records.events.filter { event in
            guard case .toolCall(let call) = event.detail else { return false }
            return call.name == "spoof"
        }
        #expect(told.count == 4)
        #expect(told.allSatisfy { $0.workload.container?.id == container })
        let ended = records.calls(.toolCallEnd, name: "spoof")
        #expect(ended.allSatisfy { $0.span?.assurance == .claimed })
        let effects = ended.flatMap { $0.effects?.listed ?? [] }.map(\.text)
        #expect(effects.contains("/shared/own"))
        #expect(!effects.contains { $0.hasPrefix(fixture.folder) })
    }
}
