# SPDX-License-Identifier: Apache-2.0
"""The Python client on its own: what it says to daemons that answer as a test wants them to, and that it is in nobody's way."""

import asyncio
import contextlib
import copy
import faulthandler
import functools
import gc
import hashlib
import json
import multiprocessing
import os
import pathlib
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.environ["SENSORD_CLIENT"])
import sensord  # noqa: E402

# Nothing here takes so long, whatever else the machine does.
LONG = 20


def ack(message):
    return {"type": "ack"}


class Daemon:
    """Has a socket, and answers each message as it is told to; with None not at all."""

    def __init__(self, path, answer=ack):
        self.path, self.answer = path, answer
        # Each with the number of its connection.
        self.messages = []
        self.changed = threading.Condition()
        self.goes_on = threading.Event()
        self.goes_on.set()
        # It reads nothing more.
        self.stands_still = threading.Event()
        self.peers = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                self.peers.append(peer)
                threading.Thread(target=self._serve, args=(peer, len(self.peers)), daemon=True).start()

    def _serve(self, peer, number):
        with contextlib.suppress(OSError), peer.makefile("rb") as lines:
            for line in lines:
                if not self.goes_on.is_set():
                    self.stands_still.set()
                self.goes_on.wait()
                message = json.loads(line.decode())
                with self.changed:
                    self.messages.append((number, message))
                    self.changed.notify_all()
                answer = self.answer(message)
                if answer is not None:
                    peer.sendall(json.dumps({"seq": message["seq"], **answer}).encode() + b"\n")

    def stop(self):
        """As a process that ends."""
        self.goes_on.set()
        for end in [self.listener, *self.peers]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def of_type(self, kind):
        return [message for _, message in list(self.messages) if message["type"] == kind]

    def until(self, kind, count):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.of_type(kind)) >= count, LONG):
                raise AssertionError("%d of %d %s" % (len(self.of_type(kind)), count, kind))
        return self.of_type(kind)


class ClientTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "toolcalls.sock")

    def daemon(self, answer=ack):
        daemon = Daemon(self.path, answer)
        self.addCleanup(daemon.stop)
        return daemon

    def client(self, timeout=LONG):
        return sensord.Client(agent="test", session="s1", path=self.path, timeout=timeout)


class ArgumentTests(ClientTests):
    def said(self, arguments, **named):
        daemon = self.daemon()
        with self.client().call("tool", arguments, **named) as call:
            self.assertTrue(call.is_known)
        begins = daemon.of_type("begin")
        self.assertEqual(len(begins), 1)
        return begins[0]["call"]["arguments"]

    def test_halves_of_characters_are_replaced(self):
        value = json.loads('"a\\ud83d b"')
        self.assertEqual(self.said({"v": value, value: 1}), {"v": "a\ufffd b", "a\ufffd b": 1})

    def test_names_of_files_are_as_the_daemon_shows_them(self):
        name = os.fsdecode(b"/tmp/caf\xe9\xff/\xe2\x82x")
        expected = "/tmp/caf\ufffd\ufffd/\ufffdx"
        said = self.said({"text": name, "path": pathlib.PurePath(name), "é": "/tmp/ü\U0001f600"})
        self.assertEqual(said, {"text": expected, "path": expected, "é": "/tmp/ü\U0001f600"})

    def test_what_json_cannot_say_is_left_out(self):
        class Odd:
            def __str__(self):
                raise RuntimeError("no text")

            __repr__ = __bool__ = __iter__ = __len__ = __hash__ = __eq__ = __str__

        class OddPath(os.PathLike):
            def __fspath__(self):
                raise RuntimeError("no path")

        class OddDict(dict):
            def items(self):
                raise RuntimeError("no items")

        class OddText(str):
            def __len__(self):
                raise RuntimeError("no length")

            __str__ = isascii = encode = __iter__ = __getitem__ = __len__

        class OddBytes(bytes):
            def __len__(self):
                raise RuntimeError("no length")

        class Proxy:
            @property
            def __class__(self):
                raise KeyboardInterrupt("it was looked at")

        circle = {}
        circle["self"] = circle
        omitted = {"omitted": True}
        said = self.said(
            {
                "odd": Odd(), "path": OddPath(), "dict": OddDict(a=1), "text": OddText("x"), "bytes": OddBytes(b"xyz"),
                "other": OddText("\xfc"),
                "big": 10**5000, "nan": float("nan"), "infinity": -float("inf"), "long": "x" * 1000000, "set": {1},
                "whole": 1 << 64, "circle": circle, "proxy": Proxy(), Odd: 1, 10**5000: 2, None: 3,
            }
        )  # fmt: skip
        for _ in range(sensord.DEPTH_LIMIT):
            said["circle"] = said["circle"]["self"] if "self" in said["circle"] else said["circle"]
        self.assertEqual(
            said,
            {
                "odd": omitted, "path": omitted, "dict": {"a": 1}, "text": "x", "bytes": {"omitted": True, "length": 3},
                "other": "\xfc",
                "big": omitted, "nan": None, "infinity": None, "long": {"omitted": True, "length": 1000000},
                "set": omitted, "whole": 1 << 64, "circle": omitted, "proxy": omitted, "type": 1, "int": 2, "None": 3,
            },
        )  # fmt: skip

    def test_however_much_there_is_a_bounded_part_is_said(self):
        wide = [0] * 64
        for _ in range(5):
            wide = [wide] * 64
        said = self.said({"wide": wide, "texts": ["é" * 4096] * 64})
        self.assertLess(len(json.dumps(said)), sensord.LINE_LIMIT)

    def test_a_call_whose_line_would_be_too_long_is_known(self):
        daemon = self.daemon()
        with self.client().call("tool", ["\x01" * 4096] * 16) as call:
            self.assertTrue(call.is_known)
        self.assertEqual(daemon.of_type("begin")[0]["call"], {"id": call.id, "name": "tool"})

    def test_a_call_that_is_not_understood_is_begun_without_arguments(self):
        def answer(message):
            is_refused = message["type"] == "begin" and "arguments" in message["call"]
            return {"type": "error", "code": "malformed", "message": "no"} if is_refused else ack(message)

        daemon = self.daemon(answer)
        with self.client().call("tool", {"a": 1}) as call:
            self.assertTrue(call.is_known)

        async def main():
            async with self.client().call("tool", {"a": 1}) as call:
                self.assertTrue(call.is_known)

        asyncio.run(main())
        self.assertEqual(["arguments" in message["call"] for message in daemon.of_type("begin")], [True, False] * 2)
        self.assertEqual(len(daemon.of_type("end")), 2)

    def test_names_are_as_long_as_they_may_be(self):
        daemon = self.daemon()
        client = sensord.Client(agent="a\ud800" + "ü" * 5000, session="s" * 5000, path=self.path, timeout=LONG)
        initiator = {"kind": "human", "id": "ü" * 500}
        for name in ("n\udcff" + "ü" * 5000, None, 7, object):
            with client.call(name, initiator=initiator) as call:
                self.assertTrue(call.is_known)
        begins = daemon.of_type("begin")
        names = [message["call"]["name"] for message in begins] + [client.session]
        self.assertTrue(all(0 < len(text.encode()) <= 128 for text in names), names)
        words = [message["initiator"]["id"] for message in begins] + [daemon.of_type("hello")[0]["agent"]["name"]]
        self.assertTrue(all(0 < len(text.encode()) <= 256 for text in words), words)
        self.assertEqual(begins[0]["initiator"]["kind"], "human")


class ScopeTests(ClientTests):
    def test_within_an_event_loop_the_process_acts_for_a_call(self):
        daemon = self.daemon()
        client = self.client()

        @client.tool()
        def plain():
            pass

        async def main():
            with client.call("plain with"):
                await asyncio.sleep(0)
            with client.call("as it is told", scope="thread"):
                pass
            plain()
            # Of another thread nobody else has a step.
            await asyncio.get_running_loop().run_in_executor(None, self.call_on, client)

        asyncio.run(main())
        self.call_on(client)
        scopes = [(message["call"]["name"], message["scope"]) for message in daemon.of_type("begin")]
        self.assertEqual(
            scopes,
            [
                ("plain with", "process"), ("as it is told", "thread"), ("plain", "thread"), ("thread", "thread"),
                ("thread", "thread"),
            ],
        )  # fmt: skip

    @staticmethod
    def call_on(client):
        with client.call("thread"):
            pass

    @unittest.skipUnless(hasattr(time, "CLOCK_BOOTTIME"), "no such clock")
    def test_a_begin_says_when_it_was_and_how_long_an_answer_is_waited_for(self):
        def answer(message):
            is_refused = message["type"] == "begin" and "arguments" in message["call"]
            return {"type": "error", "code": "malformed", "message": "no"} if is_refused else ack(message)

        daemon = self.daemon(answer)
        client = self.client(timeout=2)

        async def main():
            async with client.call("asynchronous"):
                pass

        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        with client.call("tool", {"a": 1}):
            pass
        asyncio.run(main())
        client._waiting.failed()
        with client.call("not waited for"):
            pass
        client._timeout, client._waiting._until = float("inf"), 0
        with client.call("for ever") as call:
            self.assertTrue(call.is_known)
        begins = daemon.until("begin", 5)
        times = [int(message["bootTime"]) for message in begins]
        self.assertEqual([before] + times, sorted([before] + times))
        patience = [int(message["patience"]) for message in begins]
        # The second attempt is waited for no longer than the first.
        self.assertTrue(0 < patience[1] < patience[0] <= 2_000_000_000, patience)
        self.assertTrue(0 < patience[2] <= 2_000_000_000, patience)
        self.assertEqual(patience[3], 0)
        self.assertLess(patience[4], 1 << 63)

    @unittest.skipUnless(hasattr(time, "CLOCK_BOOTTIME"), "no such clock")
    def test_an_end_says_when_it_was(self):
        daemon = self.daemon()
        times = [time.clock_gettime_ns(time.CLOCK_BOOTTIME)]
        with self.client().call("tool"):
            times.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        end = int(daemon.of_type("end")[0]["bootTime"])
        self.assertTrue(times[1] <= end <= time.clock_gettime_ns(time.CLOCK_BOOTTIME), (times, end))


class DaemonTests(ClientTests):
    def test_one_that_stands_still_is_waited_for_once_and_told_all_the_same(self):
        daemon = self.daemon()
        daemon.goes_on.clear()
        client = self.client(timeout=0.05)
        with mock.patch.multiple(sensord, FIRST_PAUSE=LONG, LONGEST_PAUSE=LONG):
            begin = time.monotonic()
            for _ in range(20):
                with client.call("tool") as call:
                    self.assertFalse(call.is_known)
            # Not 40 times, nor twice.
            self.assertLess(time.monotonic() - begin, 2)
            self.assertGreaterEqual(client._waiting._until, begin + LONG)
            daemon.goes_on.set()
            ended = [message["call"]["id"] for message in daemon.until("end", 20)]
            self.assertEqual([message["call"]["id"] for message in daemon.of_type("begin")], ended)
            # Its answers tell that it goes on.
            client._pool._all[0]._poll.poll(LONG * 1000)
            client._timeout = LONG
            for _ in range(20):
                with client.call("tool"):
                    pass
            with client.call("tool") as call:
                self.assertTrue(call.is_known)

    def test_an_event_loop_goes_on_while_one_stands_still(self):
        daemon = self.daemon()
        daemon.goes_on.clear()
        client = self.client()

        async def main():
            async def one():
                async with client.call("tool") as call:
                    return call.is_known

            tasks = [asyncio.ensure_future(one()) for _ in range(10)]
            # None of them would get any further if one held up the others.
            while len(client._pool._all[0]._unanswered if client._pool._all else ()) < 11:
                await asyncio.sleep(0)
            self.assertFalse(any(task.done() for task in tasks))
            daemon.goes_on.set()
            return await asyncio.gather(*tasks)

        self.assertEqual(asyncio.run(main()), [True] * 10)
        self.assertEqual((client._pool._of_loops, client._pool._all[0]._loop), ({}, None))
        self.assertEqual(len(daemon.until("end", 10)), 10)
        # Another loop, and none.
        self.assertEqual(asyncio.run(self.one(client)), True)
        with client.call("tool") as call:
            self.assertTrue(call.is_known)

    async def one(self, client):
        async with client.call("tool") as call:
            return call.is_known

    def test_a_call_that_is_cancelled_while_it_begins_ends(self):
        daemon = self.daemon(lambda message: ack(message) if message["type"] == "hello" else None)
        client = self.client()

        async def main():
            task = asyncio.ensure_future(self.one(client))
            while not daemon.of_type("begin"):
                await asyncio.sleep(0.001)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        self.assertEqual([message["status"] for message in daemon.until("end", 1)], ["cancelled"])

    def test_one_that_takes_nothing_holds_up_nobody(self):
        daemon = self.daemon()
        daemon.goes_on.clear()
        client = self.client(timeout=0)
        begin = time.monotonic()
        while not (client._pool._all and client._pool._all[0].is_full):
            with client.call("tool", ["x" * 4096] * 4):
                self.assertLess(time.monotonic() - begin, LONG)
        with client.call("tool") as call:
            self.assertFalse(call.is_known)
        self.assertIsNone(call._begun)
        daemon.goes_on.set()
        # What began has ended, whether or not that could be said at once.
        client._timeout = LONG
        while not call.is_known:
            with client.call("tool") as call:
                self.assertLess(time.monotonic() - begin, LONG)
        begun = {message["call"]["id"] for message in daemon.of_type("begin")}
        daemon.until("end", len(begun))
        self.assertEqual({message["call"]["id"] for message in daemon.of_type("end")}, begun)

    def test_an_end_goes_out_though_no_other_call_is_made(self):
        daemon = self.daemon()
        client = self.client()
        call = client.call("tool")
        with call:
            self.assertTrue(call.is_known)
            daemon.goes_on.clear()
            client._timeout = 0
            begin = time.monotonic()
            with client.call("read"):
                daemon.stands_still.wait()
            while not client._pool._all[0].is_full:
                with client.call("filling", ["x" * 4096] * 4):
                    self.assertLess(time.monotonic() - begin, LONG)
        self.assertTrue(client._pool._all[0].has_more)
        daemon.goes_on.set()
        begun = {message["call"]["id"] for message in daemon.until("begin", 2)}
        while call.id not in {message["call"]["id"] for message in daemon.of_type("end")}:
            daemon.until("end", len(daemon.of_type("end")) + 1)
        self.assertIn(call.id, begun)
        # Nor does the thread stay that sends it.
        while sensord._late or sensord._sending_late.locked():
            self.assertLess(time.monotonic() - begin, LONG)
            time.sleep(0.001)

    def test_after_a_restart_the_next_call_says_hello_and_no_end_of_the_one_before(self):
        first = self.daemon()
        client = self.client()
        with client.call("before"):
            first.stop()
            second = self.daemon()
            with client.call("within") as call:
                self.assertTrue(call.is_known)
        with client.call("after") as call:
            self.assertTrue(call.is_known)
        second.until("end", 2)
        names = [(message["type"], message.get("call", {}).get("name")) for _, message in second.messages]
        self.assertEqual(
            names, [("hello", None), ("begin", "within"), ("end", None), ("begin", "after"), ("end", None)]
        )

    def test_a_session_that_is_not_known_is_opened_again(self):
        refusals = iter([True])

        def answer(message):
            if message["type"] == "begin" and next(refusals, False):
                return {"type": "error", "code": "unknown_session", "message": "no"}
            return ack(message)

        daemon = self.daemon(answer)
        client = self.client()
        known = []
        for _ in range(3):
            with client.call("tool") as call:
                known.append(call.is_known)
        self.assertEqual(known, [False, True, True])
        self.assertEqual(len(daemon.of_type("hello")), 2)
        # The call that was refused has no end.
        self.assertEqual(len(daemon.of_type("end")), 2)

    def test_where_there_is_none_it_is_looked_for_ever_less_often(self):
        client = self.client()
        lengths = []
        for _ in range(8):
            client._connecting._until = 0
            with client.call("tool"):
                lengths.append(client._connecting._length)
        self.assertEqual(lengths[:3], [0.05, 0.1, 0.2])
        self.assertEqual(lengths[-1], sensord.LONGEST_PAUSE)
        self.daemon()
        client._connecting._until = 0
        with client.call("tool") as call:
            self.assertTrue(call.is_known)
        self.assertEqual(client._connecting._length, 0)

    def test_one_that_refuses_connections_is_not_asked_at_each_call(self):
        daemon = self.daemon()
        daemon._serve = lambda peer, number: (
            peer.sendall(b'{"type":"error","code":"rate_limited","message":"too many connections"}\n'),
            peer.close(),
        )
        client = self.client()
        with mock.patch.multiple(sensord, FIRST_PAUSE=LONG, LONGEST_PAUSE=LONG):
            for _ in range(10):
                with client.call("tool") as call:
                    self.assertFalse(call.is_known)
        self.assertEqual(len(daemon.peers), 1)

    def test_a_path_is_one_of_any_kind_and_what_is_none_is_not_tried_at_each_call(self):
        daemon = self.daemon()
        for path in (pathlib.Path(self.path), os.fsencode(self.path)):
            with sensord.Client(path=path, timeout=LONG).call("tool") as call:
                self.assertTrue(call.is_known)
        self.assertEqual(len(daemon.of_type("begin")), 2)
        client = sensord.Client(path=7)
        with mock.patch.object(sensord, "FIRST_PAUSE", LONG), mock.patch.object(
            sensord.socket, "socket", wraps=socket.socket
        ) as made:
            for _ in range(10):
                with client.call("tool") as call:
                    self.assertFalse(call.is_known)
        self.assertEqual(made.call_count, 1)

    def test_it_may_die_without_a_signal_to_the_agent(self):
        script = """
import os, signal, socket, sys
sys.path.insert(0, os.environ["SENSORD_CLIENT"])
import sensord
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
ours, theirs = socket.socketpair()
client = sensord.Client(path=sys.argv[1], timeout=20)
with client.call("tool") as call:
    assert call.is_known
    print("in", flush=True)
    sys.stdin.readline()
print("out")
"""
        daemon = self.daemon()
        child = subprocess.Popen(
            [sys.executable, "-B", "-c", script, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with child:
            self.assertEqual(child.stdout.readline(), "in\n")
            daemon.stop()
            output, _ = child.communicate("go\n", timeout=LONG)
        self.assertEqual((child.returncode, output), (0, "out\n"))


class ProcessTests(ClientTests):
    def fork(self, work):
        """Whether it went well in a child."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            except BaseException as error:
                os.write(2, repr(error).encode() + b"\n")
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)

    def test_a_child_ends_no_call_of_its_parent(self):
        daemon = self.daemon()
        client = self.client()

        def leave():
            call.__exit__(None, None, None)
            with client.call("child") as own:
                assert own.is_known

        with client.call("parent") as call:
            descriptor = client._pool._all[0].socket.fileno()
            self.fork(leave)
            self.fork(lambda: self.assertRaises(OSError, os.fstat, descriptor))
            ids = [message["call"]["id"] for message in daemon.until("end", 1)]
            self.assertNotIn(call.id, ids)
        self.assertEqual([message["call"]["id"] for message in daemon.until("end", 2)][1], call.id)
        self.assertEqual([number for number, _ in daemon.messages], [1, 1, 2, 2, 2, 1])

    def test_a_child_of_a_coroutine_ends_no_call_and_takes_nothing_from_the_loop(self):
        daemon = self.daemon()
        client = self.client()

        async def main():
            async with client.call("parent") as call:
                self.fork(lambda: call.__exit__(None, None, None))
                self.assertEqual(await self.one(client), True)

        asyncio.run(main())
        self.assertEqual(len(daemon.until("end", 2)), 2)

    async def one(self, client):
        async with client.call("tool") as call:
            return call.is_known

    def test_workers_announce_calls_of_their_own(self):
        daemon = self.daemon()
        client = self.client()
        with client.call("parent"):
            for way in ("fork", "spawn"):
                context = multiprocessing.get_context(way)
                receiver, sender = context.Pipe(duplex=False)
                worker = context.Process(target=work_in_worker, args=(client, sender))
                worker.start()
                self.assertEqual(receiver.recv(), True, way)
                worker.join()
        self.assertEqual(len(daemon.until("end", 3)), 3)
        copy = pickle.loads(pickle.dumps(client))
        self.assertEqual((copy.session, copy._path, copy._agent), (client.session, client._path, client._agent))

    def test_no_program_that_is_run_gets_the_socket(self):
        script = """
import os
for descriptor in range(1024):
    try:
        print(os.readlink("/proc/self/fd/%d" % descriptor))
    except OSError:
        pass
"""

        def descriptors():
            output = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, close_fds=False).stdout
            return [line for line in output.splitlines() if line.startswith(b"socket")]

        self.daemon()
        # Whoever runs the tests may have passed some on.
        before = descriptors()
        client = self.client()
        with client.call("tool") as call:
            self.assertTrue(call.is_known)
            self.assertEqual(descriptors(), before)

    def test_threads_do_not_get_into_each_other(self):
        daemon = self.daemon()
        client = self.client()
        known = []

        def work(number):
            for index in range(50):
                with client.call("%d-%d" % (number, index)) as call:
                    known.append(call.is_known)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(known, [True] * 800)
        self.assertEqual(len({message["call"]["id"] for message in daemon.until("end", 800)}), 800)
        self.assertLessEqual(len(daemon.peers), sensord.CONNECTION_LIMIT)
        for number in range(1, len(daemon.peers) + 1):
            messages = [message for peer, message in daemon.messages if peer == number]
            self.assertEqual([message["seq"] for message in messages], list(range(1, len(messages) + 1)))
            self.assertEqual([message["type"] for message in messages].index("hello"), 0)

    def test_threads_take_turns_on_a_connection(self):
        daemon = self.daemon()
        client = self.client()
        calls = []

        def work():
            call = client.call("tool")
            call.__enter__()
            calls.append(call)

        for _ in range(40):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        # All are open at a time.
        for call in calls:
            call.__exit__(None, None, None)
            self.assertIsNone(call._connection)
        self.assertEqual([call.is_known for call in calls], [True] * 40)
        self.assertEqual(len(daemon.until("end", 40)), 40)
        self.assertEqual(len(daemon.peers), 1)

    def test_a_process_has_a_bounded_number_of_connections_and_each_client_one(self):
        # Of other tests.
        gc.collect()
        daemon = self.daemon()
        daemon.goes_on.clear()
        client = self.client()
        known = []

        def work():
            with client.call("tool") as call:
                known.append(call.is_known)

        threads = [threading.Thread(target=work) for _ in range(50)]
        for thread in threads:
            thread.start()
        while len(client._pool._turns) < 50 - sensord.CONNECTION_LIMIT:
            time.sleep(0.001)
        self.assertEqual(len(client._pool._all), sensord.CONNECTION_LIMIT)

        # Where all are in use, an event loop does not wait for one, nor is it thought to have waited.
        async def main():
            async with client.call("shared") as call:
                self.assertFalse(call.is_known)

        asyncio.run(main())
        self.assertTrue(client._waiting.is_over)
        other = self.client()
        other._timeout = 0
        with other.call("another client's"):
            self.assertEqual(len(other._pool._all), 1)
        daemon.goes_on.set()
        for thread in threads:
            thread.join()
        self.assertEqual(known, [True] * 50)
        daemon.until("end", 52)
        self.assertEqual(len(daemon.peers), sensord.CONNECTION_LIMIT + 1)
        shared = next(message for message in daemon.of_type("begin") if message["call"]["name"] == "shared")
        self.assertEqual(shared.get("patience", "0"), "0")
        self.assertFalse(client._pool._turns)

    def test_who_waits_for_a_connection_in_vain_goes_on(self):
        self.daemon()
        client = self.client()
        with mock.patch.multiple(sensord, _places=[None], FIRST_PAUSE=LONG, LONGEST_PAUSE=LONG):
            with client.call("first") as call:
                self.assertTrue(call.is_known)
            line = client._line()
            client._timeout = 0.05
            begin = time.monotonic()
            for _ in range(20):
                with client.call("tool") as call:
                    self.assertFalse(call.is_known)
            self.assertLess(time.monotonic() - begin, 2)
            self.assertFalse(client._waiting.is_over)
            line.give_back()
            # There was no such place.
            line.connection._has_place = False
        client._timeout, client._waiting._until = LONG, 0
        with client.call("tool") as call:
            self.assertTrue(call.is_known)

    def several(self, client, count):
        """Has a client make so many connections."""
        lines = [client._line() for _ in range(count)]
        for line in lines:
            message = sensord._Message({"type": "model", "session": "s1"})
            line.connection.send(message)
            client._wait(line, message)
        for line in lines:
            line.give_back()

    def test_a_connection_that_is_not_needed_is_closed_and_its_calls_end(self):
        daemon = self.daemon()
        client = self.client()
        self.several(client, 3)
        with client.call("tool") as call:
            connection = call._connection
            for one in client._pool._free:
                one.idle_since -= 2 * sensord.IDLE_TIME
            client._pool._free.remove(connection)
            client._pool._free.insert(0, connection)
            with client.call("other"):
                pass
            self.assertTrue(connection.is_broken)
            self.assertEqual(len(client._pool._all), 1)
        self.assertEqual(len(daemon.until("end", 2)), 2)
        with client.call("last") as call:
            self.assertTrue(call.is_known)
        self.assertEqual(len(daemon.peers), 3)

    def test_a_call_ends_though_the_daemon_has_closed_its_connection(self):
        daemon = self.daemon()
        client = self.client()
        self.several(client, 2)
        for wait in (True, False):
            call = client.call("tool")
            call.__enter__()
            number = daemon.messages[-1][0]
            daemon.peers[number - 1].shutdown(socket.SHUT_RDWR)
            call._connection.take()
            call.__exit__(*(None, None, None) if wait else (GeneratorExit, GeneratorExit(), None))
            self.assertEqual(len(daemon.until("end", 1 if wait else 2)), 1 if wait else 2)
            if wait:
                # The one that is made then is of the same daemon, as far as that can be told.
                self.several(client, 2)

    def test_an_event_loop_has_one_connection_however_many_tasks_it_has(self):
        daemon = self.daemon()
        client = self.client()

        async def main(count):
            async def one(number):
                async with client.call("tool-%d" % number) as call:
                    await asyncio.sleep(0)
                    return call.is_known

            return await asyncio.gather(*[one(number) for number in range(count)])

        self.assertEqual(asyncio.run(main(100)), [True] * 100)
        self.assertEqual(len(daemon.peers), 1)
        found = []
        threads = [threading.Thread(target=lambda: found.extend(asyncio.run(main(50)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [True] * 200)
        self.assertLessEqual(len(daemon.peers), 5)
        self.assertEqual(len(daemon.until("end", 300)), 300)

    def test_a_call_may_end_on_another_thread(self):
        daemon = self.daemon()
        client = self.client()
        for _ in range(20):
            call = client.call("tool")
            call.__enter__()
            thread = threading.Thread(target=call.__exit__, args=(None, None, None))
            thread.start()
            thread.join()
        daemon.until("end", 20)
        self.assertEqual({number for number, _ in daemon.messages}, {1})

    def test_two_clients_of_one_session_have_different_ids(self):
        one, other = self.client(), self.client()
        self.assertNotEqual(one.call("tool").id, other.call("tool").id)

    def test_nothing_is_said_at_exit_nor_of_sockets_that_are_left_open(self):
        self.daemon()
        script = """
import os, sys, threading
sys.path.insert(0, os.environ["SENSORD_CLIENT"])
import sensord
client = sensord.Client(path=sys.argv[1], timeout=20)
@client.tool()
def steps():
    yield 1
    yield 2
left = steps()
next(left)
def work():
    with client.call("thread") as call:
        assert call.is_known
thread = threading.Thread(target=work)
thread.start()
thread.join()
open_call = client.call("left")
open_call.__enter__()
class Late:
    def __del__(self):
        with client.call("late"):
            pass
late = Late()
late.circle = late
"""
        outcome = subprocess.run(
            [sys.executable, "-B", "-X", "dev", "-c", script, self.path], stderr=subprocess.PIPE, timeout=LONG
        )
        self.assertEqual((outcome.returncode, outcome.stderr), (0, b""))


def work_in_worker(client, sender):
    with client.call("worker") as call:
        sender.send(call.is_known)


class ChainTests(ClientTests):
    """What is said of calls beyond what they are, and beside them."""

    def setUp(self):
        super().setUp()
        self.fake = self.daemon()
        self.sensor = self.client()

    def calls(self, count):
        """By the names of their tools."""
        return {message["call"]["name"]: message["call"] for message in self.fake.until("begin", count)}

    def parents(self, count):
        calls = self.calls(count)
        names = {call["id"]: name for name, call in calls.items()}
        return {name: names.get(call.get("parent")) for name, call in calls.items()}

    def test_a_call_names_the_one_around_it(self):
        call = self.sensor.call
        with call("outer") as outer:
            with call("inner"), call("innermost"):
                pass
            with call("second"):
                pass
            with call("other", parent="elsewhere"):
                pass
            thread = threading.Thread(target=lambda: call("thread").__enter__())
            thread.start()
            thread.join()
            with sensord.Client(session="s2", path=self.path, timeout=LONG).call("session"):
                with call("within both"):
                    pass
        with call("after"), call("named", parent=outer):
            pass
        self.assertEqual(
            self.parents(10),
            {
                "outer": None, "inner": "outer", "innermost": "inner", "second": "outer", "other": None, "thread": None,
                "session": None, "within both": "outer", "after": None, "named": "outer",
            },
        )  # fmt: skip
        self.assertEqual(self.calls(10)["other"]["parent"], "elsewhere")

    def test_tasks_name_the_call_that_they_were_made_in_while_it_lasts(self):
        call = self.sensor.call

        async def one(name, before=None, after=None):
            if before is not None:
                await before.wait()
            async with call(name):
                await asyncio.sleep(0)
            if after is not None:
                after.set()

        async def main():
            over = asyncio.Event()
            async with call("outer"):
                late = asyncio.create_task(one("late", before=over))
                await asyncio.gather(one("first"), one("second"))
                await asyncio.to_thread(call("thread").__enter__)
            over.set()
            await late
            await one("alone")

        asyncio.run(main())
        parents = {"outer": None, "first": "outer", "second": "outer", "thread": "outer", "late": None, "alone": None}
        self.assertEqual(self.parents(6), parents)

    def test_between_a_generators_steps_nothing_is_called_within_its_call(self):
        @self.sensor.tool()
        def steps():
            yield 1
            yield 2

        @self.sensor.tool()
        async def asynchronous():
            yield 1
            yield 2

        async def main():
            async for number in asynchronous():
                with self.sensor.call("other %d" % number):
                    pass

        for number in steps():
            with self.sensor.call("one %d" % number):
                pass
        asyncio.run(main())
        self.assertEqual(set(self.parents(6).values()), {None})

    def test_a_call_that_is_left_out_of_turn_is_nobodys_parent(self):
        call = self.sensor.call

        def steps():
            with call("generator"):
                yield

        generator = steps()
        next(generator)
        with call("within"):
            generator.close()
            with call("inner"):
                pass
        with call("after"):
            pass
        self.assertEqual(
            self.parents(4), {"generator": None, "within": "generator", "inner": "within", "after": None})

    def test_what_nobody_knows_of_is_no_parent(self):
        self.fake.answer = lambda message: {"type": "error", "code": "rate_limited", "message": "no"}
        with self.sensor.call("refused"):
            self.fake.answer = ack
            with self.sensor.call("inner"):
                # A child does not learn when it ends.
                child = os.fork()
                if child == 0:
                    with contextlib.suppress(BaseException), self.sensor.call("child"):
                        pass
                    os._exit(0)
                os.waitpid(child, 0)
        self.assertEqual(self.parents(3), {"refused": None, "inner": None, "child": None})

    def test_of_what_a_model_was_shown_digests_are_told(self):
        sources = [
            {"kind": "user", "text": "what?"}, {"kind": "retrieval", "uri": "https://x/y", "text": b"what?"},
            {"kind": "tool", "digest": "abc"}, {"kind": "system"},
        ]  # fmt: skip
        self.assertEqual(self.sensor.context("p1", sources, turn=3), "p1")
        digest = "sha256:" + hashlib.sha256(b"what?").hexdigest()
        (message,) = self.fake.of_type("context")
        self.assertEqual((message["id"], message["session"], message["turn"]), ("p1", "s1", 3))
        self.assertEqual(
            message["sources"],
            [
                {"kind": "user", "digest": digest}, {"kind": "retrieval", "uri": "https://x/y", "digest": digest},
                {"kind": "tool", "digest": "abc"}, {"kind": "system"},
            ],
        )  # fmt: skip
        with self.sensor.call("first"), self.sensor.call("other", context="p0"):
            pass
        thread = threading.Thread(target=lambda: self.sensor.call("thread").__enter__())
        thread.start()
        thread.join()
        with sensord.Client(session="s2", path=self.path, timeout=LONG).call("session"):
            pass
        contexts = {name: call.get("context") for name, call in self.calls(4).items()}
        self.assertEqual(contexts, {"first": "p1", "other": "p0", "thread": None, "session": None})

    def test_a_context_of_many_sources_is_said_without_where_they_are(self):
        source = {"kind": "retrieval", "uri": "u" * 5000, "text": "t" * 5000}
        self.sensor.context("p1", [source] * 20)
        self.sensor.context("p2", iter([source] * 1000))
        first, second = self.fake.until("context", 2)
        self.assertEqual({len(source["uri"]) for source in first["sources"]}, {1024})
        self.assertEqual((len(second["sources"]), "uri" in second["sources"][0]), (sensord.SOURCE_LIMIT, False))

    def test_a_call_says_what_it_is_allowed_by(self):
        authority = {
            "grant": "g" * 300, "scopes": ["read", "x" * 300], "issuedAt": 1.5, "expiresAt": "2027-01-15T08:00:00Z",
            "approval": {"id": "a1", "kind": "human"}, "more": None,
        }  # fmt: skip
        trace = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01"
        with self.sensor.call("pay", authority=authority, impact="high", traceparent=trace, type="function"):
            pass

        @self.sensor.tool(authority={"grant": "g2"}, impact="low")
        def function():
            pass

        function()
        asyncio.run(self.sensor.mcp(PlainSession(), authority={"grant": "g3"}).call_tool("mcp"))
        pay, function, mcp = self.fake.until("begin", 3)
        self.assertEqual(
            pay["authority"],
            {
                "grant": "g" * 256, "scopes": ["read", "x" * 256], "issuedAt": 1.5, "expiresAt": "2027-01-15T08:00:00Z",
                "approval": {"id": "a1", "kind": "human"},
            },
        )  # fmt: skip
        self.assertEqual((pay["impact"], pay["call"]["traceparent"], pay["call"]["type"]), ("high", trace, "function"))
        self.assertEqual((function["authority"], function["impact"]), ({"grant": "g2"}, "low"))
        self.assertEqual(mcp["authority"], {"grant": "g3"})
        self.assertNotIn("impact", mcp)

    def test_what_is_not_understood_of_it_costs_no_call(self):
        self.fake.answer = lambda message: (
            {"type": "error", "code": "malformed", "message": "no"} if "authority" in message else ack(message)
        )
        with self.sensor.call("tool", authority=[object()], impact=7) as call:
            self.assertTrue(call.is_known)
        self.assertEqual([message.get("impact") for message in self.fake.of_type("begin")], [7, None])

    def test_reports_are_as_the_daemon_takes_them(self):
        sensor = self.sensor
        with sensor.call("tool") as call:
            sensor.decision(call, "limits", "override", by="ada")
        sensor.decision("c9", "p" * 300, "allow")
        sensor.model("acme", "large", "small")
        sensor.model("acme", "large")
        sensor.transition("mode", "auto", from_="ask", initiator={"kind": "human", "id": "ada"})
        sensor.transition("refresh", "g2", "g1", authority={"grant": "g2", "scopes": ["r"]})

        def told(kind):
            messages = [dict(message) for message in self.fake.of_type(kind)]
            for message in messages:
                self.assertEqual((message.pop("type"), message.pop("session")), (kind, "s1"))
                self.assertGreater(message.pop("seq"), 0)
            return messages

        self.assertEqual(
            told("decision"),
            [
                {"call": call.id, "policy": "limits", "outcome": "override", "by": "ada"},
                {"call": "c9", "policy": "p" * 256, "outcome": "allow"},
            ],
        )
        self.assertEqual(
            told("model"),
            [
                {"provider": "acme", "requested": "large", "responding": "small"},
                {"provider": "acme", "requested": "large"},
            ],
        )
        self.assertEqual(
            told("transition"),
            [
                {"kind": "mode", "from": "ask", "to": "auto", "initiator": {"kind": "human", "id": "ada"}},
                {"kind": "refresh", "from": "g1", "to": "g2", "authority": {"grant": "g2", "scopes": ["r"]}},
            ],
        )

    def test_a_catalog_is_told_in_parts_on_one_connection_names_only(self):
        class Tool:
            name = "read"
            inputSchema = {"type": "object", "properties": {"path": {"default": "a secret"}}}

        self.sensor.catalog("files", [Tool(), {"name": "none"}], version=2, transport="stdio")
        (catalog,) = self.fake.of_type("catalog")
        self.assertEqual(catalog["server"], {"name": "files", "version": "2", "transport": "stdio"})
        self.assertEqual((catalog["part"], catalog["parts"]), (1, 1))
        read = {"name": "read", "inputSchema": {"properties": {"path": {}}}}
        self.assertEqual(catalog["tools"], [read, {"name": "none", "inputSchema": {"properties": {}}}])

        many = {"properties": {"%03d" % number + "n" * 200: {} for number in range(300)}}
        self.sensor.catalog("many", ({"name": "t%d" % number, "inputSchema": many} for number in range(20)))
        parts = [(number, message) for number, message in self.fake.messages if message.get("parts", 1) > 1]
        self.assertEqual(len({number for number, _ in parts}), 1)
        self.assertEqual([message["part"] for _, message in parts], list(range(1, parts[0][1]["parts"] + 1)))
        tools = [tool["name"] for _, message in parts for tool in message["tools"]]
        self.assertEqual(tools, ["t%d" % number for number in range(20)])

    def test_after_an_epoch_has_begun_every_connection_says_so(self):
        sensor = sensord.Client(session="s1", path=self.path, timeout=LONG, epoch=3)

        def use_two():
            lines = [sensor._line() for _ in range(2)]
            for line in lines:
                line.give_back()

        use_two()
        self.assertEqual([message["epoch"] for message in self.fake.until("hello", 2)], [3, 3])
        sensor.transition("reconnect", epoch=4)
        (used,) = [number for number, message in self.fake.messages if message["type"] == "transition"]
        use_two()
        self.fake.until("hello", 3)
        with sensor.call("tool"):
            pass
        hellos = [(number, message["epoch"]) for number, message in self.fake.messages if message["type"] == "hello"]
        self.assertEqual(hellos[2:], [(3 - used, 4)])
        # Not where it was refused.
        self.fake.answer = lambda message: {"type": "error", "code": "out_of_order", "message": "no"}
        sensor.transition("recovery", epoch=2)
        self.assertEqual((sensor._epoch, pickle.loads(pickle.dumps(sensor))._epoch), (4, 4))

    def test_a_session_that_is_closed_says_nothing_more(self):
        with self.sensor as sensor:
            call = sensor.call("open")
            call.__enter__()
            # It is the parent's.
            child = os.fork()
            if child == 0:
                sensor.close()
                os._exit(0)
            os.waitpid(child, 0)
            self.assertEqual(self.fake.of_type("session.end"), [])
        call.__exit__(None, None, None)
        with sensor.call("later") as later:
            self.assertFalse(later.is_known)
        sensor.model("acme", "large")
        sensor.close()
        self.assertEqual([message["type"] for _, message in self.fake.messages], ["hello", "begin", "session.end"])
        self.assertEqual(sensor._pool._all, [])

    def test_nothing_of_it_raises_or_waits_where_nobody_answers(self):
        def everything(sensor):
            sensor.context("p1", [None, {"kind": object()}])
            sensor.context(object(), 7)
            sensor.decision(None, object(), {})
            sensor.model(None, None)
            sensor.catalog("files", [object(), 7])
            sensor.catalog("files", None)
            sensor.transition(object(), to=object(), authority=object(), epoch=object())
            sensor.transition("mode", epoch=1)
            sensor.close()

        everything(sensord.Client(path=self.path + ".none"))
        self.fake.goes_on.clear()
        began = time.monotonic()
        everything(self.client(timeout=0.2))
        # What comes after the first is not waited for.
        self.assertLess(time.monotonic() - began, 2)

        async def main():
            began = time.monotonic()
            sensor = self.client(timeout=LONG)
            everything(sensor)
            return time.monotonic() - began

        self.assertLess(asyncio.run(main()), LONG / 2)


class DecoratorTests(ClientTests):
    def setUp(self):
        super().setUp()
        self.fake = self.daemon()
        self.sensor = self.client()

    def open_calls(self):
        return len(self.fake.of_type("begin")) - len(self.fake.of_type("end"))

    def statuses(self, count):
        return [message["status"] for message in self.fake.until("end", count)]

    def test_a_generators_call_lasts_from_its_first_step_to_its_last(self):
        @self.sensor.tool()
        def steps(start, end=3):
            seen = []
            for number in range(start, end):
                seen.append((yield number, self.open_calls()))
            return seen

        generator = steps(1)
        self.assertEqual(self.fake.of_type("begin"), [])
        self.assertEqual(next(generator), (1, 1))
        self.assertEqual(generator.send("a"), (2, 1))
        with self.assertRaises(StopIteration) as stop:
            generator.send("b")
        self.assertEqual(stop.exception.value, ["a", "b"])
        begin = self.fake.of_type("begin")[0]
        self.assertEqual((begin["scope"], begin["call"]["arguments"]), ("process", {"start": 1}))
        self.assertEqual(self.statuses(1), ["ok"])

        with self.assertRaises(KeyError):
            generator = steps(1)
            next(generator)
            generator.throw(KeyError("no"))
        generator = steps(1)
        next(generator)
        del generator
        gc.collect()
        self.assertEqual(self.statuses(3), ["ok", "error", "cancelled"])
        self.assertRaises(TypeError, lambda: next(steps()))
        self.assertEqual(len(self.fake.of_type("begin")), 3)

    def test_so_does_an_asynchronous_generators(self):
        events = []

        @self.sensor.tool()
        async def steps(start):
            try:
                while True:
                    try:
                        value = yield start, self.open_calls()
                    except ValueError as error:
                        value = str(error)
                    if value == "end":
                        return
                    await asyncio.sleep(0)
                    events.append(value)
            finally:
                events.append("over")

        async def main():
            generator = steps(7)
            self.assertEqual(await generator.__anext__(), (7, 1))
            self.assertEqual(await generator.asend("sent"), (7, 1))
            self.assertEqual(await generator.athrow(ValueError("thrown")), (7, 1))
            with self.assertRaises(StopAsyncIteration):
                await generator.asend("end")
            generator = steps(8)
            await generator.__anext__()
            await generator.aclose()
            generator = steps(9)
            await generator.__anext__()
            with self.assertRaises(KeyError):
                await generator.athrow(KeyError("no"))
            async for _ in steps(10):
                break

        asyncio.run(main())
        gc.collect()
        self.assertEqual(events, ["sent", "thrown", "over", "over", "over", "over"])
        self.assertEqual(self.statuses(4), ["ok", "cancelled", "error", "cancelled"])
        self.assertEqual(len(self.fake.of_type("begin")), 4)

    def test_whatever_can_be_called_stays_what_it_is(self):
        sensor = self.sensor

        class Tool:
            async def __call__(self, value):
                await asyncio.sleep(0)
                return value

            @sensor.tool()
            @staticmethod
            async def static(value):
                await asyncio.sleep(0)
                return value

            @sensor.tool()
            @classmethod
            def of_class(cls, value):
                return value

        async def function(value):
            await asyncio.sleep(0)
            return value

        async def main():
            for tool in (sensor.tool()(Tool()), sensor.tool()(functools.partial(function)), Tool.static):
                self.assertEqual(await tool("value"), "value")

        asyncio.run(main())
        self.assertEqual(Tool.of_class("value"), "value")
        self.assertEqual(sensor.tool()(max)(1, 2), 2)
        self.assertEqual(sensor.tool("named")(dict)(a=1), {"a": 1})
        names = [message["call"]["name"] for message in self.fake.of_type("begin")]
        self.assertEqual(names, ["Tool", "partial", "static", "of_class", "max", "named"])
        self.assertEqual(self.open_calls(), 0)

    def test_an_mcp_sessions_calls_are_announced(self):
        class Result:
            def __init__(self, is_error):
                self.is_error = is_error

        class OddResult:
            @property
            def is_error(self):
                raise RuntimeError("no")

        class Session:
            async def call_tool(self, name, arguments=None, *, timeout=None):
                return {"bad": Result(True), "odd": OddResult()}.get(name, Result(False))

            async def list_tools(self):
                return ["good"]

        async def main():
            tools = self.sensor.mcp(Session())
            await tools.call_tool("good", {"path": "/x"}, timeout=3)
            await tools.call_tool("bad")
            await tools.call_tool("odd", arguments={})
            self.assertEqual(await tools.list_tools(), ["good"])

        asyncio.run(main())
        self.assertEqual(self.statuses(3), ["ok", "error", "ok"])
        self.assertEqual({message["scope"] for message in self.fake.of_type("begin")}, {"tree"})

    def test_an_mcp_session_can_be_copied(self):
        tools = self.sensor.mcp(PlainSession())
        for other in (copy.copy(tools), copy.deepcopy(tools), pickle.loads(pickle.dumps(tools))):
            self.assertIsInstance(other, type(tools))
            self.assertEqual(asyncio.run(other.call_tool("tool")), "tool")
            self.assertEqual(other.name, "plain")
        self.assertEqual(len(self.fake.until("end", 3)), 3)
        self.assertRaises(AttributeError, lambda: tools.other)


class PlainSession:
    name = "plain"

    async def call_tool(self, name, arguments=None):
        return name

    def __getstate__(self):
        return {"of": "the session"}


if __name__ == "__main__":
    faulthandler.dump_traceback_later(100, exit=True)
    unittest.main()
