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

Within a plain `with`, the announcing thread acts for the call. Within `async with`, in a coroutine, and for coroutines and
generators, the process does: an asyncio task shares its thread with others, and a generator lends it to whoever takes its next step. Where
several calls are open in a process, sensord says which they are. A generator's call lasts from its first step to its last,
also while nobody takes one. What an MCP server over stdio does counts too, though it was started before: for its calls a
process and all its descendants act.

Nothing here raises into the agent, and without a daemon all of it does nothing. A call costs a round trip on a local socket
when it begins, as the daemon answers once the kernel knows of it, and one when it ends, so that what comes next is not taken
for the call's; an event loop goes on meanwhile. A daemon that does not answer is waited for `timeout` seconds at most, and
then, for a time that grows, is told without being waited for: nothing acts for such a call in the kernel. What the daemon
refuses is logged (logger `sensord`, level INFO).
"""

import _thread
import asyncio
import collections
import functools
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
        self._renew()

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


class _Call:
    """A call that is being made. `id` is its id; `is_known`: the daemon had acknowledged it when the agent went on.

    One that is not known may have been begun all the same, and ends as any other.
    """

    def __init__(self, client, name, arguments, scope, initiator):
        self.id = "%d-%d" % (os.getpid(), next(_numbers))
        self.is_known = False
        self._failure = None
        self._client = client
        self._name = name
        self._arguments = arguments
        self._scope = scope
        self._initiator = initiator
        # Of the begin: where it was sent, and what came of it.
        self._connection = None
        self._begun = None

    def fail(self, error):
        """The call ends as an error, though nothing is raised. error: what kind of one, in a word."""
        self._failure = error

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
            self._give_back(line)
        return self

    def __exit__(self, kind, error, trace):
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
            self._give_back(line)
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
            self._give_back(line)
        return self

    async def __aexit__(self, kind, error, trace):
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
            self._give_back(line)
        return False

    def _give_back(self, line):
        try:
            if line is not None:
                line.give_back()
        except Exception as error:
            self._client._forgive(error)

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
        if self._initiator is not None:
            fields["initiator"] = self._initiator_said()
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

    def _initiator_said(self):
        said = _Arguments().reduced(self._initiator)
        if isinstance(said, dict):
            said = {name: _word(word) if isinstance(word, str) else word for name, word in said.items()}
        return said

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
        if begun is None or begun.code is not None or connection.is_broken:
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

    def __init__(self, client, session, scope, initiator):
        self._client = client
        self._session = session
        self._scope = scope
        self._initiator = initiator

    def __getattr__(self, name):
        # What copies it asks before it has a session, and not for the session's own way to be copied.
        if name == "_session" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._session, name)

    async def call_tool(self, name, arguments=None, *values, **named):
        async with self._client.call(name, arguments, self._scope, self._initiator) as call:
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
    timeout: seconds that the agent waits for an answer at most (default: TIMEOUT).
    """

    def __init__(self, agent="", session=None, path=None, timeout=None, framework=None, version=None):
        self.session = _name(session or "%d-%x" % (os.getpid(), time.time_ns()))
        self._path = path or os.environ.get("SENSORD_TOOLCALLS", DEFAULT_PATH)
        self._timeout = TIMEOUT if timeout is None else timeout
        self._agent = {"name": _word(agent)}
        if framework:
            self._agent["framework"] = _word(framework)
        if version:
            self._agent["version"] = _word(version)
        self._connecting = _Pause()
        self._waiting = _Pause()
        hello = {"type": "hello", "protocol": 1, "session": self.session, "agent": self._agent}
        self._pool = _Pool(self._path, hello, self._connecting, self._waiting)

    def __reduce__(self):
        agent = self._agent
        values = (agent["name"], self.session, self._path, self._timeout, agent.get("framework"), agent.get("version"))
        return (Client, values)

    def call(self, name, arguments=None, scope=None, initiator=None):
        """A call of the tool `name`, for `with` or `async with`.

        arguments: what it is called with; values never leave this process and the daemon.
        scope: `thread`, `process`, `tree` or `none`: what acts for it (default: the thread, where it has no event loop).
        initiator: {"kind": "human" | "agent" | "service" | "schedule", "id": ..., "onBehalfOf": ...}
        """
        return _Call(self, name, arguments, scope, initiator)

    def tool(self, name=None, scope=None, initiator=None):
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

            def call(values, named, default=None):
                try:
                    arguments = dict(signature.bind_partial(*values, **named).arguments)
                except Exception:
                    arguments = {}
                return self.call(tool, arguments, scope or default, initiator)

            if inspect.iscoroutinefunction(body):

                @functools.wraps(function)
                async def announced(*values, **named):
                    async with call(values, named):
                        return await function(*values, **named)

            elif inspect.isasyncgenfunction(body):

                @functools.wraps(function)
                async def announced(*values, **named):
                    steps = function(*values, **named)
                    async with call(values, named):
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
                    with call(values, named, "process"):
                        return (yield from steps)

            else:

                @functools.wraps(function)
                def announced(*values, **named):
                    # Nobody else has the thread before it returns.
                    with call(values, named, "thread"):
                        return function(*values, **named)

            return announced

        return decorate

    def mcp(self, session, scope="tree", initiator=None):
        """The MCP client session `session` (of the official SDK, say), with every call_tool() a tool call.

        scope: `tree`, as the server was started by this process; `none` where it runs elsewhere.
        """
        return _Tools(self, session, scope, initiator)

    def _until(self):
        """When no answer is waited for any more; 0: none is at all."""
        return time.monotonic() + min(self._timeout, LONGEST_WAIT) if self._waiting.is_over else 0.0

    def _line(self, loop=None, generation=math.inf):
        until = self._until()
        line = self._pool.line(until, loop, generation)
        if line is not None and not line.is_own and 0 < until <= time.monotonic():
            _log.debug("no connection is free within %s s", self._timeout)
            self._waiting.failed()
        return line

    def _line_on(self, connection, loop=None):
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
