# SPDX-License-Identifier: Apache-2.0
"""Root in a container, who is given the agents' sockets read-only and tries for more: says how each attempt went.

intruder.py PART

Meets whom it is after at /shared/meet.sock, who tells it all that it could want to know, and passes his own connection to the
daemon on. The sockets are in /agent; /everything is what it should never be given: all of the daemon's run directory.
"""

import ctypes
import errno
import http.client
import json
import os
import signal
import socket
import struct
import sys
import time

victim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
victim.connect("/shared/meet.sock")
message, descriptors, _, _ = socket.recv_fds(victim, 4096, 1)
facts = json.loads(message)
session, call = facts["session"], facts["call"]


def tell(name, *words):
    print(name, *words, flush=True)


def attempt(name, what, *arguments):
    try:
        what(*arguments)
        tell(name, "done")
    except OSError as error:
        tell(name, errno.errorcode[error.errno])


def dial(path):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(60)
    peer.connect(path)
    return peer


class Client:
    def __init__(self, name, peer):
        # One that was passed on does not block, as its other holder wants it.
        peer.settimeout(60)
        self.name, self.peer, self.answers = name, peer, peer.makefile()

    def ask(self, name, **message):
        self.say(name, json.dumps(message))

    def say(self, name, text):
        self.peer.sendall(text.encode() + b"\n")
        answer = json.loads(self.answers.readline())
        tell("%s.%s" % (self.name, name), answer["type"], answer.get("code", "-"))

    def claim(self):
        """All that can be said in a session, said in another's."""
        mine = {"session": session, "call": {"id": call, "name": "spoof"}}
        self.ask("end", type="end", **mine)
        self.ask("begin", type="begin", scope="process", **mine)
        self.ask("another", type="begin", session=session, call={"id": "other", "name": "spoof"}, scope="process")
        self.ask("context", type="context", id="c", session=session, sources=[])
        self.ask("decision", type="decision", policy="p", outcome="allow", **mine)
        self.ask("transition", type="transition", session=session, kind="account", **{"from": "a", "to": "b"})
        self.ask("session.end", type="session.end", session=session)


def calls():
    own, passed = Client("own", dial("/agent/toolcalls.sock")), Client("passed", socket.socket(fileno=descriptors[0]))
    own.claim()
    passed.claim()

    # A session of the same name, and calls of the same id, are its own.
    own.ask("hello", type="hello", protocol=1, session=session, epoch=9)
    own.ask("unknown", type="end", session=session, call={"id": call})
    for number in facts["process"], facts["thread"]:
        own.ask(
            "thread", type="begin", session=session, call={"id": call, "name": "spoof"}, scope="thread", threadId=number
        )
    spoof = {"id": call, "name": "spoof", "parent": call, "arguments": {"path": facts["path"]}}
    own.ask("same", type="begin", session=session, call=spoof, scope="tree")
    open("/shared/claimed", "w").close()
    own.ask("same.end", type="end", session=session, call={"id": call})
    own.ask("same.session.end", type="session.end", session=session)

    # A message half of which is the other's, whoever begins.
    passed.peer.sendall(b'{"type":"end","session":"%s",' % session.encode())
    victim.sendall(b"half\n")
    victim.makefile().readline()
    passed.say("half", '"call":{"id":"%s"}}' % call)


def files():
    sock = "/agent/toolcalls.sock"
    attempt("unlink", os.unlink, sock)
    attempt("rename", os.rename, sock, "/agent/other")
    attempt("replace", os.rename, "/shared/meet.sock", sock)
    attempt("chmod", os.chmod, sock, 0o600)
    attempt("chown", os.chown, sock, 1000, 1000)
    attempt("chmod.directory", os.chmod, "/agent", 0o777)
    attempt("create", open, "/agent/file", "w")
    attempt("symlink", os.symlink, "/shared/meet.sock", "/agent/link")
    attempt("mkdir", os.mkdir, "/agent/directory")
    attempt("bind", socket.socket(socket.AF_UNIX).bind, "/agent/other.sock")
    folder = os.open("/agent", os.O_RDONLY | os.O_DIRECTORY)
    attempt("fchmod", os.fchmod, folder, 0o777)
    handle = os.open(sock, os.O_PATH)
    attempt("chmod.handle", os.chmod, "/proc/self/fd/%d" % handle, 0o600)

    library = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, flags):
        if library.mount(source, target, None, ctypes.c_ulong(flags), None) != 0:
            raise OSError(ctypes.get_errno(), "mount")

    attempt("remount", mount, None, b"/agent", 0x1020)  # MS_REMOUNT | MS_BIND
    attempt("mount", mount, b"/shared", b"/agent", 0x1000)
    tell("left", *sorted(os.listdir("/agent")))

    run, daemon = facts["run"], facts["daemon"]
    for name, path in {
        "dots": "/agent/../control/tail.sock",
        "handle.dots": "/proc/self/fd/%d/../control/tail.sock" % folder,
        "host.path": run + "/control/tail.sock",
        "init": "/proc/1/root%s/control/tail.sock" % run,
        "daemon": "/proc/%d/root%s/control/tail.sock" % (daemon, run),
        "daemon.directory": "/proc/%d/cwd" % daemon,
        "abstract": "\0" + run + "/control/tail.sock",
    }.items():
        attempt("connect." + name, dial, path)
    attempt("kill", os.kill, daemon, signal.SIGKILL)
    attempt("kill.victim", os.kill, facts["process"], 0)

    # Whoever mounts too much has given away the path, not the right. What an operator would be answered:
    peer = dial("/everything/control/tail.sock")
    try:
        question = b"\x03" + b"0-0"
        peer.sendall(struct.pack("<I", len(question)) + question)
        tell("control", "answered" if peer.recv(1) else "closed")
    except OSError as error:
        tell("control", "closed" if error.errno in (errno.EPIPE, errno.ECONNRESET) else errno.errorcode[error.errno])


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = dial(self.host)


def spans():
    begin = time.time_ns()
    open("/shared/own", "w").close()

    def text(key, value):
        return {"key": key, "value": {"stringValue": value}}

    claims = [
        text("service.name", "victim"),
        text("host.name", "n1"),
        text("k8s.pod.uid", "00000000-0000-4000-8000-000000000001"),
        text("container.id", "f" * 64),
        {"key": "process.pid", "value": {"intValue": str(facts["process"])}},
    ]
    unix, tcp = UnixConnection("/agent/otlp.sock"), http.client.HTTPConnection("127.0.0.1", facts["port"], timeout=60)
    for number, connection, since in (1, unix, begin), (2, tcp, facts["begin"]):
        attributes = [
            text("gen_ai.operation.name", "execute_tool"),
            text("gen_ai.tool.name", "spoof"),
            text("gen_ai.tool.call.id", call),
            text("gen_ai.conversation.id", session),
        ]
        span = {
            "traceId": "0102030405060708090a0b0c0d0e0f10",
            "spanId": "%016x" % number,
            "name": "execute_tool spoof",
            "startTimeUnixNano": str(since),
            "endTimeUnixNano": str(time.time_ns()),
            "attributes": attributes,
        }
        body = {"resourceSpans": [{"resource": {"attributes": claims}, "scopeSpans": [{"spans": [span]}]}]}
        connection.request("POST", "/v1/traces", json.dumps(body), {"Content-Type": "application/json"})
        tell("spans", connection.getresponse().status)


{"calls": calls, "files": files, "spans": spans}[sys.argv[1]]()
victim.sendall(b"done\n")
