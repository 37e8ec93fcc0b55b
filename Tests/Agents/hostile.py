# SPDX-License-Identifier: Apache-2.0
"""A client of the tool-call socket that does its worst until it is killed, and says "enough" when that has been a while.

hostile.py SOCKET HOW
"""

import json
import os
import random
import resource
import select
import signal
import socket
import sys
import threading

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
    "sessions": sessions, "vanishing": vanishing,
}[how]()  # fmt: skip
next(rounds)
print("enough", flush=True)
for _ in rounds:
    pass
