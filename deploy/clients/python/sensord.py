# SPDX-License-Identifier: Apache-2.0
"""Announces an agent's tool calls to sensord, so that what they do can be told from what else the agent does.

One file, no dependencies, Python 3.8 and later:

    import sensord

    client = sensord.Client(agent="planner")

    with client.call("read_file", {"path": "/etc/hosts"}):
        ...                                  # done for this call: its thread, and all that it starts

    @client.tool()                           # functions and coroutines
    async def fetch(url): ...

    tools = client.mcp(session)              # an MCP client session; each tools.call_tool(…) is announced

Within a plain `with`, the announcing thread acts for the call. Within `async with`, and for coroutines, the process does:
an asyncio task shares its thread with others. Where several calls are open in a process, sensord says which they are.
What an MCP server over stdio does counts too, though it was started before: for its calls a process and all its
descendants act.

Nothing here raises into the agent, and without a daemon all of it does nothing. A call costs one round trip on a local
socket when it begins: the daemon answers once the kernel knows of it.
"""

import asyncio
import functools
import inspect
import itertools
import json
import os
import socket
import threading
import time

__all__ = ["Client"]

DEFAULT_PATH = "/run/sensord/agent/toolcalls.sock"
LINE_LIMIT = 64 << 10
RETRY_SECONDS = 5.0

# Of arguments no more is said than this: paths, hosts and commands are short.
TEXT_LIMIT = 4096
ITEM_LIMIT = 64
DEPTH_LIMIT = 6


def _reduced(value, depth=0):
    """What JSON can say of an argument, bounded."""
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, float) or value - value == 0 else None
    if isinstance(value, os.PathLike):
        value = os.fsdecode(value)
    if isinstance(value, str):
        return value if len(value) <= TEXT_LIMIT else {"omitted": True, "length": len(value)}
    if depth < DEPTH_LIMIT and isinstance(value, dict):
        return {str(key): _reduced(item, depth + 1) for key, item in itertools.islice(value.items(), ITEM_LIMIT)}
    if depth < DEPTH_LIMIT and isinstance(value, (list, tuple)):
        return [_reduced(item, depth + 1) for item in itertools.islice(value, ITEM_LIMIT)]
    # Its text is nobody's business, and what makes it may take long or raise.
    return {"omitted": True}


class _Unsaid(Exception):
    """No message can be made of what was given. Nothing was sent."""


class _Connection:
    """One thread's connection: messages in order, an answer for each."""

    def __init__(self, path, timeout):
        self.process = os.getpid()
        self.sequence = 0
        self.sessions = set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.settimeout(timeout)
            self.socket.connect(path)
            self.answers = self.socket.makefile("rb")
        except BaseException:
            self.socket.close()
            raise

    def ask(self, message):
        self.sequence += 1
        message["seq"] = self.sequence
        try:
            line = json.dumps(message).encode() + b"\n"
            if len(line) > LINE_LIMIT and "call" in message:
                message["call"].pop("arguments", None)
                line = json.dumps(message).encode() + b"\n"
        except Exception as error:
            raise _Unsaid from error
        if len(line) > LINE_LIMIT:
            raise _Unsaid
        self.socket.sendall(line)
        answer = self.answers.readline(LINE_LIMIT)
        if not answer.endswith(b"\n"):
            raise OSError("the daemon has gone")
        answer = json.loads(answer)
        if answer.get("seq") != self.sequence:
            raise ValueError("not the answer to this message")
        return answer

    def close(self):
        try:
            self.answers.close()
            self.socket.close()
        except OSError:
            pass


class _Call:
    """A call that is being made. `id` is its id; `is_known`: the daemon has acknowledged it."""

    def __init__(self, client, name, arguments, scope, initiator):
        self.id = client._next_id()
        self.is_known = False
        self._failure = None
        self._client = client
        self._name = name
        self._arguments = arguments
        self._scope = scope
        self._initiator = initiator

    def fail(self, error):
        """The call ends as an error, though nothing is raised. error: what kind of one, in a word."""
        self._failure = error

    def __enter__(self):
        self._begin(self._scope or "thread")
        return self

    def __exit__(self, kind, error, trace):
        self._end(kind, error)
        return False

    async def __aenter__(self):
        # Not the thread: other tasks run on it while this one waits.
        self._begin(self._scope or "process")
        return self

    async def __aexit__(self, kind, error, trace):
        self._end(kind, error)
        return False

    def _begin(self, scope):
        try:
            arguments = _reduced(self._arguments or {})
        except Exception:
            arguments = {}
        message = {
            "type": "begin",
            "session": self._client.session,
            "call": {"id": self.id, "name": self._name, "arguments": arguments},
            "scope": scope,
        }
        if scope == "thread":
            message["threadId"] = threading.get_native_id()
        if self._initiator:
            message["initiator"] = self._initiator
        self.is_known = self._client._ask(message)

    def _end(self, kind, error):
        if not self.is_known:
            return
        message = {"type": "end", "session": self._client.session, "call": {"id": self.id}, "status": "ok"}
        if kind is not None:
            is_cancelled = issubclass(kind, asyncio.CancelledError)
            message["status"] = "cancelled" if is_cancelled else "error"
            # The type only: what an exception says may hold what the tool was given.
            message["error"] = kind.__name__
        elif self._failure is not None:
            message["status"] = "error"
            message["error"] = self._failure
        self._client._ask(message)


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
            # As the SDK has it from its second version on, and before.
            if getattr(result, "is_error", False) is True or getattr(result, "isError", False) is True:
                call.fail("tool_error")
            return result


class Client:
    """Announces calls. May be used from any thread, and goes on to work after a fork.

    agent: name of the agent; session: an id of its own making (default: one for this process);
    path: of the socket (default: $SENSORD_TOOLCALLS, or where the daemon has it);
    timeout: seconds that the agent waits for an answer at most.
    """

    def __init__(self, agent="", session=None, path=None, timeout=1.0, framework=None, version=None):
        self.session = session or "%d-%x" % (os.getpid(), time.time_ns())
        self._path = path or os.environ.get("SENSORD_TOOLCALLS", DEFAULT_PATH)
        self._timeout = timeout
        self._agent = {"name": agent}
        if framework:
            self._agent["framework"] = framework
        if version:
            self._agent["version"] = version
        self._local = threading.local()
        self._numbers = itertools.count(1)
        self._retry_at = 0.0

    def call(self, name, arguments=None, scope=None, initiator=None):
        """A call of the tool `name`, for `with` or `async with`.

        arguments: what it is called with; values never leave this process and the daemon.
        scope: `thread`, `process`, `tree` or `none`: what acts for it.
        initiator: {"kind": "human" | "agent" | "service" | "schedule", "id": ..., "onBehalfOf": ...}
        """
        return _Call(self, name, arguments, scope, initiator)

    def tool(self, name=None, scope=None, initiator=None):
        """Makes each call of a function or coroutine function a tool call."""

        def decorate(function):
            signature = inspect.signature(function)
            tool = name or function.__name__

            def call(values, named):
                try:
                    arguments = dict(signature.bind_partial(*values, **named).arguments)
                except TypeError:
                    arguments = {}
                return self.call(tool, arguments, scope, initiator)

            if inspect.iscoroutinefunction(function):

                @functools.wraps(function)
                async def announced(*values, **named):
                    async with call(values, named):
                        return await function(*values, **named)

            else:

                @functools.wraps(function)
                def announced(*values, **named):
                    with call(values, named):
                        return function(*values, **named)

            return announced

        return decorate

    def mcp(self, session, scope="tree", initiator=None):
        """The MCP client session `session` (of the official SDK, say), with every call_tool() a tool call.

        scope: `tree`, as the server was started by this process; `none` where it runs elsewhere.
        """
        return _Tools(self, session, scope, initiator)

    def _next_id(self):
        return "%d-%d" % (os.getpid(), next(self._numbers))

    def _ask(self, message):
        """Whether the daemon has acknowledged the message."""
        try:
            connection = self._connection()
            return connection is not None and connection.ask(message).get("type") == "ack"
        except _Unsaid:
            return False
        except Exception:
            self._give_up()
            return False
        except BaseException:
            # An interrupt: the answer is still to come, and would be taken for the next one's.
            self._disconnect()
            raise

    def _connection(self):
        connection = getattr(self._local, "connection", None)
        if connection is not None and connection.process != os.getpid():
            # The parent's: what a child says on it would mix with what the parent says.
            connection.close()
            connection = None
        if connection is None:
            if time.monotonic() < self._retry_at:
                return None
            connection = _Connection(self._path, self._timeout)
            self._local.connection = connection
        if self.session not in connection.sessions:
            hello = {"type": "hello", "protocol": 1, "session": self.session, "agent": self._agent}
            if connection.ask(hello).get("type") != "ack":
                return None
            connection.sessions.add(self.session)
        return connection

    def _give_up(self):
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._disconnect()

    def _disconnect(self):
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None
