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
then, for a time that grows, is told without being waited for. What it refuses is logged (logger `sensord`, level INFO).
"""

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
    if text.isascii():
        return str(text)
    try:
        return text.encode().decode()
    except UnicodeEncodeError:
        text = "".join("\ufffd" if "\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" else c for c in text)
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _word(value, limit=WORD_LIMIT):
    """A word, as long as it may be."""
    try:
        text = _text((value if isinstance(value, str) else str(value))[:limit])
    except Exception:
        text = type(value).__name__
    return text.encode()[:limit].decode("utf-8", "ignore")


def _name(value):
    return _word(value, NAME_LIMIT)


def _is_in_event_loop():
    try:
        asyncio.get_running_loop()
        return True
    except RuntimeError:
        return False


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
            return {"omitted": True, "length": len(value)}
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
    """One thread's connection: messages in order, an answer for each.

    Nothing here waits but wait() and arrival(). Any thread may send; all else is for the thread that made it. What goes
    wrong closes it.
    """

    def __init__(self, path, pauses):
        self.process = os.getpid()
        self.thread = threading.get_ident()
        self.sessions = set()
        self.has_acknowledged = False
        self.is_broken = False
        # The daemon takes no more for the time being.
        self.is_full = False
        self._pauses = pauses
        self._sequence = 0
        self._sending = threading.Lock()
        self._outgoing = collections.deque()
        self._rest = b""
        self._unanswered = collections.deque()
        self._incoming = b""
        self._loops = {}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.setblocking(False)
            self.socket.connect(path)
        except BaseException:
            self.socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)
        _connections.add(self)

    def __del__(self):
        try:
            self.socket.close()
        except Exception:
            pass

    # Sending.

    def send(self, message):
        self._outgoing.append(message)
        self.flush()

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
        for pause in self._pauses:
            pause.succeeded()
        message.answer = answer
        if message.wake is not None:
            message.wake()
        if message.is_acknowledged:
            self.has_acknowledged = True
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

    async def arrival(self, message, loop, seconds):
        future = loop.create_future()
        message.wake = lambda: None if future.done() else future.set_result(None)
        timer = loop.call_later(seconds, message.wake)
        descriptor = self.socket.fileno()
        self._loops[loop] = self._loops.get(loop, 0) + 1
        try:
            if self._loops[loop] == 1:
                loop.add_reader(descriptor, self.take)
            await future
        finally:
            message.wake = None
            timer.cancel()
            # It is not there any more if the connection was closed.
            waiting = self._loops.get(loop, 0)
            if waiting > 1:
                self._loops[loop] = waiting - 1
            elif waiting == 1:
                del self._loops[loop]
                loop.remove_reader(descriptor)

    def close(self):
        self.is_broken = True
        loops, self._loops = self._loops, {}
        for loop in loops:
            try:
                loop.remove_reader(self.socket.fileno())
            except Exception:
                pass
        self.socket.close()
        for message in [*self._unanswered, *self._outgoing]:
            if message.wake is not None:
                message.wake()


_connections = weakref.WeakSet()
_numbers = itertools.count(1)


def _leave_to_parent():
    """After a fork: the child's copies go, so that a connection ends with the process that it belongs to."""
    for connection in list(_connections):
        connection.is_broken = True
        # An event loop's selector is the parent's too: nothing is taken out of it.
        connection.socket.close()
    _connections.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


class _Call:
    """A call that is being made. `id` is its id; `is_known`: the daemon had acknowledged it when the agent went on.

    Where the daemon is slow, one that is not known may come to be in effect, and ends as any other.
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
        try:
            # An event loop's other tasks run on the thread whenever this one waits.
            for message in self._begin(self._scope or ("process" if _is_in_event_loop() else "thread")):
                self._client._wait(self._connection, message)
            self._enter()
        except Exception as error:
            self._client._forgive(error)
        except BaseException as error:
            self._end(type(error))
            raise
        return self

    def __exit__(self, kind, error, trace):
        message, connection = self._end(kind), self._connection
        try:
            # Nor is whoever has the garbage collector close a generator to wait.
            if message is not None and not issubclass(kind or Exception, GeneratorExit):
                self._client._wait(connection, message)
        except Exception as failure:
            self._client._forgive(failure)
        return False

    async def __aenter__(self):
        try:
            # Not the thread: other tasks run on it while this one waits.
            for message in self._begin(self._scope or "process"):
                await self._client._arrival(self._connection, message)
            self._enter()
        except Exception as error:
            self._client._forgive(error)
        except BaseException as error:
            self._end(type(error))
            raise
        return self

    async def __aexit__(self, kind, error, trace):
        message, connection = self._end(kind), self._connection
        try:
            # A coroutine that is closed may not wait.
            if message is not None and not issubclass(kind or Exception, GeneratorExit):
                await self._client._arrival(connection, message)
        except asyncio.CancelledError:
            if not issubclass(kind or Exception, asyncio.CancelledError):
                raise
        except Exception as failure:
            self._client._forgive(failure)
        return False

    def _begin(self, scope):
        """Gives the messages whose answers are to be waited for, one after the other."""
        self._connection = self._client._connected()
        if self._connection is None:
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
            message = self._message(attempt)
            if message is None:
                continue
            self._begun = message
            self._connection.send(message)
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
    def _message(fields):
        """None: it cannot be said."""
        try:
            message = _Message(fields)
            # Its sequence number is still to come.
            return message if len(message.body) < LINE_LIMIT - 32 else None
        except Exception as error:
            _log.info("%s cannot be said: %r", fields["type"], error)
            return None

    def _enter(self):
        self.is_known = self._begun is not None and self._begun.is_acknowledged

    def _end(self, kind):
        """Says so; returns the message."""
        try:
            connection, begun = self._connection, self._begun
            # Of a child's copy of the call nothing ends, nor is another daemon told of what it does not know.
            if begun is None or connection.process != os.getpid() or connection.is_broken:
                return None
            if begun.answer is None and connection.thread == threading.get_ident():
                connection.take()
            if begun.code is not None or connection.is_broken:
                return None
            self._begun = None
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
            message = _Message(fields)
            connection.send(message)
            return message
        except Exception:
            return None


class _Tools:
    """An MCP client session whose tool calls are announced; for the rest, the session itself."""

    def __init__(self, client, session, scope, initiator):
        self._client = client
        self._session = session
        self._scope = scope
        self._initiator = initiator

    def __getattr__(self, name):
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
        self._local = threading.local()
        self._connecting = _Pause()
        self._waiting = _Pause()

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

    def _connected(self):
        """The thread's connection, on which hello was said; None where there is none, or it takes nothing."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            if connection.process == os.getpid():
                connection.take()
                connection.flush()
                if not connection.is_broken:
                    return None if connection.is_full else self._greeted(connection)
                connection.close()
                if not connection.has_acknowledged:
                    self._connecting.failed()
            self._local.connection = None
        if not self._connecting.is_over:
            return None
        try:
            connection = _Connection(self._path, (self._connecting, self._waiting))
        except OSError as error:
            self._connecting.failed()
            _log.debug("no daemon: %s: %s", self._path, error)
            return None
        self._local.connection = connection
        return self._greeted(connection)

    def _greeted(self, connection):
        if self.session not in connection.sessions:
            # What is said after it need not wait for its answer.
            connection.sessions.add(self.session)
            fields = {"type": "hello", "protocol": 1, "session": self.session, "agent": self._agent}
            connection.send(_Message(fields))
        return connection

    def _is_awaited(self, connection, message):
        # Another thread's answers are its own to take.
        is_own = connection.thread == threading.get_ident() and connection.process == os.getpid()
        return is_own and message.answer is None and not connection.is_broken and self._waiting.is_over

    def _wait(self, connection, message):
        if self._is_awaited(connection, message):
            connection.wait(message, self._timeout)
            self._judge(connection, message)

    async def _arrival(self, connection, message):
        if not self._is_awaited(connection, message):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Another library's, whose ways are not known.
            return self._wait(connection, message)
        await connection.arrival(message, loop, self._timeout)
        self._judge(connection, message)

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
