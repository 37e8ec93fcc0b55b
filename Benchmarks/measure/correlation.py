# SPDX-License-Identifier: Apache-2.0
"""How often what a call did is joined to that call: agents that tell the truth, and the records that know nothing of it."""

import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter

from measure import bpf, machine
from measure.sensor import Sensor, SensorFailed

ONE_PROCESS = ("threads", "pool", "asyncio", "asyncio+threads")
MANY_PROCESSES = ("threads+children", "asyncio+children", "workers", "workers, scope process")
WAYS = ONE_PROCESS + MANY_PROCESSES
CONCURRENT = (1, 4, 16)
SINGLE = ("exact", "process", "argument", "window")
LEVELS = SINGLE + ("candidates", "none")

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AGENT = os.path.join(HERE, "workloads", "agent.py")
CLIENT = os.path.join(os.path.dirname(HERE), "deploy", "clients", "python")
HOSTILE = os.path.join(os.path.dirname(HERE), "Tests", "Agents", "hostile.py")

# Agents with the client's own timeout, and that wait for no answer at all, while the daemon stands still again and again; and
# beside a workload that has it look after calls only.
STANDSTILL, NEIGHBOUR = "the daemon stands still at times", "a neighbour says too much"
DISTURBED = ((STANDSTILL, "default"), (STANDSTILL, "0"), (NEIGHBOUR, "default"))
DISTURBED_WAYS = ("threads", "threads+children")
DISTURBED_CONCURRENT = 4
STANDSTILL_SECONDS = 0.2


class Daemon(Sensor):
    """One that takes calls as soon as it is there; that it is calm matters to no figure here."""

    def __init__(self, command, records, log, run_directory):
        self.socket = os.path.join(run_directory, "agent", "toolcalls.sock")
        if os.path.exists(self.socket):
            os.remove(self.socket)
        super().__init__(command, records, log)

    def settle(self, limit=120):
        deadline = time.monotonic() + limit
        while not os.path.exists(self.socket):
            if self.process.poll() is not None:
                raise SensorFailed(f"the sensor ended with {self.process.returncode}: see {self.log}")
            if time.monotonic() > deadline:
                raise SensorFailed(f"the sensor takes no calls after {limit} s: see {self.log}")
            time.sleep(0.05)

    def stop(self, limit=120):
        return super().stop(limit)


def entering(cgroup):
    """Has a child enter a cgroup before it runs its program."""

    def enter():
        for directory in cgroup:
            with open(os.path.join(directory, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))

    return enter


def run(way, concurrent, calls, with_arguments, folder, run_directory, cgroup, timeout="10", rest=0.0):
    """Has an agent do its work; returns what it says that it did."""
    os.makedirs(folder)
    environment = dict(os.environ, SENSORD_TOOLCALLS=os.path.join(run_directory, "agent", "toolcalls.sock"))

    what = [way, concurrent, calls, folder, 1 if with_arguments else 0, timeout, rest]
    command = [sys.executable, AGENT, CLIENT, *map(str, what)]
    # The agent has no thread yet when this runs, and the benchmark none that holds a lock.
    output = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, preexec_fn=entering(cgroup)  # noqa: PLW1509
    ).stdout
    done = [json.loads(line) for line in output.splitlines()]
    if len(done) != calls:
        raise RuntimeError(f"{way}: {len(done)} of {calls} calls were made")
    return done


def known(done):
    return sum(call["known"] for call in done)


@contextlib.contextmanager
def standstill(pid):
    """A process stands still at times that nobody can tell."""
    is_over = threading.Event()

    def work():
        while not is_over.wait(random.uniform(0.05, 0.3)):
            os.kill(pid, signal.SIGSTOP)
            try:
                is_over.wait(STANDSTILL_SECONDS)
            finally:
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def neighbour(run_directory, cgroup):
    """Another workload, which has the daemon begin and end calls as fast as it can."""
    path = os.path.join(run_directory, "agent", "toolcalls.sock")
    command = [sys.executable, HOSTILE, path, "begins"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, preexec_fn=entering(cgroup)  # noqa: PLW1509
    ) as process:
        try:
            process.stdout.readline()
            yield
        finally:
            process.kill()


def truth(done):
    """Which call did it, by file and by peer."""
    found = {path: call["name"] for call in done for path in call["files"]}
    found.update({call["peer"]: call["name"] for call in done})
    return found


class Score:
    """Effects by level: how many, and how many of them rightly. An effect that is in no record at all is `missing`."""

    def __init__(self):
        self.right = Counter()
        self.all = Counter()
        self.missing = 0

    def add(self, level, is_right):
        self.all[level] += 1
        self.right[level] += is_right

    def join(self, other):
        self.right += other.right
        self.all += other.all
        self.missing += other.missing

    @property
    def effects(self):
        return sum(self.all.values()) + self.missing

    @property
    def stated(self):
        return sum(self.all[level] for level in SINGLE)

    @property
    def single_right(self):
        return sum(self.right[level] for level in SINGLE)

    def figures(self):
        return {
            "effects": self.effects,
            "missing": self.missing,
            "levels": {
                level: {
                    "effects": self.all[level],
                    "precision": self.right[level] / self.all[level],
                    "recall": self.right[level] / self.effects,
                }
                for level in LEVELS
                if self.all[level]
            },
            "single_precision": self.single_right / self.stated if self.stated else None,
            "single_recall": self.single_right / self.effects if self.effects else None,
        }


def effects(lines, done):
    """Of each effect that the truth knows, its level and whether that was right."""
    names = {}
    wanted = truth(done)
    tools = set(wanted.values())
    seen = {}
    for line in lines:
        kind = line.get("kind")
        if kind == "toolcall.begin" and line["toolCall"]["name"] in tools:
            names[line["toolCall"]["id"]] = line["toolCall"]["name"]
        elif kind == "file.create":
            path = line["file"]["path"]
            if path in wanted:
                seen.setdefault(path, line.get("toolCall"))
        elif kind == "network.connect":
            peer = line["network"].get("peer", {}).get("address")
            if peer in wanted:
                seen.setdefault(peer, line.get("toolCall"))
    score = Score()
    for effect, name in wanted.items():
        if effect not in seen:
            score.missing += 1
            continue
        call = seen[effect]
        if call is None:
            score.add("none", False)
        elif call["method"] == "candidates":
            score.add("candidates", name in [names.get(candidate) for candidate in call["candidates"]])
        else:
            score.add(call["method"], call["name"] == name)
    return score


def read(path, offset, is_over, is_complete, limit=30, settling=3):
    """The records from an offset on, once it is over and they are complete. An end may be told before what came earlier."""
    deadline = time.monotonic() + limit
    over_at = None
    while True:
        with open(path, "rb") as file:
            file.seek(offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        now = time.monotonic()
        if over_at is None and is_over(lines):
            over_at = now
        if now > deadline or over_at is not None and (is_complete(lines) or now > over_at + settling):
            return lines, offset + len(whole)
        time.sleep(0.2)


def measure(sensor, run_directory, scratch, cgroups, calls, progress, ways=WAYS):
    """Every way with every number of calls at a time, with their arguments and without."""
    results, offset = [], 0
    for way in ways:
        for concurrent in CONCURRENT:
            for with_arguments in (True, False):
                progress(f"{way}, {concurrent} at a time, {'with' if with_arguments else 'without'} arguments")
                number = len(results)
                folder = os.path.join(scratch, f"agent-{number}")
                group = cgroups.group(f"agent-{number}")
                done = run(way, concurrent, calls, with_arguments, folder, run_directory, group)
                if known(done) != calls:
                    raise RuntimeError(f"{way}: {known(done)} of {calls} calls were acknowledged")
                score, offset = scored(sensor, offset, done)
                results.append((way, concurrent, with_arguments, score))
    return results


def scored(sensor, offset, done):
    """What the records from an offset on say of that, and where they end."""
    tools = {call["name"] for call in done}

    def is_over(lines):
        return tools <= {line["toolCall"]["name"] for line in lines if line.get("kind") == "toolcall.end"}

    def is_complete(lines):
        return effects(lines, done).missing == 0

    lines, offset = read(sensor.records, offset, is_over, is_complete)
    return effects(lines, done), offset


def disturbed(sensor, run_directory, scratch, cgroups, calls, progress):
    """Agents whose calls are not always answered in time."""
    results = []
    # Of what was there before.
    offset = os.path.getsize(sensor.records) if os.path.exists(sensor.records) else 0
    for disturbance, timeout in DISTURBED:
        for way in DISTURBED_WAYS:
            progress(f"{way}, timeout {timeout}, {disturbance}")
            number = len(results)
            folder, group = os.path.join(scratch, f"disturbed-{number}"), cgroups.group(f"disturbed-{number}")
            around = (
                standstill(sensor.pid)
                if disturbance == STANDSTILL
                else neighbour(run_directory, cgroups.group(f"neighbour-{number}"))
            )
            with around:
                done = run(way, DISTURBED_CONCURRENT, calls, False, folder, run_directory, group, timeout, 0.01)
            score, offset = scored(sensor, offset, done)
            results.append(
                dict(way=way, disturbance=disturbance, timeout=timeout, calls=len(done), known=known(done), **score.figures())
            )
    return results


def summary(results):
    rows = [
        dict(way=way, concurrent=concurrent, arguments=with_arguments, **score.figures())
        for way, concurrent, with_arguments, score in results
    ]
    totals = {}
    for _, _, with_arguments, score in results:
        totals.setdefault("with" if with_arguments else "without", Score()).join(score)
    return {"rows": rows, "totals": {name: score.figures() for name, score in totals.items()}}


def throughput(sensor, program, run_directory, clients, calls, rate):
    """Calls of several clients at a rate: what the answer to `begin` takes, and what the daemon spends."""
    path = os.path.join(run_directory, "agent", "toolcalls.sock")
    before, started = sensor.cpu(), machine.usage()
    output = subprocess.run(
        [program, path, str(clients), str(calls), str(rate)], stdout=subprocess.PIPE, check=True
    ).stdout
    used, after = sensor.cpu() - before, machine.usage()
    result = json.loads(output)
    share = machine.share(started, after, used + result["cpu_ns"] / 1e9)
    result.update(
        clients=clients,
        rate=result["calls"] / (result["wall_ns"] / 1e9),
        asked=rate,
        daemon_cores=used / (result["wall_ns"] / 1e9),
        daemon_us=used / result["calls"] * 1e6,
        others=share.others,
        stolen=share.stolen,
    )
    return result


def round_trip(run_directory, build, scratch, pairs=15):
    """Medians of what the answer to `begin` takes one client, µs, from the daemon and from a server that only answers, in turns."""
    path, program = os.path.join(scratch, "answers.sock"), os.path.join(build, "calls")
    sockets = {"sensord": os.path.join(run_directory, "agent", "toolcalls.sock"), "only an answer": path}
    medians = {name: [] for name in sockets}
    with subprocess.Popen([os.path.join(build, "answers"), path], stdout=subprocess.PIPE) as server:
        try:
            if not server.stdout.readline():
                raise RuntimeError("answers: does not listen")
            for _ in range(pairs):
                for name, path in sockets.items():
                    output = subprocess.run([program, path, "1", "100", "500"], stdout=subprocess.PIPE, check=True).stdout
                    medians[name].append(json.loads(output)["ack_ns"]["median"] / 1000)
        finally:
            server.kill()
    added = [ours - bare for ours, bare in zip(medians["sensord"], medians["only an answer"])]
    return {**{name: statistics.median(found) for name, found in medians.items()}, "added": statistics.median(added)}


def look_up(sensor, generators, directory, run_directory, opens=100_000, windows=25):
    """Time in the sys_exit program for one open+close of a remembered file, ns: before any call was announced, with one open
    elsewhere, and within one: the quickest of several windows each, which others disturbed least. What it costs to look for calls is
    the difference."""
    sys.path.insert(0, CLIENT)
    import sensord

    os.makedirs(directory, exist_ok=True)
    generators.run("prepare", directory, 1)
    client = sensord.Client(agent="benchmark", path=os.path.join(run_directory, "agent", "toolcalls.sock"), timeout=10.0)
    with bpf.Statistics():
        programs = bpf.Programs(sensor.pid)

        def window():
            before = programs.times()["sys_exit"]
            operations = generators.run("opens", directory, 1, opens).operations
            return programs.times()["sys_exit"].since(before).time / operations

        def quickest():
            window()
            return min(window() for _ in range(windows))

        try:
            result = {"no call": quickest()}
            with client.call("elsewhere", scope="none") as call:
                result["a call elsewhere"] = quickest()
                if not call.is_known:
                    raise SensorFailed("the call was not acknowledged")
            with client.call("here") as call:
                result["within a call"] = quickest()
                if not call.is_known:
                    raise SensorFailed("the call was not acknowledged")
        finally:
            programs.close()
    return result
