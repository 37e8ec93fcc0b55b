# SPDX-License-Identifier: Apache-2.0
"""Announces an agent's tool calls to sensord, so that what they do can be told from what else the agent does.

One file, no dependencies, Python 3.8 and later:

    import sensord

    client = sensord.Client(agent="planner")

    with client.call("read_file", {"path": "/etc/hosts"}):
        ...                                  # done for this call: its thread, and all that it starts

    @client.tool()                           # functions, coroutines and generators
    async def fetch(url): ...

    tools = client.mcp(session)              # an MCP client session; each tools.call_tool(…) is announced

What a call came from, and what it is allowed by, can be said with it:

    client.context("p1", [{"kind": "user", "text": question}, {"kind": "retrieval", "uri": address, "text": page}])
    with client.call("pay", authority={"grant": "payments", "scopes": ["pay"]}, impact="high") as call:
        client.decision(call, policy="limits", outcome="allow")
        with client.call("http_post"): ...   # names the call around it as its parent

`context` is what the model was shown, of which only digests leave this process; `decision`, `model`, `catalog` and `transition`
tell what else belongs to it; `close` ends the session. What is called in a thread or task names the call around it, and what
its model was shown last, without being asked to, but for what is called within a generator's call. New threads know of neither.

Within a plain `with`, the announcing thread acts for the call. Within `async with`, in a coroutine, and for coroutines and
generators, the process does: an asyncio task shares its thread with others, and a generator lends it to whoever takes its next step. Where
several calls are open in a process, sensord says which they are. A generator's call lasts from its first step to its last,
also while nobody takes one. What an MCP server over stdio does counts too, though it was started before: for its calls a
process and all its descendants act.

Nothing here raises into the agent, and without a daemon all of it does nothing. A call costs a round trip on a local socket
when it begins, as the daemon answers once the kernel knows of it, and one when it ends, so that what comes next is not taken
for the call's; an event loop goes on meanwhile. A daemon that does not answer is waited for `timeout` seconds at most, and
then, for a time that grows, is told without being waited for: nothing acts for such a call in the kernel. Whatever else is
said costs a round trip as well; in an event loop its answer is not waited for. What the daemon refuses is logged (logger
`sensord`, level INFO).
"""

import _thread
import asyncio
import collections
import contextvars
import functools
import hashlib
import inspect
import itertools
import json
import logging
import math
import os
import select
import socket
import threading
import time
import weakref

__all__ = ["Client"]

DEFAULT_PATH = "/run/sensord/agent/toolcalls.sock"
LINE_LIMIT = 64 << 10
# Of answers, as many as are read at once.
ANSWER_BYTES = 4 << 10

# An answer takes a fraction of a millisecond. On a machine with more to do than it can, its sender has to wait for its turn.
TIMEOUT = 0.05
# What has failed is tried again after the first of these times, and, as long as it fails, after ever longer ones.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
# Whatever the timeout is.
LONGEST_WAIT = 3600.0

# Connections of a process; a client that has none may have one all the same.
CONNECTION_LIMIT = 16
# Seconds for which one is kept that nobody uses, beside another.
IDLE_TIME = 10.0

# Of arguments no more is said than this: paths, hosts and commands are short.
TEXT_LIMIT = 4096
ITEM_LIMIT = 64
DEPTH_LIMIT = 6
# Of all of a call's together: items, and bytes of text.
TOTAL_ITEMS = 512
TOTAL_BYTES = 32 << 10
INTEGER_BITS = 256
# Bytes of a name, and of another word, as the daemon takes them.
NAME_LIMIT = 128
WORD_LIMIT = 256
TEXT_WORD_LIMIT = 1024
# Of a context.
SOURCE_LIMIT = 256
# Of a catalog: tools, names of a tool's arguments, parts that it is told in, and bytes of each.
TOOL_LIMIT = 513
PARAMETER_LIMIT = 256
PART_LIMIT = 64
PART_BYTES = 48 << 10

# That events are told by; it goes on while a machine sleeps.
BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)

# An agent that dies of SIGPIPE is not to do so for this.
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)

_log = logging.getLogger("sensord")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


def _text(text):
    """The text as UTF-8 can have it: halves of a character replaced, bytes of a file's name as the daemon shows them."""
    # A subclass may have methods of its own.
    text = str.__str__(text)
    if text.isascii():
        return text
    try:
        return text.encode().decode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" else c for c in text)
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _word(value, limit=WORD_LIMIT):
    """A word, as long as it may be."""
    try:
        text = _text(str.__str__(value if isinstance(value, str) else str(value))[:limit])
    except Exception:
        text = type(value).__name__
    return text.encode()[:limit].decode("utf-8", "ignore")


def _name(value):
    return _word(value, NAME_LIMIT)


def _words(said):
    """What is said of somebody, or of what he may do, with words as long as they may be, and without what is not known."""
    if isinstance(said, str):
        return _word(said)
    if isinstance(said, list):
        return [_words(item) for item in said]
    if isinstance(said, dict):
        return {name: _words(item) for name, item in said.items() if item is not None}
    return said


def _claim(value):
    return None if value is None else _words(_Arguments().reduced(value))


def _fields(message, /, **fields):
    """Of a message, without what is not known."""
    return {"type": message, **{name: value for name, value in fields.items() if value is not None}}


def _running_loop():
    """None: there is none, or another library's, whose ways are not known."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Arguments:
    """What JSON can say of a call's arguments, bounded. Runs no code of theirs, beyond what makes a path of a path."""

    def __init__(self):
        self._items = TOTAL_ITEMS
        self._bytes = TOTAL_BYTES

    def reduced(self, value, depth=0):
        try:
            return self._reduced(value, depth)
        except Exception:
            return {"omitted": True}

    def _reduced(self, value, depth):
        # Not isinstance(): a proxy would fetch what it stands for.
        kind = type(value)
        if value is None or kind is bool:
            return value
        if issubclass(kind, int):
            return value if int.bit_length(value) <= INTEGER_BITS else {"omitted": True}
        if issubclass(kind, float):
            return value if math.isfinite(value) else None
        if issubclass(kind, str):
            return self._said(value)
        if issubclass(kind, os.PathLike):
            return self._said(os.fsencode(value).decode("utf-8", "replace"))
        if issubclass(kind, (bytes, bytearray)):
            base = bytes if issubclass(kind, bytes) else bytearray
            return {"omitted": True, "length": base.__len__(value)}
        if depth < DEPTH_LIMIT and issubclass(kind, dict):
            items = itertools.islice(dict.items(value), self._taken(dict.__len__(value)))
            return {self._name(key): self.reduced(item, depth + 1) for key, item in items}
        if depth < DEPTH_LIMIT and issubclass(kind, (list, tuple)):
            base = list if issubclass(kind, list) else tuple
            items = itertools.islice(base.__iter__(value), self._taken(base.__len__(value)))
            return [self.reduced(item, depth + 1) for item in items]
        # Its text is nobody's business, and what makes it may take long or raise.
        return {"omitted": True}

    def _taken(self, count):
        """How many items of a collection there is room for."""
        count = min(count, ITEM_LIMIT, self._items)
        self._items -= count
        return count

    def _said(self, text):
        length = str.__len__(text)
        if length <= TEXT_LIMIT:
            said = _text(text)
            size = len(said.encode())
            if size <= self._bytes:
                self._bytes -= size
                return said
        return {"omitted": True, "length": length}

    def _name(self, key):
        """Of a member, short: the daemon keeps 128 bytes of it."""
        kind = type(key)
        if issubclass(kind, str):
            name = _text(str.__getitem__(key, slice(128)))
        else:
            is_plain = key is None or kind in (bool, float) or kind is int and int.bit_length(key) <= 64
            name = str(key) if is_plain else kind.__name__
        self._bytes -= len(name.encode())
        return name


def _source(source):
    """Where something came from that a model was shown. What it is stays here: its digest is told, which the daemon keys."""
    uri, digest, text = source.get("uri"), source.get("digest"), source.get("text")
    if digest is None and text is not None:
        data = _text(text).encode() if isinstance(text, str) else text
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
    said = {"kind": _name(source.get("kind", ""))}
    if uri is not None:
        said["uri"] = _word(uri, TEXT_WORD_LIMIT)
    if digest is not None:
        said["digest"] = _word(digest, TEXT_WORD_LIMIT)
    return said


def _tool(tool):
    """A tool as a server lists it: its name, and those of its arguments."""
    get = tool.get if isinstance(tool, dict) else functools.partial(getattr, tool)
    # As the SDK has it, before its second version and from then on.
    schema = get("inputSchema", None) or get("input_schema", None)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    names = itertools.islice(properties, PARAMETER_LIMIT) if isinstance(properties, dict) else ()
    return {"name": _name(get("name", "")), "inputSchema": {"properties": {_name(name): {} for name in names}}}


def _parts(tools):
    """In lists, each as much as a message takes."""
    parts, room = [[]], PART_BYTES
    for tool in tools:
        size = len(_encode(tool).encode())
        if parts[-1] and size > room:
            parts.append([])
            room = PART_BYTES
        parts[-1].append(tool)
        room -= size
    return parts


class _Pause:
    """A time in which nothing is tried that has failed: the more often in a row it has, the longer."""

    def __init__(self):
        self._until = self._length = 0.0

    @property
    def is_over(self):
        return time.monotonic() >= self._until

    def failed(self):
        # Threads that have failed at once have failed once.
        if self.is_over:
            self._length = min(max(self._length * 2, FIRST_PAUSE), LONGEST_PAUSE)
            self._until = time.monotonic() + self._length

    def succeeded(self):
        self._until = self._length = 0.0


class _Message:
    """What is said to the daemon, and what it has answered."""

    def __init__(self, fields):
        self.kind, self.session = fields["type"], fields["session"]
        # All but the sequence number, which is known when it is sent.
        self.body = _encode(fields).encode()[1:]
        self.sequence = 0
        self.answer = None
        # Called once it is answered.
        self.wake = None

    @property
    def is_acknowledged(self):
        return self.answer is not None and self.answer.get("type") == "ack"

    @property
    def code(self):
        """Why it was refused; None: it was not."""
        return None if self.answer is None or self.is_acknowledged else str(self.answer.get("code"))


class _Connection:
    """Messages in order, an answer for each.

    Nothing here waits but wait() and arrival(). Any thread may send; all else is for whoever has it for himself. What goes
    wrong closes it.
    """

    def __init__(self, path, generation, connecting, waiting, has_place):
        self.process = os.getpid()
        self._has_place = False
        # The daemon of one that was made before another was found broken may be gone as well.
        self.generation = generation
        self.sessions = set()
        self.has_acknowledged = False
        self.is_broken = False
        # The daemon takes no more for the time being.
        self.is_full = False
        # How many of a loop's tasks use it, or since when nobody does.
        self.users = 0
        self.idle_since = 0.0
        self._connecting, self._waiting = connecting, waiting
        self._sequence = 0
        self._sending = threading.Lock()
        self._outgoing = collections.deque()
        self._rest = b""
        self._unanswered = collections.deque()
        self._incoming = b""
        self._loop = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.setblocking(False)
            self.socket.connect(os.fspath(path))
        except BaseException:
            self.socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)
        _connections.add(self)
        self._has_place = has_place

    def __del__(self):
        try:
            self.socket.close()
            self._leave_place()
        except Exception:
            pass

    def _leave_place(self):
        if self._has_place:
            self._has_place = False
            _places.append(None)

    @property
    def is_alive(self):
        return not self.is_broken and self.process == os.getpid()

    @property
    def has_more(self):
        """There is something that could not be sent yet."""
        return not self.is_broken and bool(self._rest or self._outgoing)

    @property
    def is_settled(self):
        """The daemon knows the session by it, and owes it nothing."""
        return bool(self.sessions) and self.is_alive and not (self._unanswered or self.has_more)

    # Sending.

    def send(self, message):
        self._outgoing.append(message)
        self.flush()
        if self.is_full:
            _send_later(self)

    def flush(self):
        # Never waited for: its holder may be this thread, which a signal or the garbage collector has interrupted. Whoever
        # holds it looks again afterwards.
        while (self._rest or self._outgoing) and self._sending.acquire(False):
            try:
                self._flush()
                self.is_full = False
            except BlockingIOError:
                self.is_full = True
            except OSError:
                self.is_broken = True
            except BaseException:
                # Nobody knows how much of it was sent.
                self.is_broken = True
                raise
            finally:
                self._sending.release()
            if self.is_full or self.is_broken:
                break

    def _flush(self):
        while self._rest or self._outgoing:
            if not self._rest:
                message = self._outgoing.popleft()
                self._sequence += 1
                message.sequence = self._sequence
                self._unanswered.append(message)
                self._rest = b'{"seq":%d,%b\n' % (message.sequence, message.body)
            sent = self.socket.send(self._rest, NO_SIGNAL)
            self._rest = self._rest[sent:]

    # Answers.

    def take(self):
        """Takes the answers that have come."""
        try:
            while True:
                received = self.socket.recv(ANSWER_BYTES)
                if not received:
                    raise ConnectionResetError("the daemon has gone")
                *lines, self._incoming = (self._incoming + received).split(b"\n")
                for line in lines:
                    self._settle(_decode(line.decode()))
                if len(self._incoming) > LINE_LIMIT:
                    raise ValueError("an answer without end")
                if len(received) < ANSWER_BYTES:
                    return
        except BlockingIOError:
            pass
        except Exception as error:
            _log.debug("disconnected: %s", error)
            self.close()

    def _settle(self, answer):
        message = self._unanswered.popleft()
        # Whose line the daemon could not read has none.
        if answer.get("seq", message.sequence) != message.sequence:
            raise ValueError("not the answer to this message")
        self._waiting.succeeded()
        message.answer = answer
        if message.wake is not None:
            message.wake()
        if message.is_acknowledged:
            if not self.has_acknowledged:
                self.has_acknowledged = True
                self._connecting.succeeded()
            return
        _log.info("%s refused: %s: %s", message.kind, message.code, answer.get("message"))
        if message.kind == "hello" or message.code == "unknown_session":
            self.sessions.discard(message.session)

    def wait(self, message, seconds):
        until = time.monotonic() + seconds
        while message.answer is None and not self.is_broken:
            left = until - time.monotonic()
            if left <= 0 or not self._poll.poll(math.ceil(left * 1000)):
                return
            self.take()

    def read_in(self, loop):
        """Has an event loop take answers as they come; None: none does any more."""
        previous, self._loop = self._loop, loop
        try:
            if previous is not None:
                previous.remove_reader(self.socket.fileno())
        except Exception:
            # It is closed.
            pass
        if loop is not None:
            loop.add_reader(self.socket.fileno(), self.take)

    async def arrival(self, message, seconds):
        future = self._loop.create_future()
        message.wake = lambda: None if future.done() else future.set_result(None)
        timer = self._loop.call_later(seconds, message.wake)
        try:
            await future
        finally:
            message.wake = None
            timer.cancel()

    def close(self):
        self.is_broken = True
        self.read_in(None)
        self.socket.close()
        self._leave_place()
        for message in [*self._unanswered, *self._outgoing]:
            if message.wake is not None:
                message.wake()

    def leave_to_parent(self):
        self.is_broken = True
        # An event loop's selector is the parent's too: nothing is taken out of it.
        self._loop = None
        self._has_place = False
        self.socket.close()


_connections = weakref.WeakSet()
# One for each connection that there is still room for.
_places = [None] * CONNECTION_LIMIT
_numbers = itertools.count(1)

# Connections that could not take all that was to be sent. The lock is the thread's that sends it.
_late = []
_sending_late = threading.Lock()


def _send_later(connection):
    """Has a thread send it when the daemon takes it: the agent need not make another call for that."""
    if connection not in _late:
        _late.append(connection)
    if _sending_late.acquire(False):
        try:
            # Not the threading module's, whose locks may be held by this thread, interrupted.
            _thread.start_new_thread(_send_late, ())
        except Exception:
            # Whoever uses it next sends it.
            _sending_late.release()


def _send_late():
    lock = _sending_late
    try:
        while _late:
            poll = select.poll()
            for connection in _late[:]:
                try:
                    if connection.has_more:
                        poll.register(connection.socket, select.POLLOUT)
                    else:
                        _late.remove(connection)
                except ValueError:
                    # It was closed meanwhile, which it knows by now.
                    pass
            if _late:
                # Not for long: there may be others soon.
                poll.poll(1000)
            for connection in _late[:]:
                connection.flush()
    except Exception:
        # The interpreter ends.
        return
    finally:
        lock.release()
    if _late:
        # Whose connection this was saw that it was being sent.
        _send_later(_late[0])


def _leave_to_parent():
    """After a fork: the child's copies go, so that a connection ends with the process that it belongs to."""
    global _sending_late
    for connection in list(_connections):
        connection.leave_to_parent()
    _connections.clear()
    _places[:] = [None] * CONNECTION_LIMIT
    _late.clear()
    _sending_late = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


class _Line:
    """A connection in use.

    is_own: nobody else takes its answers meanwhile, so that they can be waited for, until `until`; 0: they are not.
    """

    __slots__ = ("connection", "is_own", "until", "_pool", "_loop")

    def __init__(self, connection, is_own, until, pool, loop):
        self.connection, self.is_own, self.until = connection, is_own, until
        self._pool, self._loop = pool, loop

    @property
    def is_of_loop(self):
        return self._loop is not None

    @property
    def seconds(self):
        """That an answer is waited for, from now on."""
        return max(self.until - time.monotonic(), 0.0) if self.is_own and self.until else 0.0

    def give_back(self):
        if self.is_own:
            self.is_own = False
            self._pool.give_back(self.connection, self._loop)


class _Pool:
    """A client's connections. Each is one thread's, or one event loop's, for as long as that waits for an answer on it, so
    that there are far fewer of them than threads.

    Their lists are changed in single steps, which no other thread sees half of: no lock is held, that a signal's or the
    garbage collector's work could wait for in vain.
    """

    def __init__(self, path, hello, connecting, waiting):
        self._path, self._hello = path, hello
        self._connecting, self._waiting = connecting, waiting
        self._is_closed = False
        self._renew()

    def greet_anew(self, hello, known=None):
        """Says another hello from now on: on all connections but that one, where the daemon knows."""
        self._hello = hello
        for connection in self._all[:]:
            if connection is not known:
                connection.sessions.discard(hello["session"])

    def close(self):
        """Those in use close when they are given back."""
        self._is_closed = True
        for connection in self._free[:]:
            if self._claim(connection):
                self._remove(connection)
                connection.close()

    def _renew(self):
        self._process = os.getpid()
        self._all = []
        # What was used last is at the end.
        self._free = []
        self._of_loops = {}
        # Locks of threads that wait for one, which whoever gives one back opens.
        self._turns = collections.deque()
        self._generation = 0

    def line(self, until, loop=None, generation=math.inf):
        """Where something can be said; None: nowhere.

        until: when neither a connection nor an answer is waited for any more.
        loop: an event loop, which waits for answers, and never for a connection.
        generation: none that is later will do.
        """
        if self._process != os.getpid():
            self._renew()
        connection = self._of_loops.get(loop) if loop is not None else None
        if connection is None or not connection.is_alive or connection.generation > generation:
            connection = self._own(0.0 if loop is not None else until, generation)
            if connection is None:
                connection = self.other(generation)
                if connection is None:
                    return None
                self._greet(connection)
                return _Line(connection, False, 0.0, self, None)
        return self._line(connection, until, loop)

    def line_on(self, connection, until, loop=None):
        """The same, on that connection: one's own if nobody else has it."""
        if not connection.is_alive:
            return None
        is_own = loop is not None and self._of_loops.get(loop) is connection
        if not is_own and (loop is None or loop not in self._of_loops) and self._claim(connection):
            connection.take()
            is_own = True
        return self._line(connection, until, loop) if is_own else _Line(connection, False, 0.0, self, None)

    def _line(self, connection, until, loop):
        """On a connection that is the caller's."""
        line = _Line(connection, True, until, self, loop)
        try:
            if loop is not None:
                connection.users += 1
                if self._of_loops.get(loop) is not connection:
                    self._of_loops[loop] = connection
                    connection.read_in(loop)
            self._greet(connection)
        except BaseException:
            line.give_back()
            raise
        return line

    def give_back(self, connection, loop):
        if loop is not None:
            connection.users -= 1
            if connection.users > 0:
                return
            if self._of_loops.get(loop) is connection:
                del self._of_loops[loop]
            if connection.is_alive:
                connection.read_in(None)
        if connection.is_alive:
            self._keep(connection)
        elif connection.process == os.getpid():
            self._forget(connection)
        self._wake()

    def _keep(self, connection):
        if self._is_closed:
            self._remove(connection)
            connection.close()
            return
        connection.idle_since = time.monotonic()
        if connection.is_full:
            self._free.insert(0, connection)
        else:
            self._free.append(connection)
        if connection.is_settled:
            self._close_idle(connection.idle_since - IDLE_TIME)

    def _close_idle(self, before):
        """Where there is another: calls that were begun on one are the other's then, as the daemon has it."""
        for connection in self._free[:-1]:
            if connection.idle_since < before and connection.is_settled and self._claim(connection):
                self._remove(connection)
                connection.close()

    def _own(self, until, generation):
        while True:
            connection = self._unused(generation) or self._made(generation)
            if connection is not None or self.other(generation) is None or not self._has_turn(until, generation):
                return connection

    def _unused(self, generation):
        for connection in self._free[::-1]:
            if connection.generation <= generation and self._claim(connection):
                connection.take()
                connection.flush()
                if connection.is_alive:
                    return connection
                self._forget(connection)
        return None

    def _claim(self, connection):
        """False: it is in use."""
        try:
            self._free.remove(connection)
            return True
        except ValueError:
            return False

    def _made(self, generation):
        if self._generation > generation or not self._connecting.is_over:
            return None
        try:
            _places.pop()
            has_place = True
        except IndexError:
            if self._all:
                return None
            has_place = False
        try:
            connection = _Connection(self._path, self._generation, self._connecting, self._waiting, has_place)
        except Exception as error:
            if has_place:
                _places.append(None)
            self._connecting.failed()
            _log.debug("no daemon: %s: %s", self._path, error)
            return None
        self._greet(connection)
        self._all.append(connection)
        return connection

    def other(self, generation):
        """One that may be in use: it can be sent on."""
        for connection in self._all[:]:
            if connection.is_alive and connection.generation <= generation:
                return connection
        return None

    def _greet(self, connection):
        session = self._hello["session"]
        if session not in connection.sessions:
            # What is said after it need not wait for its answer.
            connection.sessions.add(session)
            connection.send(_Message(self._hello))

    def _has_turn(self, until, generation):
        """Waits until a connection was given back. False: that is over."""
        if not until:
            return False
        turn = _thread.allocate_lock()
        turn.acquire()
        self._turns.append(turn)
        try:
            # Whoever has given one back before did not see this.
            if any(connection.generation <= generation for connection in self._free[:]):
                return True
            left = until - time.monotonic()
            return left > 0 and turn.acquire(timeout=left)
        finally:
            try:
                self._turns.remove(turn)
            except ValueError:
                # It was opened, and for nothing: it is another's turn.
                if not turn.locked():
                    self._wake()

    def _wake(self):
        try:
            self._turns.popleft().release()
        except IndexError:
            pass

    def _forget(self, connection):
        """It is broken."""
        connection.close()
        self._remove(connection)
        self._generation = max(self._generation, connection.generation + 1)
        if not connection.has_acknowledged:
            self._connecting.failed()

    def _remove(self, connection):
        try:
            self._all.remove(connection)
        except ValueError:
            pass


# The call that a thread or task is in, and what its model was shown last: a session and an id.
_current_call = contextvars.ContextVar("sensord_call", default=None)
_current_context = contextvars.ContextVar("sensord_context", default=("", None))


def _enclosing(session=None):
    """The call around what is called now; of that session."""
    call = _current_call.get()
    # Tasks outlive the calls that they were made in, and a child does not learn when its parent's end.
    while call is not None and not (call.is_open and session in (None, call.session)):
        call = call.outer
    return call


class _Call:
    """A call that is being made. `id` is its id; `is_known`: the daemon had acknowledged it when the agent went on.

    One that is not known may have been begun all the same, and ends as any other.
    """

    def __init__(self, client, name, arguments, scope, initiator, claims, encloses):
        self.id = "%d-%d" % (os.getpid(), next(_numbers))
        self.is_known = False
        self.session = client.session
        # The one around it.
        self.outer = None
        # The process that is in it.
        self._process = 0
        self._failure = None
        self._client = client
        self._name = name
        self._arguments = arguments
        self._scope = scope
        self._initiator = initiator
        self._claims = claims
        # What is called meanwhile, in the same thread or task, is called within it.
        self._encloses = encloses
        # Of the begin: where it was sent, and what came of it.
        self._connection = None
        self._begun = None

    def fail(self, error):
        """The call ends as an error, though nothing is raised. error: what kind of one, in a word."""
        self._failure = error

    @property
    def is_open(self):
        return self._process == os.getpid()

    def __enter__(self):
        line = None
        try:
            # An event loop's other tasks run on the thread whenever this one waits.
            scope = self._scope or ("thread" if _running_loop() is None else "process")
            line = self._client._line()
            for message in self._begin(line, scope):
                self._client._wait(line, message)
            self._enter()
        except Exception as error:
            self._client._forgive(error)
        except BaseException as error:
            self._leave(type(error))
            raise
        finally:
            self._client._give_back(line)
        return self

    def __exit__(self, kind, error, trace):
        self._depart()
        if self._begun is None or issubclass(kind or Exception, GeneratorExit):
            # Nor is whoever has the garbage collector close a generator to wait.
            self._leave(kind)
            return False
        line = None
        try:
            fields = self._end(kind)
            line = self._line_of_end()
            message = None if line is None else self._say(fields, line.connection)
            if message is not None:
                self._client._wait(line, message)
        except Exception as failure:
            self._client._forgive(failure)
        finally:
            self._connection = None
            self._client._give_back(line)
        return False

    async def __aenter__(self):
        line = None
        try:
            line = self._client._line(_running_loop())
            # Not the thread: other tasks run on it while this one waits.
            for message in self._begin(line, self._scope or "process"):
                await self._client._arrival(line, message)
            self._enter()
        except Exception as error:
            self._client._forgive(error)
        except BaseException as error:
            self._leave(type(error))
            raise
        finally:
            self._client._give_back(line)
        return self

    async def __aexit__(self, kind, error, trace):
        self._depart()
        if self._begun is None or issubclass(kind or Exception, GeneratorExit):
            # A coroutine that is closed may not wait.
            self._leave(kind)
            return False
        line = None
        try:
            fields = self._end(kind)
            line = self._line_of_end(_running_loop())
            message = None if line is None else self._say(fields, line.connection)
            if message is not None:
                await self._client._arrival(line, message)
        except asyncio.CancelledError:
            if not issubclass(kind or Exception, asyncio.CancelledError):
                raise
        except Exception as failure:
            self._client._forgive(failure)
        finally:
            self._connection = None
            self._client._give_back(line)
        return False

    def _begin(self, line, scope):
        """Gives the messages whose answers are to be waited for, one after the other."""
        if line is None or line.connection.is_full:
            return
        call = {"id": self.id, "name": _name(self._name)}
        fields = {"type": "begin", "session": self._client.session, "call": call, "scope": scope}
        if scope == "thread":
            fields["threadId"] = threading.get_native_id()
        bare = dict(fields, call=dict(call))
        if self._arguments is not None:
            call["arguments"] = _Arguments().reduced(self._arguments)
        fields.update(self._claimed(call))
        for attempt in (fields, bare):
            message = self._message(attempt, line.seconds)
            if message is None:
                continue
            self._begun, self._connection = message, line.connection
            line.connection.send(message)
            yield message
            # Without what was not understood, it is known at least that the call was made.
            if message.code not in ("malformed", "too_large"):
                return

    def _claimed(self, call):
        """What is said of it beyond what it is; what is part of its own description goes there."""
        claims = dict(self._claims)
        parent = claims.pop("parent", None) or _enclosing(self.session)
        session, context = _current_context.get()
        context = claims.pop("context", None) or (context if session == self.session else None)
        words = {
            "type": claims.pop("type", None),
            "context": context,
            "parent": parent.id if isinstance(parent, _Call) else parent,
            "traceparent": claims.pop("traceparent", None),
        }
        call.update({name: _name(word) for name, word in words.items() if word is not None})
        claims["initiator"] = self._initiator
        return {name: _claim(value) for name, value in claims.items() if value is not None}

    @staticmethod
    def _message(fields, patience):
        """None: it cannot be said. patience: seconds that its answer is waited for."""
        try:
            if BOOT_CLOCK is not None:
                # So that nothing acts for the call from when its agent has gone on without an answer.
                fields["bootTime"] = str(time.clock_gettime_ns(BOOT_CLOCK))
                fields["patience"] = str(int(patience * 1e9))
            message = _Message(fields)
            # Its sequence number is still to come.
            return message if len(message.body) < LINE_LIMIT - 32 else None
        except Exception as error:
            _log.info("%s cannot be said: %r", fields["type"], error)
            return None

    def _enter(self):
        self.is_known = self._begun is not None and self._begun.is_acknowledged
        if self._encloses and self._begun is not None and self._begun.code is None:
            self.outer, self._process = _enclosing(), os.getpid()
            _current_call.set(self)

    def _depart(self):
        """Nothing more is called within it."""
        self._process = 0
        if _current_call.get() is self:
            _current_call.set(_enclosing())

    def _end(self, kind):
        """What is to be said of the end, which is now."""
        fields = {"type": "end", "session": self._client.session, "call": {"id": self.id}, "status": "ok"}
        if BOOT_CLOCK is not None:
            # So that nothing later is taken for the call's, however long it takes the daemon to read this.
            fields["bootTime"] = str(time.clock_gettime_ns(BOOT_CLOCK))
        if kind is not None:
            is_cancelled = issubclass(kind, (asyncio.CancelledError, GeneratorExit))
            fields["status"] = "cancelled" if is_cancelled else "error"
            # The type only: what an exception says may hold what the tool was given.
            fields["error"] = _word(kind.__name__)
        elif self._failure is not None:
            fields["status"] = "error"
            fields["error"] = _word(self._failure)
        return fields

    def _line_of_end(self, loop=None):
        """Where the end can be said: to the daemon that knows of the beginning, and after it."""
        begun, connection = self._begun, self._connection
        # Of a child's copy of the call nothing ends.
        if begun is None or connection.process != os.getpid():
            return None
        if begun.answer is None:
            return self._client._line_on(connection, loop)
        return self._client._line(loop, connection.generation) if begun.code is None else None

    def _say(self, fields, connection):
        """Says it, once; returns the message."""
        begun, self._begun = self._begun, None
        if begun is None or begun.code is not None or connection.is_broken or self._client.is_closed:
            return None
        message = _Message(fields)
        connection.send(message)
        return message

    def _leave(self, kind):
        """The call ends, and nothing is waited for."""
        begun, connection = self._begun, self._connection
        self._connection = None
        try:
            if begun is None or connection.process != os.getpid():
                return
            fields = self._end(kind)
            if connection.is_broken and begun.answer is not None:
                connection = self._client._pool.other(connection.generation) or connection
            self._say(fields, connection)
        except Exception as error:
            self._client._forgive(error)


class _Tools:
    """An MCP client session whose tool calls are announced; for the rest, the session itself."""

    def __init__(self, client, session, claims):
        self._client = client
        self._session = session
        self._claims = claims

    def __getattr__(self, name):
        # What copies it asks before it has a session, and not for the session's own way to be copied.
        if name == "_session" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._session, name)

    async def call_tool(self, name, arguments=None, *values, **named):
        async with self._client.call(name, arguments, **self._claims) as call:
            result = await self._session.call_tool(name, arguments, *values, **named)
            if self._is_error(result):
                call.fail("tool_error")
            return result

    @staticmethod
    def _is_error(result):
        try:
            # As the SDK has it from its second version on, and before.
            return getattr(result, "is_error", False) is True or getattr(result, "isError", False) is True
        except Exception:
            return False


class Client:
    """Announces calls. May be used from any thread, and goes on to work after a fork, and where it is unpickled.

    agent: name of the agent; session: an id of its own making (default: one for this process);
    path: of the socket (default: $SENSORD_TOOLCALLS, or where the daemon has it);
    timeout: seconds that the agent waits for an answer at most (default: TIMEOUT);
    epoch: of the session, where its harness counts its lives.
    """

    def __init__(self, agent="", session=None, path=None, timeout=None, framework=None, version=None, epoch=None):
        self.session = _name(session or "%d-%x" % (os.getpid(), time.time_ns()))
        self._path = path or os.environ.get("SENSORD_TOOLCALLS", DEFAULT_PATH)
        self._timeout = TIMEOUT if timeout is None else timeout
        self._agent = {"name": _word(agent)}
        if framework:
            self._agent["framework"] = _word(framework)
        if version:
            self._agent["version"] = _word(version)
        self._epoch = epoch
        # That the session began in.
        self._process = os.getpid()
        self.is_closed = False
        self._connecting = _Pause()
        self._waiting = _Pause()
        self._pool = _Pool(self._path, self._hello(), self._connecting, self._waiting)

    def _hello(self):
        return _fields("hello", protocol=1, session=self.session, agent=self._agent, epoch=self._epoch)

    def __reduce__(self):
        agent = self._agent
        values = (agent["name"], self.session, self._path, self._timeout, agent.get("framework"), agent.get("version"))
        return (Client, (*values, self._epoch), {"_process": self._process})

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()
        return False

    def call(
        self, name, arguments=None, scope=None, initiator=None, *,
        context=None, parent=None, traceparent=None, authority=None, impact=None, type=None,
    ):  # fmt: skip
        """A call of the tool `name`, for `with` or `async with`.

        arguments: what it is called with; values never leave this process and the daemon.
        scope: `thread`, `process`, `tree` or `none`: what acts for it (default: the thread, where it has no event loop).
        initiator: {"kind": "human" | "agent" | "service" | "schedule", "id": ..., "onBehalfOf": ...}
        context: id of what the model was shown (default: the last of this thread or task).
        parent: the call that it is made within, or its id (default: the one around it).
        traceparent: its place in a trace, as W3C Trace Context has it.
        authority: what it is allowed by: {"grant": a name, never the secret, "scopes": [...], "issuedAt": ..., "expiresAt": ...,
        "approval": {"id": ..., "kind": ...}}, with times in seconds since 1970 or as RFC 3339 has them.
        impact: `low` or `high`. type: as the model asked for it: `function`, `mcp`, ...
        """
        claims = {
            "context": context, "parent": parent, "traceparent": traceparent, "authority": authority, "impact": impact,
            "type": type,
        }  # fmt: skip
        return _Call(self, name, arguments, scope, initiator, claims, True)

    def tool(self, name=None, scope=None, initiator=None, *, authority=None, impact=None):
        """Makes each call of a function, coroutine function, or generator function of either kind, a tool call.

        Of a function that is none of these but returns what is yet to be run, only itself is part of the call.
        """

        def decorate(function):
            if isinstance(function, (classmethod, staticmethod)):
                return type(function)(decorate(function.__func__))
            try:
                signature = inspect.signature(function)
            except (TypeError, ValueError):
                signature = None
            tool = name or getattr(function, "__name__", None) or type(function).__name__
            # Of an object that can be called, that is what says.
            is_plain = inspect.isroutine(function) or isinstance(function, (type, functools.partial))
            body = function if is_plain else getattr(type(function), "__call__", function)

            claims = {"authority": authority, "impact": impact}

            def call(values, named, default=None, encloses=True):
                try:
                    arguments = dict(signature.bind_partial(*values, **named).arguments)
                except Exception:
                    arguments = {}
                return _Call(self, tool, arguments, scope or default, initiator, claims, encloses)

            if inspect.iscoroutinefunction(body):

                @functools.wraps(function)
                async def announced(*values, **named):
                    async with call(values, named):
                        return await function(*values, **named)

            elif inspect.isasyncgenfunction(body):

                @functools.wraps(function)
                async def announced(*values, **named):
                    steps = function(*values, **named)
                    # Between its steps it is whoever takes them that calls something.
                    async with call(values, named, encloses=False):
                        try:
                            step = await steps.__anext__()
                            while True:
                                try:
                                    value = yield step
                                except GeneratorExit:
                                    await steps.aclose()
                                    raise
                                except BaseException as error:
                                    step = await steps.athrow(error)
                                else:
                                    step = await steps.asend(value)
                        except StopAsyncIteration:
                            return

            elif inspect.isgeneratorfunction(body):

                @functools.wraps(function)
                def announced(*values, **named):
                    steps = function(*values, **named)
                    with call(values, named, "process", encloses=False):
                        return (yield from steps)

            else:

                @functools.wraps(function)
                def announced(*values, **named):
                    # Nobody else has the thread before it returns.
                    with call(values, named, "thread"):
                        return function(*values, **named)

            return announced

        return decorate

    def mcp(self, session, scope="tree", initiator=None, *, authority=None, impact=None):
        """The MCP client session `session` (of the official SDK, say), with every call_tool() a tool call.

        scope: `tree`, as the server was started by this process; `none` where it runs elsewhere.
        """
        claims = {"scope": scope, "initiator": initiator, "authority": authority, "impact": impact}
        return _Tools(self, session, claims)

    def context(self, id, sources=(), turn=None):
        """What the model was shown: calls that this thread or task makes from now on came from it. Returns its id.

        id: unique within the session; turn: its number in a conversation;
        sources: [{"kind": "user" | "retrieval" | "tool" | "memory" | "system", "uri": ..., "text" or "digest": ...}]: of a text,
        only the digest leaves this process.
        """
        try:
            id = _name(id)
            _current_context.set((self.session, id))
            said = [_source(source) for source in itertools.islice(sources, SOURCE_LIMIT)]
            if len(_encode(said).encode()) > PART_BYTES:
                for source in said:
                    source.pop("uri", None)
            self._report(_fields("context", id=id, turn=turn, sources=said))
        except Exception as error:
            self._forgive(error)
        return id

    def decision(self, call, policy, outcome, by=None):
        """A policy was asked about a call, or its id. outcome: `allow`, `deny`, `override` or `escalate`; by: who decided."""
        self._tell(
            lambda: _fields(
                "decision", call=call.id if isinstance(call, _Call) else _name(call), policy=_word(policy),
                outcome=_word(outcome), by=None if by is None else _word(by),
            )
        )  # fmt: skip

    def model(self, provider, requested, responding=None):
        """A model was asked, and one has responded, which may be another."""
        self._tell(
            lambda: _fields(
                "model", provider=_word(provider), requested=_word(requested),
                responding=None if responding is None else _word(responding),
            )
        )  # fmt: skip

    def catalog(self, server, tools, version=None, transport=None):
        """The tools that a server offers, as dictionaries or objects with `name` and `inputSchema`, as MCP lists them."""
        try:
            known = {"name": _name(server), "version": version, "transport": transport}
            known = {name: _word(word) for name, word in known.items() if word is not None}
            parts = _parts(_tool(tool) for tool in itertools.islice(tools, TOOL_LIMIT))
            if len(parts) > PART_LIMIT:
                _log.info("catalog of %s cannot be said: too large", known["name"])
                return
            self._report(
                *(
                    _fields("catalog", server=known, tools=part, part=number, parts=len(parts))
                    for number, part in enumerate(parts, 1)
                )
            )
        except Exception as error:
            self._forgive(error)

    def transition(self, kind, to=None, from_=None, initiator=None, authority=None, epoch=None):
        """A change in the agent's harness. kind: of its `mode`, its `account`, its credential (`refresh`: `from_` and `to` are
        grants), or its connection (`reconnect`, `recovery`: an epoch begins).
        """
        try:
            connection, message = self._report(
                _fields(
                    "transition", kind=_name(kind), to=None if to is None else _word(to),
                    initiator=_claim(initiator), authority=_claim(authority), epoch=epoch,
                    **{"from": None if from_ is None else _word(from_)},
                )
            )  # fmt: skip
            if epoch is not None and (message is None or message.code != "out_of_order"):
                self._epoch = epoch
                self._pool.greet_anew(self._hello(), connection)
        except Exception as error:
            self._forgive(error)

    def close(self):
        """Ends the session, and what is open in it: in the process that it began in. Nothing more is announced."""
        if self.is_closed:
            return
        if self._process == os.getpid():
            self._tell(lambda: _fields("session.end"))
        self.is_closed = True
        try:
            self._pool.close()
        except Exception as error:
            self._forgive(error)

    def _tell(self, report):
        try:
            self._report(report())
        except Exception as error:
            self._forgive(error)

    def _report(self, *reports):
        """Says it, in this order. Returns where, and the last message; None: nothing was said."""
        line = None
        try:
            messages = [_Message({**report, "session": self.session}) for report in reports]
            if any(len(message.body) >= LINE_LIMIT - 32 for message in messages):
                _log.info("%s cannot be said: too large", messages[0].kind)
                return None, None
            loop = _running_loop()
            line = self._line(loop)
            if line is None or line.connection.is_full:
                return None, None
            for message in messages:
                line.connection.send(message)
            if loop is None:
                self._wait(line, messages[-1])
            return line.connection, messages[-1]
        finally:
            self._give_back(line)

    def _give_back(self, line):
        try:
            if line is not None:
                line.give_back()
        except Exception as error:
            self._forgive(error)

    def _until(self):
        """When no answer is waited for any more; 0: none is at all."""
        return time.monotonic() + min(self._timeout, LONGEST_WAIT) if self._waiting.is_over else 0.0

    def _line(self, loop=None, generation=math.inf):
        if self.is_closed:
            return None
        until = self._until()
        line = self._pool.line(until, loop, generation)
        if line is not None and not line.is_own and 0 < until <= time.monotonic():
            _log.debug("no connection is free within %s s", self._timeout)
            self._waiting.failed()
        return line

    def _line_on(self, connection, loop=None):
        if self.is_closed:
            return None
        return self._pool.line_on(connection, self._until(), loop)

    @staticmethod
    def _is_awaited(line, message):
        return line.is_own and line.until > 0 and message.answer is None and not line.connection.is_broken

    def _wait(self, line, message):
        if self._is_awaited(line, message):
            line.connection.wait(message, line.seconds)
            self._judge(line.connection, message)

    async def _arrival(self, line, message):
        if self._is_awaited(line, message):
            if line.is_of_loop:
                await line.connection.arrival(message, line.seconds)
            else:
                line.connection.wait(message, line.seconds)
            self._judge(line.connection, message)

    def _forgive(self, error):
        """What goes wrong here is none of the agent's business."""
        try:
            _log.debug("not announced: %r", error)
        except Exception:
            pass

    def _judge(self, connection, message):
        if message.answer is None and not connection.is_broken:
            _log.debug("no answer to %s within %s s", message.kind, self._timeout)
            self._waiting.failed()
