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

    private func daemon() throws -> RunningSensord { try fixture.daemon() }

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

            if os.fork() == 0:
                with client.call("forked") as call:
                    assert call.is_known
                    touch("forked")
                os._exit(0)
            os.wait()

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
            ("thread-2", "thread-2"), ("forked", "forked"),
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
        #expect(try records.maker(of: "coroutine")?.name == "renamed")
        #expect(try records.maker(of: "coroutine")?.method == .process)
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
