# SPDX-License-Identifier: Apache-2.0
"""agent.py CLIENT WAY CONCURRENCY CALLS FOLDER ARGUMENTS TIMEOUT REST: an agent that makes tool calls, CONCURRENCY of them at a
time.

CLIENT is the folder of the Python client, WAY how it works, ARGUMENTS 1 if calls tell what they are called with, TIMEOUT how long
answers are waited for in seconds, or `default`, REST how long a thread does nothing after each call. Each call makes files and
connects to an address, all of its own; a line of JSON for each tells the truth.
"""

import asyncio
import concurrent.futures
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import sensord  # noqa: E402

WAY, CONCURRENCY, CALLS, FOLDER, ARGUMENTS = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6] == "1"
TIMEOUT, REST = None if sys.argv[7] == "default" else float(sys.argv[7]), float(sys.argv[8])
FILES = 3


class Work:
    """What one call does, in steps."""

    def __init__(self, number):
        self.number = number
        self.files = [os.path.join(FOLDER, f"call-{number}-file-{index}") for index in range(FILES)]
        # Nobody listens there: that it was tried is the effect.
        self.peer = f"127.{1 + number // 62500}.{number // 250 % 250}.{number % 250 + 2}"

    @property
    def arguments(self):
        return {"paths": self.files, "url": f"http://{self.peer}:9/"} if ARGUMENTS else None

    @property
    def name(self):
        return f"tool-{self.number}"

    def steps(self):
        for path in self.files:
            yield lambda path=path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        yield self.connect

    def connect(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
            try:
                peer.connect((self.peer, 9))
            except OSError:
                pass

    def command(self):
        words = " ".join(self.files)
        return ["/bin/sh", "-c", f"for file in {words}; do : > $file; done"]

    def tell(self, call):
        text = json.dumps({"name": self.name, "files": self.files, "peer": self.peer, "known": call.is_known}) + "\n"
        os.write(1, text.encode())


client = sensord.Client(agent=WAY, timeout=TIMEOUT)


def here(number, scope=None):
    """In the calling thread."""
    work = Work(number)
    with client.call(work.name, work.arguments, scope=scope) as call:
        for step in work.steps():
            step()
    work.tell(call)
    time.sleep(REST)


def in_child(number):
    """In a child of the calling thread."""
    work = Work(number)
    with client.call(work.name, work.arguments) as call:
        subprocess.run(work.command(), check=True)
        work.connect()
    work.tell(call)
    time.sleep(REST)


def share(index):
    return range(index, CALLS, CONCURRENCY)


def threads(work):
    def loop(index):
        for number in share(index):
            work(number)

    started = [threading.Thread(target=loop, args=(index,)) for index in range(CONCURRENCY)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def pool(work):
    with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as executor:
        list(executor.map(work, range(CALLS)))


def process(work, index):
    for number in share(index):
        work(number)


def processes(work):
    started = [multiprocessing.Process(target=process, args=(work, index)) for index in range(CONCURRENCY)]
    for worker in started:
        worker.start()
    for worker in started:
        worker.join()


def by_process(number):
    here(number, scope="process")


def tasks(work):
    async def loop(index):
        for number in share(index):
            await work(number)

    async def main():
        await asyncio.gather(*[loop(index) for index in range(CONCURRENCY)])

    asyncio.run(main())


async def task(number):
    """On the event loop, where others run between the steps."""
    work = Work(number)
    async with client.call(work.name, work.arguments) as call:
        for step in work.steps():
            await asyncio.sleep(0)
            step()
        await asyncio.sleep(0)
    work.tell(call)


async def task_in_thread(number):
    """In the event loop's thread pool."""
    work = Work(number)
    async with client.call(work.name, work.arguments) as call:
        for step in work.steps():
            await asyncio.to_thread(step)
    work.tell(call)


async def task_in_child(number):
    work = Work(number)
    async with client.call(work.name, work.arguments) as call:
        child = await asyncio.create_subprocess_exec(*work.command())
        await child.wait()
        work.connect()
    work.tell(call)


WAYS = {
    "threads": lambda: threads(here),
    "pool": lambda: pool(here),
    "threads+children": lambda: threads(in_child),
    "workers": lambda: processes(here),
    "workers, scope process": lambda: processes(by_process),
    "asyncio": lambda: tasks(task),
    "asyncio+threads": lambda: tasks(task_in_thread),
    "asyncio+children": lambda: tasks(task_in_child),
}
WAYS[WAY]()
