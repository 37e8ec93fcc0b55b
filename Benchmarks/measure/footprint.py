# SPDX-License-Identifier: Apache-2.0
"""What the sensor's own process uses: processor time, memory, time to start."""

import os
import selectors
import signal
import statistics
import subprocess
import time

from measure import bpf, machine
from measure.plan import LIVE_ENTRIES
from measure.sensor import Records, SensorFailed

MIB = 1 << 20


TICK = 10.5  # a little more than the daemon's default --tick


def _watched(sensor, records, work, window=0.0):
    """What the sensor used while `work()` ran and until its records had been written, at least `window` seconds: (processor
    seconds, lines of our own doing, other lines, other load)."""
    records.settle()
    own, lines, cpu, load = records.own_lines, records.lines, sensor.cpu(), machine.usage()
    spent = work()
    time.sleep(max(0.0, window - (time.monotonic() - load.wall)))
    records.settle()
    used, own = sensor.cpu() - cpu, records.own_lines - own
    return used, own, records.lines - lines - own, machine.share(load, machine.usage(), used + spent.used)


def events(plan, sensor, generators, cgroups, distinct):
    """Processor time for a new and for a repeated event.

    New: rounds over files in cgroups of their own, for which all of them are new; the sensor's time over the records written
    meanwhile, whoever caused them (the rest of the machine causes some, and they cost too); the median of the rounds.
    Repeated: a round over LIVE_ENTRIES of the same files, that lasts a tick of the daemon at least, so that reading the counts
    and telling them is in it; what others' new records in that time must have cost is taken off."""
    records = Records(sensor.records, own=distinct)
    files, count = plan.new_events, plan.repeated_events
    rounds = []
    for index in range(plan.new_rounds):
        groups = cgroups.group(f"events-{index}")
        used, own, others, load = _watched(
            sensor, records, lambda: generators.run("opens", distinct, files, files, groups=groups)
        )
        rounds.append({"us": used / max(own + others, files) * 1e6, "own": own, "others": others, "load": load.others})
    each = statistics.median(round_["us"] for round_ in rounds)
    result = {
        "new": {
            "events": files * len(rounds),
            "own": sum(round_["own"] for round_ in rounds),
            "others": sum(round_["others"] for round_ in rounds),
            "us": each,
            "load": statistics.median(round_["load"] for round_ in rounds),
            "rounds": rounds,
        }
    }
    used, own, others, load = _watched(
        sensor, records, lambda: generators.run("opens", distinct, LIVE_ENTRIES, count, groups=groups), window=TICK
    )
    each = max(0.0, used * 1e6 - others * each) / count
    result["repeated"] = {"events": count, "own": own, "others": others, "cpu_s": used, "us": each, "load": load.others}
    return result


def idle(plan, sensor, generators, cgroups, files):
    """Percent of one processor, with LIVE_ENTRIES objects remembered and nothing new. What the rest of the machine does is
    not nothing: the records it caused are told, too."""
    records = Records(sensor.records)
    generators.run("opens", files, LIVE_ENTRIES, LIVE_ENTRIES, groups=cgroups.group("idle"))
    time.sleep(TICK)  # the first reading of new counts is work, not idling
    before, cpu, load, started = records.settle(), sensor.cpu(), machine.usage(), time.monotonic()
    time.sleep(plan.idle_seconds)
    used, seconds = sensor.cpu() - cpu, time.monotonic() - started
    return {
        "percent": used / seconds * 100,
        "seconds": seconds,
        "records": records.read() - before,
        "load": machine.share(load, machine.usage(), used).others,
    }


def memory(sensor, generators, cgroups, files):
    """After a million opens of LIVE_ENTRIES files."""
    fresh = sensor.resident()
    generators.run("opens", files, LIVE_ENTRIES, 1_000_000, groups=cgroups.group("memory"))
    Records(sensor.records).settle()
    after = sensor.resident()
    return {
        "fresh_mib": {name: value / MIB for name, value in fresh.items()},
        "mib": {name: value / MIB for name, value in after.items()},
        "maps_mib": bpf.map_bytes(sensor.pid) / MIB,
    }


def _first_line(command, environment=None, touch=None, limit=20):
    """Seconds from starting `command` until its first line on stdout and, if `touch` is a path that must not exist, until the
    first line that names it while it is being opened over and over. Then the command is ended."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    first = named = None
    wanted, text = os.path.basename(touch).encode() if touch else None, b""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while time.monotonic() - started < limit and (first is None or (touch and named is None)):
                if touch:
                    try:
                        os.close(os.open(touch, os.O_RDONLY))
                    except FileNotFoundError:
                        pass
                if not selector.select(0.002):
                    continue
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    break
                now, text = time.monotonic() - started, text[-1024:] + chunk
                first = now if first is None else first
                if wanted and named is None and wanted in text:
                    named = now
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if first is None:
        raise SensorFailed(f"no line from {' '.join(command)} within {limit} s")
    return first, named


def start(plan, tail, daemon, directory):
    """Seconds from the start of the process to its first event: of `tail` (a command that ends by itself) and of the daemon,
    whose first lines may be about what ran before; `live` is the first line about something done after the start."""
    result = {}
    if tail:
        times = [_first_line(tail)[0] for _ in range(plan.starts)]
        result["tail_s"] = {"median": statistics.median(times), "worst": max(times)}
    if daemon:
        pairs = []
        for index in range(plan.starts):
            pairs.append(_first_line(daemon, touch=os.path.join(directory, f"no-such-file-{index}")))
        lives = [live for _, live in pairs if live is not None]
        result["daemon_s"] = {
            "median": statistics.median(first for first, _ in pairs),
            "worst": max(first for first, _ in pairs),
            "live_median": statistics.median(lives) if lives else None,
        }
    return result
