# SPDX-License-Identifier: Apache-2.0
"""Is anything lost silently? A burst of opens, and what became of each."""

import json

from measure import maps
from measure.plan import BURST
from measure.sensor import Records

FILE_OPEN = 10  # enum sensor_kind
# enum sensor_loss_reason: an event that is not delivered. The others say that one came with less, or was sent each time.
LOST = {1: "ring_full", 2: "ring_budget", 11: "recursion", 12: "unknown_record", 13: "bad_record", 14: "daemon_limit"}


def _delivered(records, directory):
    """The opens below the directory that the records tell of, and of how many different files."""
    delivered, paths = 0, set()
    marker = json.dumps(directory)[:-1].encode()
    with open(records, "rb") as file:
        for line in file:
            if marker not in line:
                continue
            event = json.loads(line)
            if event.get("kind") == "file.open" and event["file"]["path"].startswith(directory + "/"):
                delivered += int(event.get("count", 1))
                paths.add(event["file"]["path"])
    return delivered, len(paths)


def measure(start_sensor, generators, cgroups, directory):
    """BURST files opened once each by one process, as fast as it can, with default settings; then the sensor is stopped.
    generated: opens that succeeded; delivered: the sum of the counts of their records; counted: the losses that the kernel's
    ledger holds for the cgroup."""
    groups = cgroups.group("burst")
    identifiers = cgroups.identifiers("burst")
    with start_sensor() as sensor:
        spent = generators.run("opens", directory, BURST, BURST, groups=groups)
        Records(sensor.records).settle()
        losses = maps.losses(sensor.pid)
        sensor.stop()  # with the last counts written
        delivered, paths = _delivered(sensor.records, directory)
    lost, degraded = {}, {}
    for (cgroup, kind, reason), count in losses.items():
        if cgroup in identifiers and kind == FILE_OPEN:
            kept = lost if reason in LOST else degraded
            kept[LOST.get(reason, str(reason))] = kept.get(LOST.get(reason, str(reason)), 0) + count
    return {
        "generated": BURST,
        "delivered": delivered,
        "paths": paths,
        "lost": lost,
        "degraded": degraded,
        "silent": BURST - delivered - sum(lost.values()),
        "opens_per_s": spent.operations / (spent.wall / 1e9),
    }
