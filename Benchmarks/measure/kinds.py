# SPDX-License-Identifier: Apache-2.0
"""Time inside the eBPF programs, for each kind of activity and each program."""

import statistics
import subprocess
import time

from measure import bpf


def _window(programs, work):
    """What every program ran while `work()` ran: (seconds, its result, times by name)."""
    before, started = programs.times(), time.monotonic()
    result = work()
    seconds, after = time.monotonic() - started, programs.times()
    return seconds, result, {name: after[name].since(before[name]) for name in after}


def _for_one(programs, work, generators):
    """ns by program for one operation of one run of the generator, the rest of the machine taken off: the programs run for
    every process, so what they ran in a window of equal length right after is subtracted. In that window a generator that
    makes no system call keeps the same processor busy, so that the others get as much of the machine as before."""
    seconds, result, times = _window(programs, work)
    spinning, _, rest = _window(programs, lambda: generators.run("spin", max(int(seconds * 1e6) - 1000, 1)))
    scale = seconds / spinning
    return {
        name: {
            "ns": (spent.time - rest[name].time * scale) / result.operations,
            "runs": (spent.runs - rest[name].runs * scale) / result.operations,
        }
        for name, spent in times.items()
    }


def _median(windows):
    names = windows[0].keys()
    return {
        name: {what: statistics.median(window[name][what] for window in windows) for what in ("ns", "runs")} for name in names
    }


def _settled(programs, windows):
    """The totals of the windows' programs; those that run hardly ever are left out of the parts."""
    parts = {name: part for name, part in _median(windows).items() if part["runs"] >= 0.01 or part["ns"] >= 5}
    return {"ns": statistics.median(sum(part["ns"] for part in window.values()) for window in windows), "programs": parts}


def measure(plan, sensor, generators, cgroups, directory, distinct, progress):
    """By kind: ns inside BPF for one operation, and each program's share of it. `distinct` is a directory of files that
    this run of the sensor has not seen."""
    names = [line.split()[0] for line in subprocess.check_output([generators.program("kinds"), "list"], text=True).splitlines()]
    programs = bpf.Programs(sensor.pid)
    groups = cgroups.group("kinds")
    result = {}
    try:
        with bpf.Statistics():
            works = {
                name: lambda name=name: generators.run("kinds", directory, name, plan.kind_operations, groups=groups)
                for name in names
            }
            works["tcp-connect+accept+close"] = lambda: generators.run("connects", plan.connections, groups=groups)
            works["fork+exec+exit"] = lambda: generators.run(
                "processes", generators.program("nothing"), plan.processes, groups=groups
            )
            for name, work in works.items():
                work()  # first sights
                result[name] = _settled(programs, [_for_one(programs, work, generators) for _ in range(plan.kind_windows)])
                progress(name)
            work = lambda: generators.run("opens", distinct, plan.new_events, plan.new_events, groups=groups)
            result["open+close, first sight"] = _settled(programs, [_for_one(programs, work, generators)])
    finally:
        programs.close()
    return result
