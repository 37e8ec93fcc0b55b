# SPDX-License-Identifier: Apache-2.0
"""The machine under the measurement: who else uses it, and cgroups for the workloads."""

import os
import platform
import shutil
import time
from dataclasses import dataclass

TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Share:
    """Of the machine's processor time in one window, between 0 and 1."""

    stolen: float  # by the hypervisor
    others: float  # by processes that do not belong to the measurement; a little below 0 for short windows


@dataclass(frozen=True)
class Usage:
    busy: float  # seconds, all processors, with interrupts
    stolen: float
    wall: float


def usage():
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, interrupt, soft, stolen = (int(word) * TICK for word in file.readline().split()[1:9])
    return Usage(busy=user + nice + system + interrupt + soft, stolen=stolen, wall=time.monotonic())


def share(before, after, ours):
    """What `ours` seconds of processor time of the measurement itself leave of the window's use to others."""
    capacity = max((after.wall - before.wall) * os.cpu_count(), 1e-9)
    return Share(
        stolen=(after.stolen - before.stolen) / capacity,
        others=(after.busy - before.busy - ours) / capacity,
    )


def describe():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "model": model,
        "load": os.getloadavg(),
    }


def hierarchies():
    """Where cgroups can be made. cpuset (v1) is left out: a new group of it has no processor to run on."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            mount, (kind, _, options) = before.split()[4], after.split()[:3]
            if kind in ("cgroup", "cgroup2") and "cpuset" not in options.split(",") and os.access(mount, os.W_OK):
                found.append(mount)
    return found


class Cgroups:
    """A cgroup of its own for each workload, as a container would have: its share of the kernel's memory is its own, too."""

    def __init__(self):
        self.root = f"sensord-bench-{os.getpid()}"
        self.mounts = hierarchies()
        self.made = []

    def group(self, name):
        """The directories of one cgroup, one for each hierarchy; none where they cannot be made."""
        directories = []
        for mount in self.mounts:
            path = os.path.join(mount, self.root, name)
            try:
                if not os.path.isdir(path):
                    os.makedirs(path)
                    self.made.append(path)
            except OSError:
                continue
            directories.append(path)
        return directories

    def identifiers(self, name):
        """What the kernel calls the cgroup: the inode of its directory, in each hierarchy."""
        return {os.stat(path).st_ino for path in self.group(name)}

    def remove(self):
        for path in reversed(self.made):
            _remove(path)
        for mount in self.mounts:
            _remove(os.path.join(mount, self.root))


def _remove(path):
    for _ in range(50):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


class Scratch:
    """A directory for files and records, gone when the measurement ends."""

    def __init__(self, parent):
        self.path = os.path.join(parent, f"sensord-bench-{os.getpid()}")
        os.makedirs(self.path)

    def directory(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
