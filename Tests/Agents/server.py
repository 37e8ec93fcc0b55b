# SPDX-License-Identifier: Apache-2.0
"""An MCP server over stdio, with the official SDK: its tools have subprocesses do what tests then look for.

server.py FOLDER ANNOUNCES [ENDPOINT]

FOLDER is where files are made whose names calls do not give. ANNOUNCES: 1 if the server announces its calls itself.
ENDPOINT: where the SDK's own spans go.
"""

import asyncio
import os
import subprocess
import sys
import threading

from mcp.server.mcpserver import MCPServer

sys.dont_write_bytecode = True
folder, announces, *endpoint = sys.argv[1:]
server = MCPServer("files")

if announces == "1":
    sys.path.insert(0, os.environ["SENSORD_CLIENT"])
    import sensord

    announced = sensord.Client(agent="server", session="server", timeout=20).tool
else:

    def announced():
        return lambda function: function


TOUCH = ["/bin/sh", "-c", ': > "$1"', "touch"]
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()"

# It was started before any call was.
worker, orders = os.pipe()
done, tells = os.pipe()
if os.fork() == 0:
    os.close(orders)
    with os.fdopen(worker) as lines:
        for line in lines:
            subprocess.run([*TOUCH, line.rstrip("\n")], check=True)
            os.write(tells, b".")
    os._exit(0)
os.close(worker)


async def run(*arguments):
    process = await asyncio.create_subprocess_exec(*arguments, stdin=asyncio.subprocess.DEVNULL)
    if await process.wait() != 0:
        raise RuntimeError("it failed")


class Meeting:
    """Of calls: none goes on before all are there."""

    def __init__(self):
        self.count, self.full = 0, asyncio.Event()

    async def wait(self, others):
        self.count += 1
        if self.count == others:
            self.full.set()
        await self.full.wait()


begun, over = Meeting(), Meeting()
threads = threading.Barrier(2, timeout=60)


@server.tool()
@announced()
async def write(path: str) -> str:
    open(path, "w").close()
    await run(*TOUCH, path + "-child")
    return "done"


@server.tool()
@announced()
def write_in_thread(path: str) -> str:
    subprocess.run([*TOUCH, path], check=True, stdin=subprocess.DEVNULL)
    return "done"


@server.tool()
@announced()
def write_in_threads(path: str) -> str:
    threads.wait()
    subprocess.run([*TOUCH, path], check=True, stdin=subprocess.DEVNULL)
    threads.wait()
    return "done"


@server.tool()
@announced()
def write_by_worker(path: str) -> str:
    os.write(orders, os.fsencode(path) + b"\n")
    os.read(done, 1)
    return "done"


@server.tool()
@announced()
async def publish(path: str, host: str, port: int, name: str, others: int) -> str:
    """Makes a file that the call names and one that it does not, and talks to a peer, while as many other calls do so."""
    await begun.wait(others)
    await run(*TOUCH, path)
    await run(*TOUCH, os.path.join(folder, name))
    await run(sys.executable, "-IS", "-c", CONNECT, host, str(port))
    await over.wait(others)
    return "done"


@server.tool()
@announced()
async def fail(path: str) -> str:
    await run(*TOUCH, path)
    raise ValueError("no")


@server.tool()
@announced()
async def hang(path: str) -> str:
    await run(*TOUCH, path)
    await asyncio.Event().wait()


if endpoint:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint[0], timeout=20)))
    trace.set_tracer_provider(provider)

server.run("stdio")
