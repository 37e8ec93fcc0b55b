# SPDX-License-Identifier: Apache-2.0
"""What the sensor costs a workload: rounds with and without it, in pairs, interleaved."""

import random
import statistics
import time
from dataclasses import dataclass

from measure import machine
from measure.interval import median_interval
from measure.plan import FILES, SPREAD_OPENS


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    generator: str
    arguments: tuple


def workloads(plan, generators, spread, distinct):
    """`spread` and `distinct` are directories with FILES files each."""
    return [
        Workload("repeated", "repeated open+close", "opens", (spread, 1, plan.repeated_opens)),
        Workload("spread", "60 000 opens, 20 000 files", "opens", (spread, FILES, SPREAD_OPENS)),
        Workload("first", "first sights, 20 000 files", "opens", (distinct, FILES, FILES)),
        Workload("connect", "TCP connect+close", "connects", (plan.connections,)),
        Workload("process", "fork+exec+exit", "processes", (generators.program("nothing"), plan.processes)),
    ]


@dataclass
class Sample:
    """One workload's round with the sensor and the one without that belongs to it."""

    wall: float  # ratios
    cpu: float
    base: float  # wall ns for one operation without the sensor
    loads: list  # of machine.Share


def block(selected, order, generators, cgroups, sensor):
    """A round of each workload, under one run of the sensor or under none."""
    rounds = {}
    for name in order:
        workload = selected[name]
        groups = cgroups.group(name)
        before, sensor_before = machine.usage(), sensor.cpu() if sensor else 0.0
        started = time.process_time()
        result = generators.run(workload.generator, *workload.arguments, groups=groups)
        ours = result.used + time.process_time() - started + (sensor.cpu() - sensor_before if sensor else 0.0)
        rounds[name] = result, machine.share(before, machine.usage(), ours)
    return rounds


def measure(selected, pairs, generators, cgroups, start_sensor, progress):
    """`pairs` pairs; which of the two comes first is drawn for each pair, as is the order of the workloads, which both halves
    share. `start_sensor` makes a context that holds a fresh, settled sensor. Returns lists of Sample by workload."""
    selected = {workload.name: workload for workload in selected}
    source = random.Random()
    samples = {name: [] for name in selected}
    for index in range(pairs):
        order = list(selected)
        source.shuffle(order)
        halves = {}
        for watched in source.sample([False, True], 2):
            if watched:
                with start_sensor() as sensor:
                    halves[watched] = block(selected, order, generators, cgroups, sensor)
            else:
                halves[watched] = block(selected, order, generators, cgroups, None)
        for name in selected:
            (base, base_load), (cost, cost_load) = halves[False][name], halves[True][name]
            samples[name].append(
                Sample(
                    wall=(cost.wall / cost.operations) / (base.wall / base.operations),
                    cpu=(cost.cpu / cost.operations) / (base.cpu / base.operations),
                    base=base.wall / base.operations,
                    loads=[base_load, cost_load],
                )
            )
        progress(f"pair {index + 1} of {pairs}")
    return samples


def summary(samples):
    """What is kept of measure()'s samples, ready for JSON."""
    result = {}
    for name, list_of in samples.items():
        wall, cpu = (median_interval([getattr(sample, what) for sample in list_of]) for what in ("wall", "cpu"))
        # Over all rounds together: the machine counts in hundredths of a second, which is long for one round.
        loads = [load for sample in list_of for load in sample.loads]
        result[name] = {
            "pairs": len(list_of),
            "wall": vars(wall),
            "cpu": vars(cpu),
            "base_ns": statistics.median(sample.base for sample in list_of),
            "others": max(0.0, statistics.mean(load.others for load in loads)),
            "stolen": statistics.mean(load.stolen for load in loads),
            "wall_ratios": [sample.wall for sample in list_of],
            "cpu_ratios": [sample.cpu for sample in list_of],
        }
    return result
