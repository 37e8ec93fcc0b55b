# SPDX-License-Identifier: Apache-2.0
"""A client of the tool-call socket that does its worst until it is killed, and says "enough" when that has been a while.

hostile.py SOCKET HOW
"""

import http.client
import itertools
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time

path, how = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)


def dial():
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(path)
    return peer


def line(**message):
    return json.dumps(message).encode() + b"\n"


def drain(peer):
    """Takes what has come. False: the daemon has hung up."""
    try:
        while peer.recv(1 << 16, socket.MSG_DONTWAIT):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def send(peer, data):
    """False: it has been refused, and the daemon has hung up."""
    try:
        peer.sendall(data)
        return True
    except OSError:
        return False


def connections():
    """Two thousand at a time, and on with others."""
    held = []
    while True:
        for _ in range(2_000):
            held.append(dial())
        yield
        held.clear()


def readers():
    """Say much, and read no answer."""
    peers = [dial() for _ in range(64)]
    for peer in peers:
        peer.setblocking(False)
    idle = 0
    while True:
        sent = False
        for peer in select.select([], peers, [], 0.1)[1]:
            try:
                peer.send(line(type="wave") * 100)
                sent = True
            except BlockingIOError:
                pass
        # None of them can say any more: that is until somebody reads.
        idle = 0 if sent else idle + 1
        if idle == 10:
            yield


def giants():
    """Lines without end: most of one, of so many that all would be much; then whole ones."""
    peers = [dial() for _ in range(100)]
    while True:
        for peer in peers:
            send(peer, b"x" * 65_000)
        for peer in peers[:10]:
            send(peer, b"x" * (200 << 10))
        for peer in peers:
            send(peer, b"\n")
            drain(peer)
        yield


def nonsense():
    """What is no message, of every kind, on connections that end in every way."""
    chance = random.Random(1)
    lines = [
        b"\xff\xfe\n", b"\0" * 100 + b"\n", b"[" * 60_000 + b"\n", b'{"type":' * 7000 + b"\n", b"\n" * 1000,
        b'{"type":"begin","seq":1e9999,"session":"s","call":{"id":1}}\n', b'{"type":"hello","protocol":1,"session":null}\n',
        b'{"type":"\xed\xa0\x80"}\n', b'{"seq":18446744073709551616,"type":"end"}\n', b'"\\ud800"\n',
    ]  # fmt: skip
    while True:
        for _ in range(60):
            peer = dial()
            for _ in range(10):
                send(peer, chance.choice(lines + [chance.randbytes(300)]))
            send(peer, b'{"type":"hel')
            ending = chance.randrange(3)
            if ending == 0:
                # Half-closed: answers still come.
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(1 << 16):
                    pass
            elif ending == 1:
                drain(peer)
            peer.close()
        yield


def ask(peer, *lines):
    """Says so much at a time that answers find room, and takes them; returns how many of them were refusals."""
    refused = 0
    for first in range(0, len(lines), 100):
        batch = lines[first : first + 100]
        peer.sendall(b"".join(batch))
        answers = b""
        while answers.count(b"\n") < len(batch):
            received = peer.recv(1 << 16)
            if not received:
                raise ConnectionResetError("the daemon has hung up")
            answers += received
        refused += answers.count(b'"error"')
    return refused


def idle_threads(count):
    """Threads that do nothing; returns their ids."""
    threading.stack_size(64 << 10)
    never = threading.Event()
    threads = [threading.Thread(target=never.wait, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return [thread.native_id for thread in threads]


def sets():
    """Each of many threads acts for a call of its own and for all of the process's, and these end one by one: each time every
    thread acts for another set of calls."""
    peer, threads = dial(), idle_threads(960)
    say = {"session": "s"}
    ask(peer, line(type="hello", protocol=1, **say))
    for count in itertools.count():
        wide = ["p%d-%d" % (count, number) for number in range(64)]
        own = ["t%d-%d" % (count, number) for number in range(len(threads))]
        ask(peer, *[line(type="begin", call={"id": call, "name": "n"}, scope="process", **say) for call in wide])
        for call, thread in zip(own, threads):
            ask(peer, line(type="begin", call={"id": call, "name": "n"}, scope="thread", threadId=thread, **say))
        # At once, so that nobody's beginning comes in between, at which what is not needed any more would go.
        ask(peer, *[line(type="end", call={"id": call}, **say) for call in wide])
        ask(peer, *[line(type="end", call={"id": call}, **say) for call in own])
        yield


def grants():
    """As many sessions as there may be, in each of which as many grants are told of as are remembered, with all that fits into
    one, until too much is to be remembered."""
    peer, count = dial(), 0
    while True:
        for number in range(256):
            session = "s%d" % number
            count += 1
            lines = [line(type="hello", protocol=1, session=session)]
            for grant in range(64):
                scopes = [("%d-%d-%d-" % (count, grant, scope)).ljust(256, "x") for scope in range(64)]
                authority = {"grant": "g%d" % grant, "scopes": scopes}
                lines.append(line(type="transition", session=session, kind="refresh", authority=authority))
            if ask(peer, *lines) > 0:
                break
        yield


def trees():
    """Processes of many threads, each of which is looked at when a tree of processes acts for a call."""
    alive, held = os.pipe()
    for _ in range(3):
        if os.fork() == 0:
            os.close(held)
            idle_threads(2000)
            # Until whoever has started it is gone.
            os.read(alive, 1)
            os._exit(0)
    idle_threads(2000)
    peer, count = dial(), 0
    ask(peer, line(type="hello", protocol=1, session="s"))
    while True:
        for _ in range(20):
            count += 1
            call = {"id": "c%d" % count, "name": "n"}
            ask(peer, line(type="begin", session="s", call=call, scope="tree"), line(type="end", session="s", call=call))
        yield


def catalogs():
    """Catalogs of very many servers that all lack a part; then whole ones, of as much as a message holds."""
    peers, count = [dial() for _ in range(16)], 0
    while True:
        count += 1
        schema = {"properties": {"p%d-%d" % (count, index): {} for index in range(1800)}}
        tools = [{"name": "t%d" % index} for index in range(1500)]
        for peer in peers:
            for number in range(12):
                server = {"name": "part-%d-%d" % (count, number)}
                ask(peer, line(type="catalog", server=server, tools=tools, part=1, parts=64))
        for peer in peers:
            server = {"name": "whole", "version": str(count)}
            ask(
                peer, line(type="catalog", server=server, tools=tools),
                line(type="catalog", server=server, tools=[{"name": "t", "inputSchema": schema}]),
            )  # fmt: skip
        yield


class Exporter(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(os.path.join(os.path.dirname(path), "otlp.sock"))


def spans():
    """As much as is kept is done for no call; then as many calls as may be told of at once are told to have covered all of it,
    half of them each within the one before."""

    def span(number, trace, times):
        found = {"traceId": trace, "spanId": "%016x" % (number + 1), "name": "execute_tool t"}
        if number % 2 == 0 and number > 0:
            found["parentSpanId"] = "%016x" % (number - 1)
        texts = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t", "gen_ai.tool.call.id": "c%d" % number}
        attributes = [{"key": key, "value": {"stringValue": text}} for key, text in texts.items()]
        return dict(found, startTimeUnixNano=str(times[0]), endTimeUnixNano=str(times[1]), attributes=attributes)

    with tempfile.TemporaryDirectory() as folder:
        for count in itertools.count(1):
            begin = time.time_ns()
            for number in range(2048):
                open(os.path.join(folder, "%d-%d" % (count, number)), "w").close()
            times = (begin, time.time_ns())
            for first in range(0, 4000, 500):
                told = [span(number, "%032x" % count, times) for number in range(first, first + 500)]
                body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": told}]}]})
                exporter = Exporter("localhost")
                exporter.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
                exporter.getresponse().read()
                exporter.close()
            # They are joined ten seconds after they came.
            time.sleep(12)
            yield


def begins():
    """Calls that nobody ends, of each scope; then beginnings and ends as fast as can be."""

    def flood(number):
        peer, session = dial(), "s%d" % number
        send(peer, line(type="hello", protocol=1, session=session))
        count = 0
        while True:
            batch = b""
            for _ in range(100):
                count += 1
                call = {"id": "c%d" % count, "name": "n%d" % count, "arguments": {"path": "/p/%d" % count}}
                scope = ["thread", "process", "tree", "none"][count % 4]
                thread = threading.get_native_id()
                batch += line(type="begin", session=session, call=call, scope=scope, threadId=thread)
                if count > 500:
                    batch += line(type="end", session=session, call={"id": "c%d" % (count - 500)})
            if not send(peer, batch) or not drain(peer):
                return
            progress[number] = count

    progress = [0] * 4
    for number in range(4):
        threading.Thread(target=flood, args=(number,), daemon=True).start()
    while True:
        while min(progress) < 1000:
            select.select([], [], [], 0.05)
        yield


def sessions():
    """Opens sessions, and speaks in those that it has not, which are anomalies."""
    peer, count = dial(), 0
    while True:
        for _ in range(20):
            batch = b""
            for _ in range(50):
                count += 1
                batch += line(type="hello", protocol=1, session="s%d" % count)
                batch += line(type="end", session="s1", call={"id": "c%d" % count})
                batch += line(type="end", session="victim", call={"id": "c"})
            send(peer, batch)
            drain(peer)
        yield


def vanishing():
    """Processes that begin a call and are gone, by their own will or not, before they could be answered."""
    while True:
        for number in range(100):
            child = os.fork()
            if child == 0:
                peer = dial()
                send(peer, line(type="hello", protocol=1, session="s%d" % number))
                send(peer, line(type="begin", session="s%d" % number, call={"id": "c", "name": "n"}, scope="tree"))
                if number % 2:
                    os._exit(0)
                os.kill(os.getpid(), signal.SIGKILL)
            os.waitpid(child, 0)
        yield


rounds = {
    "connections": connections, "readers": readers, "giants": giants, "nonsense": nonsense, "begins": begins,
    "sessions": sessions, "vanishing": vanishing, "sets": sets, "grants": grants, "trees": trees, "catalogs": catalogs,
    "spans": spans,
}[how]()  # fmt: skip
# Of what the daemon takes its time for there need not be more than that.
enough = threading.Timer(60, print, args=["enough"], kwargs={"flush": True})
enough.daemon = True
enough.start()
next(rounds)
enough.cancel()
print("enough", flush=True)
for _ in rounds:
    pass
