// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Agents that announce their calls to the daemon, and what its records say of what they did: all of it real.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class ToolCallTests {
    private let fixture: AgentFixture
    private var folder: String { fixture.folder }

    init() throws { fixture = try AgentFixture() }

    private func daemon(_ arguments: String...) throws -> RunningSensord { try fixture.daemon(arguments) }

    private func records(of daemon: RunningSensord) throws -> AgentRecords { try fixture.records(of: daemon) }

    private func python(_ script: String, wrapper: [String] = []) throws -> RunningSensord.Outcome {
        try fixture.python(script, wrapper: wrapper).wait()
    }

    // MARK: The Python client

    private static var hasPython: Bool { AgentFixture.hasPython }

    @Test(.enabled(if: hasPython)) func `what threads and coroutines do is joined to the calls that they announce`()
        throws
    {
        let daemon = try daemon()
        let outcome = try python(
            """
            client = sensord.Client(agent="test", session="s1")
            with client.call("sync") as call:
                assert call.is_known
                touch("sync")
                subprocess.run(["/bin/sh", "-c", ": > " + folder + "/child"], check=True)
            touch("between")

            @client.tool()
            def decorated(path):
                touch(path)
            decorated("decorated")

            meeting = threading.Barrier(2)
            def work(name):
                with client.call(name):
                    meeting.wait()
                    touch(name)
                    meeting.wait()
            threads = [threading.Thread(target=work, args=(name,)) for name in ("thread-1", "thread-2")]
            for thread in threads: thread.start()
            for thread in threads: thread.join()

            async def main():
                begun, over = [], []
                both, done = asyncio.Event(), asyncio.Event()
                async def one(name, arguments):
                    async with client.call(name, arguments) as call:
                        assert call.is_known
                        begun.append(name)
                        if len(begun) == 2: both.set()
                        await both.wait()
                        touch(name)
                        touch(name + "-unnamed")
                        over.append(name)
                        if len(over) == 2: done.set()
                        await done.wait()
                await asyncio.gather(*[one(name, {"path": os.path.join(folder, name)}) for name in ("task-1", "task-2")])
                @client.tool("renamed")
                async def coroutine(path):
                    touch(path)
                await coroutine("coroutine")
            asyncio.run(main())

            # A pool that is made within one call, and that another call of the process uses as well.
            import concurrent.futures
            pool = concurrent.futures.ThreadPoolExecutor(1)
            begun, used = threading.Event(), threading.Event()
            def other():
                begun.wait()
                with client.call("other-of-pool", {"path": os.path.join(folder, "pool-named")}):
                    for name in ("pool-named", "pool-unnamed"): pool.submit(touch, name).result()
                used.set()
            thread = threading.Thread(target=other)
            thread.start()
            with client.call("maker-of-pool", {"path": "elsewhere"}):
                pool.submit(touch, "pool-alone").result()
                begun.set()
                used.wait()
            thread.join()

            if os.fork() == 0:
                with client.call("forked") as call:
                    assert call.is_known
                    touch("forked")
                os._exit(0)
            os.wait()

            with client.call("left by a child") as call:
                if os.fork() == 0:
                    call.__exit__(None, None, None)
                    os._exit(0)
                os.wait()
                touch("left by a child")

            with client.call("odd", {"number": 10 ** 5000, "text": chr(0xd83d), "path": os.fsdecode(b"\\xff")}) as call:
                assert call.is_known
                touch("odd")

            @client.tool()
            def steps():
                touch("step-1")
                yield
                touch("step-2")
            for _ in steps(): pass
            touch("after-steps")

            try:
                with client.call("failing"):
                    raise KeyError("secret")
            except KeyError:
                print("raised")
            """)
        #expect(outcome.status == 0 && outcome.output == "raised\n", "\(outcome.output)\(outcome.errors)")
        let records = try records(of: daemon)
        for (name, call) in [
            ("sync", "sync"), ("child", "sync"), ("decorated", "decorated"), ("thread-1", "thread-1"),
            ("thread-2", "thread-2"), ("forked", "forked"), ("left by a child", "left by a child"), ("odd", "odd"),
        ] {
            #expect(try records.maker(of: name)?.name == call)
            #expect(try records.maker(of: name)?.method == .exact, "\(name)")
            #expect(try records.maker(of: name)?.session == "s1")
        }
        #expect(try records.maker(of: "between") == nil)
        for name in ["task-1", "task-2"] {
            #expect(try records.maker(of: name)?.name == name)
            #expect(try records.maker(of: name)?.method == .argument)
            let unnamed = try records.maker(of: name + "-unnamed")
            #expect(unnamed?.method == .candidates)
            #expect(unnamed?.candidates.count == 2)
        }
        #expect(try records.maker(of: "pool-alone")?.name == "maker-of-pool")
        #expect(try records.maker(of: "pool-alone")?.method == .process)
        #expect(try records.maker(of: "pool-named")?.name == "other-of-pool")
        #expect(try records.maker(of: "pool-named")?.method == .argument)
        #expect(try records.maker(of: "pool-unnamed")?.method == .candidates)
        #expect(try records.maker(of: "pool-unnamed")?.candidates.count == 2)
        #expect(try records.maker(of: "coroutine")?.name == "renamed")
        #expect(try records.maker(of: "coroutine")?.method == .process)
        for name in ["step-1", "step-2"] {
            #expect(try records.maker(of: name)?.name == "steps")
            #expect(try records.maker(of: name)?.method == .process)
        }
        #expect(try records.maker(of: "after-steps") == nil)
        #expect(records.anomalies.isEmpty)
        let failing = try #require(records.calls(.toolCallEnd, name: "failing").first)
        #expect(failing.status == "error")
        #expect(failing.error == "KeyError")
        #expect(records.calls(.toolCallBegin).count == records.calls(.toolCallEnd).count)
    }

    @Test(.enabled(if: hasPython)) func `without a daemon the client does nothing and raises nothing`() throws {
        let outcome = try python(
            """
            client = sensord.Client(agent="test")
            with client.call("sync") as call:
                assert not call.is_known
            @client.tool()
            async def coroutine(path):
                return path
            print(asyncio.run(coroutine("value")))
            """)
        #expect(outcome.status == 0 && outcome.output == "value\n" && outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test(.enabled(if: hasPython)) func `nothing that a client is given, and no daemon, makes it raise`() throws {
        let outcome = try python(
            """
            class Odd:
                def __str__(self): raise RuntimeError("no text")
                __repr__ = __str__
            circle = {}
            circle["self"] = circle
            path = folder + "/fake.sock"
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(path)
            listener.listen(8)
            answers = [b"", b"\\n", b"[]\\n", b"no json\\n", b'{"type":"ack","seq":99}\\n', b'{"type":"error","seq":1}\\n']
            def serve():
                for answer in answers:
                    peer, _ = listener.accept()
                    peer.recv(1 << 16)
                    peer.sendall(answer)
                    peer.close()
            thread = threading.Thread(target=serve)
            thread.start()
            for _ in answers:
                client = sensord.Client(path=path)
                with client.call("odd", {"odd": Odd(), "circle": circle, "long": "x" * 1000000, "bytes": b"x"}) as call:
                    assert not call.is_known
            thread.join()
            print("ok")
            """)
        #expect(outcome.status == 0 && outcome.output == "ok\n" && outcome.errors.isEmpty, "\(outcome.errors)")
    }

    @Test(.enabled(if: hasPython))
    func `a client in a pid namespace of its own, with the directory mounted read-only, is known`() throws {
        let daemon = try daemon()
        let mount = folder + "/mounted"
        let outcome = try python(
            """
            client = sensord.Client(agent="test", path="\(mount)/toolcalls.sock")
            with client.call("main") as call:
                assert call.is_known
                touch("main")
            def work():
                with client.call("thread") as call:
                    assert call.is_known
                    touch("thread")
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            try:
                open("\(mount)/file", "w")
            except OSError as error:
                print(os.getpid() < 100, error.errno)
            """,
            wrapper: [
                "unshare", "--pid", "--fork", "--mount-proc", "--mount", "sh", "-c",
                """
                mkdir '\(mount)' && mount --bind '\(folder)/run/agent' '\(mount)' && \
                mount -o remount,ro,bind '\(mount)' && exec "$0" "$@"
                """,
            ])
        #expect(outcome.status == 0 && outcome.output == "True \(EROFS)\n", "\(outcome.output)\(outcome.errors)")
        let records = try records(of: daemon)
        for name in ["main", "thread"] {
            #expect(try records.maker(of: name)?.name == name)
            #expect(try records.maker(of: name)?.method == .exact)
        }
    }

    /// Calls of a client that goes on without waiting for the answer to its `end`; others keep the daemon from reading it at
    /// once.
    @Test(.enabled(if: hasPython))
    func `what is done right after an end is never the call's, however late that is read`()
        throws
    {
        let daemon = try daemon()
        let count = 400
        let outcome = try python(
            """
            import time
            path = os.environ["SENSORD_TOOLCALLS"]
            class Line:
                def __init__(self, session):
                    self.session = session
                    self.socket = socket.socket(socket.AF_UNIX)
                    self.socket.connect(path)
                    self.answers = self.socket.makefile("r")
                    self.say("hello", protocol=1)
                    assert self.answer() == "ack"
                def say(self, kind, **fields):
                    fields.update(type=kind, session=self.session)
                    self.socket.sendall(json.dumps(fields).encode() + b"\\n")
                def answer(self):
                    return json.loads(self.answers.readline())["type"]
            # In a process of its own, as it would take turns with this one's only thread otherwise.
            talker = os.fork()
            if talker == 0:
                lines = [Line("talker-%d" % number) for number in range(8)]
                while True:
                    for line in lines: line.say("begin", scope="none", call={"id": "c", "name": "talk"})
                    for line in lines: line.say("end", call={"id": "c"})
                    for line in lines: assert line.answer() and line.answer()
                    time.sleep(0.002)
            line = Line("raw")
            for number in range(\(count)):
                call = {"id": "call-%d" % number, "name": "raw"}
                line.say("begin", scope="thread", threadId=threading.get_native_id(), call=call)
                assert line.answer() == "ack"
                touch("within-%d" % number)
                # Some calls last until their first effects have been read, as a rule; what is expected holds either way.
                if number % 8 == 0: time.sleep(0.06)
                line.say("end", call=call, bootTime=time.clock_gettime_ns(time.CLOCK_BOOTTIME))
                touch("after-%d" % number)
                assert line.answer() == "ack"
            os.kill(talker, 9)
            os.wait()
            """)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let records = try fixture.records(of: daemon, with: ["/within-", "/after-"])
        for number in 0..<count {
            // What a machine with too much to do loses is told.
            guard records.isTold("within-\(number)"), records.isTold("after-\(number)") else {
                #expect(!records.losses.isEmpty, "\(number)")
                continue
            }
            let within = try records.maker(of: "within-\(number)")
            #expect(within?.id == "call-\(number)" && within?.method == .exact, "\(number): \(within?.method as Any)")
            let after = try records.maker(of: "after-\(number)")
            #expect(after == nil || after?.method == .candidates, "\(number): \(after?.method as Any)")
        }
    }

    // MARK: Records of calls

    @Test(.enabled(if: hasPython)) func `a call is recorded once it is over, with all that was done for it`() throws {
        let daemon = try daemon("--tick", "0.2")
        let outcome = try python(
            """
            import time
            client = sensord.Client(agent="planner", session="s1")
            server = socket.socket()
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            with client.call("work", {"path": folder}) as call:
                touch("made")
                for _ in range(50): open("/etc/hostname").close()
                time.sleep(0.5)
                subprocess.run(["/bin/sh", "-c", ": > " + folder + "/child; exit 3"])
                peer = socket.create_connection(server.getsockname())
                peer.close()
                lasting = subprocess.Popen(["/bin/sleep", "600"])
            touch("after")
            print(call.id, lasting.pid)
            sys.stdout.flush()
            with client.call("killed"):
                touch("killed")
                os.kill(os.getpid(), 9)
            """)
        #expect(outcome.status == 128 + SIGKILL, "\(outcome.errors)")
        let words = outcome.output.split(whereSeparator: \.isWhitespace)
        try #require(words.count == 2, "\(outcome.output)\(outcome.errors)")
        let id = String(words[0])
        let lasting = try #require(Int32(words[1]))
        // No later than some ticks after its end.
        try daemon.eventually {
            daemon.outputSoFar.contains(#""toolCall":{"state":"finished","call":{"id":"\#(id)""#)
                && daemon.outputSoFar.contains(#""status":"abandoned""#)
        }
        kill(lasting, SIGKILL)
        let path = folder + "/records.ndjson"
        let output = daemon.outputSoFar
        let records = try records(of: daemon)
        let record = try #require(records.calls.first { $0.call.id == id })
        #expect(record.state == .finished && record.call.status == "ok" && record.call.claims.agent?.name == "planner")
        #expect(record.call.arguments.first?.digest?.value.utf8.count == 64)
        func effects(_ kind: EventKind, _ text: String) -> [ToolCallEffects.Effect] {
            record.effects.filter { $0.kind == kind && $0.text.hasPrefix(text) }
        }
        #expect(effects(.fileCreate, folder + "/made").map(\.method) == [.exact])
        #expect(effects(.fileCreate, folder + "/child").map(\.method) == [.exact])
        #expect(effects(.fileCreate, folder + "/after").isEmpty)
        #expect(effects(.fileOpen, "/etc/hostname").first?.summary?.count == 50)
        #expect(effects(.networkConnect, "127.0.0.1").map(\.summary?.count) == [1])
        #expect(effects(.processExit, "/usr/bin/").contains { $0.text.hasSuffix(": status 3") })
        #expect(record.outlivedBy.map(\.pid) == [UInt32(lasting)])
        #expect(
            record.counts.values.reduce(0, +) == record.effects.reduce(record.leftOut) { $0 + ($1.summary?.count ?? 0) }
        )
        let killed = try #require(records.calls.first { $0.call.name == "killed" })
        #expect(killed.state == .finished && killed.call.status == "abandoned")
        #expect(killed.effects.contains { $0.text == folder + "/killed" })

        // The chain, from the records.
        try save(output, to: path)
        let effect = try #require(effects(.fileCreate, folder + "/made").first)
        let chain = try sensord("explain", "--events", path, effect.event)
        #expect(chain.status == 0, "\(chain.errors)")
        #expect(chain.output.contains("work (\(id)) of session s1"))
        #expect(chain.output.contains("planner"), "\(chain.output)")
        #expect(chain.output.contains("path (string)"))
        let whole = try sensord("explain", "--events", path, id)
        #expect(whole.status == 0, "\(whole.errors)")
        #expect(whole.output.contains("file.create \(folder)/made"), "\(whole.output)")
        #expect(whole.output.contains("outlived by"))
    }

    @Test(.enabled(if: hasPython))
    func `the daemon explains the call of an event, and records what is open when it ends`()
        throws
    {
        let daemon = try daemon("--tick", "3600")
        let script = try RunningSensord(
            [],
            wrapper: [
                "/usr/bin/python3", "-c",
                """
                import json, os, socket, sys, threading
                peer = socket.socket(socket.AF_UNIX)
                peer.connect(sys.argv[1] + "/run/agent/toolcalls.sock")
                answers = peer.makefile()
                def ask(**message):
                    peer.sendall(json.dumps(message).encode() + b"\\n")
                    assert json.loads(answers.readline())["type"] == "ack"
                ask(type="hello", protocol=1, session="s1", agent={"name": "planner", "version": "2"})
                sources = [{"kind": "user"}, {"kind": "tool", "uri": "mcp://files"}]
                ask(type="context", session="s1", id="p1", turn=3, sources=sources)
                call = {"id": "c1", "name": "read", "context": "p1", "arguments": {"path": "x"}}
                ask(type="begin", session="s1", call=call,
                    initiator={"kind": "human", "id": "ada"}, authority={"grant": "g1", "scopes": ["files"]})
                open(sys.argv[1] + "/made", "w").close()
                print("done", flush=True)
                sys.stdin.read()
                import time
                while True: time.sleep(1)
                """, folder,
            ])
        try script.eventually { script.outputSoFar.contains("done") }
        // The whole line, of which a part may be written first.
        var made: Event?
        try daemon.eventually {
            let output = daemon.outputSoFar
            guard output.contains("\(folder)/made") else { return false }
            made = output.split(separator: "\n").compactMap { Event(json: Array($0.utf8)[...]) }.first {
                if case .file(let file) = $0.detail { file.path.text == "\(folder)/made" } else { false }
            }
            return made != nil
        }
        let event = try #require(made)
        #expect(event.toolCall?.initiator?.id == "ada" && event.toolCall?.claims.authority?.grant == "g1")
        let stream = daemon.outputSoFar.split(separator: "\"id\":\"")[1].prefix { $0 != "-" }
        let chain = try sensord("explain", "--run-dir", folder + "/run", "\(stream)-\(event.sequence)")
        #expect(chain.status == 0, "\(chain.errors)")
        for part in [
            "read (c1) of session s1", "human ada", "grant g1 for files", "planner 2", "path (string)",
            "context p1 (turn 3)", "mcp://files",
        ] { #expect(chain.output.contains(part), "\(part): \(chain.output)") }
        let records = try records(of: daemon)
        kill(script.pid, SIGKILL)
        #expect(records.calls.map(\.state) == [.open])
        #expect(records.calls.first?.effects.contains { $0.text == folder + "/made" } == true)
        #expect(!records.events.contains { $0.kind == .toolCallEnd })
    }

    @Test func `a secret for digests that is too short is refused`() throws {
        try save("short\n", to: folder + "/key")
        let outcome = try sensord("run", "--run-dir", folder + "/run", "--digest-key-file", folder + "/key")
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("\(folder)/key") && outcome.errors.contains("16 bytes"), "\(outcome.errors)")
    }

    private func save(_ text: String, to path: String) throws {
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw SystemError("write \(path)") }
            rest = rest.dropFirst(count)
        }
    }

    @Test(.enabled(if: hasPython)) func `what the Python client says of a call, and beside it, is known of it`() throws
    {
        let daemon = try daemon()
        let outcome = try python(
            """
            with sensord.Client(agent="planner", session="s1", epoch=1) as client:
                client.context("p1", [{"kind": "user", "text": "what is it?"}], turn=2)
                client.catalog("files", [{"name": "inner"}], version="1")
                with client.call("outer", authority={"grant": "g1", "scopes": ["read"]}, impact="high") as outer:
                    assert outer.is_known
                    client.decision(outer, "limits", "allow", by="ada")
                    with client.call("inner", authority={"grant": "g2", "scopes": ["read", "write"]}) as inner:
                        assert inner.is_known
                client.model("acme", "large", "small")
                client.transition("account", to="bob")
                client.transition("reconnect", epoch=2)
                with client.call("last", authority={"grant": "g1"}) as last:
                    assert last.is_known
            """)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let records = try records(of: daemon)
        let begun = records.calls(.toolCallBegin)
        try #require(begun.map(\.name) == ["outer", "inner", "last"])
        #expect(begun[1].claims.parent == begun[0].id && begun[2].claims.parent.isEmpty)
        #expect(begun.map(\.claims.context) == ["p1", "p1", "p1"])
        #expect(begun.map(\.claims.impact) == ["high", "", ""])
        #expect(begun.map(\.claims.authority?.grant) == ["g1", "g2", "g1"])
        let contexts = records.events.compactMap { if case .context(let context) = $0.detail { context } else { nil } }
        #expect(contexts.map(\.id) == ["p1"] && contexts.map(\.turn) == [2])
        #expect(contexts.first?.sources.map(\.kind) == ["user"] && contexts.first?.sources.first?.digest != nil)
        let decisions = records.events.compactMap { if case .decision(let found) = $0.detail { found } else { nil } }
        #expect(
            decisions == [
                DecisionDetail(session: "s1", call: begun[0].id, policy: "limits", outcome: "allow", by: "ada")
            ])
        #expect(records.anomalies.map(\.anomaly.rule) == [.authorityWidened, .staleTrust])
    }

    // MARK: Others' calls

    @Test(.enabled(if: hasPython)) func `a process of another workload ends nobody's call, and is told so`() throws {
        let daemon = try daemon()
        let (own, other) = (try TestCgroup("own"), try TestCgroup("other"))
        let outcome = try python(
            """
            client = sensord.Client(agent="test", session="s1")
            spoofing = '''
            import json, socket, sys
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            peer.connect(sys.argv[1])
            answers = peer.makefile()
            def ask(**message):
                peer.sendall(json.dumps(message).encode() + b"\\\\n")
                answer = json.loads(answers.readline())
                print(answer["type"], answer.get("code", "-"), flush=True)
            end = {"type": "end", "session": "s1", "call": {"id": sys.argv[2]}, "status": "ok"}
            ask(**end)
            ask(type="session.end", session="s1")
            ask(type="hello", protocol=1, session="s1")
            ask(**end)
            ask(type="session.end", session="s1")
            '''
            with client.call("mine") as call:
                touch("before")
                enter = "\(other.enter) && exec /usr/bin/python3 -c \\"$0\\" \\"$@\\""
                subprocess.run(["/bin/sh", "-c", enter, spoofing, client._path, call.id], check=True)
                touch("after")
            touch("over")
            """,
            wrapper: ["sh", "-c", "\(own.enter) && exec \"$0\" \"$@\""])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let answers = outcome.lines.map { $0.split(separator: " ") }
        try #require(answers.count == 5, "\(outcome.output)")
        for refused in [answers[0], answers[1]] {
            #expect(refused[0] == "error")
            #expect(["unknown_session", "not_your_session"].contains(refused[1]), "\(refused)")
        }
        // A session of that name of its own may be opened; it has no part in the other's.
        if answers[2][0] == "ack" { #expect(answers[3] == ["error", "unknown_call"]) }
        let records = try records(of: daemon)
        #expect(try records.maker(of: "before")?.name == "mine")
        #expect(try records.maker(of: "after")?.name == "mine")
        #expect(try records.maker(of: "after")?.method == .exact)
        #expect(try records.maker(of: "over") == nil)
        #expect(records.calls(.toolCallEnd).map(\.status) == ["ok"])
    }

    // MARK: sensord tool-call

    @Test func `a command can be run as a call`() throws {
        let daemon = try daemon()
        let (mark, run) = (folder + "/mark", folder + "/run")
        let outcome = try sensord(
            "tool-call", "--run-dir", run, "--name", "make", "--session", "s1", "--initiator", "human:ada", "--", "sh",
            "-c", "(: > \(mark)); echo out; exit 3")
        #expect(outcome.status == 3)
        #expect(outcome.output == "out\n" && outcome.errors.isEmpty, "\(outcome.errors)")
        let killed = try sensord("tool-call", "--run-dir", run, "--", "sh", "-c", "kill -TERM $$")
        #expect(killed.status == 128 + SIGTERM)
        let records = try records(of: daemon)
        #expect(try records.maker(of: "mark")?.name == "make")
        #expect(try records.maker(of: "mark")?.session == "s1")
        #expect(try records.maker(of: "mark")?.method == .exact)
        let begin = try #require(records.calls(.toolCallBegin, name: "make").first)
        #expect(begin.initiator?.kind == "human" && begin.initiator?.id == "ada")
        let end = try #require(records.calls(.toolCallEnd, name: "make").first)
        #expect(end.status == "error" && end.error == "status 3")
        #expect(records.calls(.toolCallEnd, name: "sh").map(\.status) == ["error"])
    }

    @Test func `a command with more to say than a message has room for is a call all the same`() throws {
        let daemon = try daemon()
        let long =
            [String(repeating: "a", count: 4097)] + Array(repeating: String(repeating: "b", count: 4096), count: 10)
        // Six bytes each as JSON has it.
        let odd = Array(repeating: String(repeating: "\u{1}", count: 4096), count: 7)
        let many = Array(repeating: "c", count: 1000)
        for (name, words) in [("long", long), ("odd", odd), ("many", many)] {
            let command = [
                "tool-call", "--run-dir", folder + "/run", "--name", name, "--", "sh", "-c", ": > \(folder)/\(name)",
            ]
            let outcome = try RunningSensord(command + words).wait()
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors.prefix(1000))")
        }
        let records = try records(of: daemon)
        for name in ["long", "odd", "many"] {
            #expect(try records.maker(of: name)?.name == name)
            #expect(try records.maker(of: name)?.method == .exact)
        }
        func said(_ name: String) throws -> [ToolCallArgument] {
            try #require(records.calls(.toolCallBegin, name: name).first).arguments.sorted {
                Int($0.name)! < Int($1.name)!
            }
        }
        // sh -c and what it does, one that is too long, seven of 4 KiB beside those, and three without room.
        let types = try said("long").map(\.type)
        #expect(
            types == Array(repeating: "string", count: 3) + ["omitted"] + Array(repeating: "string", count: 7)
                + Array(repeating: "omitted", count: 3))
        #expect(try said("long")[3].length == 4097)
        #expect(try said("odd").isEmpty)
        #expect(try said("many").count == 64)
    }

    @Test func `without a daemon the command runs all the same, and that is told`() throws {
        let outcome = try sensord("tool-call", "--run-dir", folder + "/run", "--", "sh", "-c", "echo out; exit 3")
        #expect(outcome.status == 3)
        #expect(outcome.output == "out\n")
        #expect(outcome.errors.contains("the call is not announced"))
    }

    @Test func `a tail shows the call on the lines that it explains, and where it begins and ends`() throws {
        let daemon = try daemon()
        let (mark, run) = (folder + "/mark", folder + "/run")
        let outcome = try sensord(
            "--tail", "--run-dir", run, "--no-color", "--", "sh", "-c",
            ": > \(mark)-1; \(RunningSensord.path) tool-call --run-dir \(run) --name make -- sh -c ': > \(mark)-2'")
        #expect(outcome.status == 0, "\(outcome.errors)")
        func line(_ text: String) throws -> Substring {
            try #require(outcome.lines.first { $0.contains(text) }, "\(outcome.output)")
        }
        #expect(try !line("mark-1").contains("make"))
        #expect(try line("mark-2").contains("make"))
        #expect(try line(" call ").contains("make"))
        #expect(try line(" call end ").contains("make"))
        kill(daemon.pid, SIGTERM)
        #expect(try daemon.wait().status == 0)
    }
}
