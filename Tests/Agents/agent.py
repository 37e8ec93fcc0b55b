# SPDX-License-Identifier: Apache-2.0
"""An agent with the official MCP SDK: has a server over stdio that it has started make tool calls, one by one and at once.

agent.py FOLDER WHO [ENDPOINT]

FOLDER is where files are made. WHO announces the calls: `agent`, `server` or nobody; ENDPOINT as server.py has it.
"""

import asyncio
import os
import socket
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

sys.dont_write_bytecode = True
folder, who, *endpoint = sys.argv[1:]
sys.path.insert(0, os.environ["SENSORD_CLIENT"])
import sensord  # noqa: E402

client = sensord.Client(agent="planner", session="s1", framework="mcp", timeout=20)


def path(name):
    return os.path.join(folder, name)


def touch(name):
    open(path(name), "w").close()


async def appears(name):
    for _ in range(6000):
        if os.path.exists(path(name)):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(name)


async def agent(session):
    async def call(tool, name, /, **arguments):
        result = await session.call_tool(tool, {"path": path(name), **arguments})
        assert result.is_error == (tool == "fail"), result

    await call("write", "one-by-one")
    touch("between")
    await call("write_in_thread", "thread")
    await call("write_by_worker", "worker")
    await call("fail", "failing")

    await asyncio.gather(*[call("write_in_threads", "threads-%d" % number) for number in (1, 2)])

    peers = [socket.create_server(("127.0.0.%d" % (n + 1), 0)) for n in (1, 2, 3)]
    publications = []
    for n, peer in enumerate(peers, 1):
        host, port = peer.getsockname()
        publications.append(call("publish", "task-%d" % n, host=host, port=port, name="unnamed-%d" % n, others=3))
    await asyncio.gather(*publications)

    task = asyncio.create_task(call("hang", "hanging"))
    await appears("hanging")
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        touch("cancelled")


async def main():
    server = StdioServerParameters(
        command=sys.executable,
        args=[os.path.join(os.path.dirname(__file__), "server.py"), folder, str(int(who == "server")), *endpoint],
        env=dict(os.environ),
    )
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        await agent(client.mcp(session) if who == "agent" else session)


asyncio.run(main())
