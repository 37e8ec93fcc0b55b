# SPDX-License-Identifier: Apache-2.0
"""The sensor under measurement: any command that attaches eBPF programs and ends on SIGTERM."""

import os
import shlex
import signal
import subprocess
import time

from measure import bpf

UNLIMITED = {"SENSORD_CPU_BUDGET": "none", "SENSORD_MEMORY_LIMIT": "none"}
"""What is measured is the cost of telling all, so the sensor tells no less for what it uses itself."""


class SensorFailed(Exception):
    pass


class Sensor:
    """One run of the sensor. `command` may hold {records}, the file that it is to write to. The process that is started must
    be the sensor itself: `env A=1 sensor` is fine, a shell that stays is not."""

    def __init__(self, command, records, log):
        self.records = records
        words = [word.replace("{records}", records) for word in shlex.split(command)]
        self.log = log
        with open(log, "ab") as errors:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env={**UNLIMITED, **os.environ}
            )
        self.pid = self.process.pid

    def __enter__(self):
        try:
            self.settle()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def settle(self, limit=20):
        """Waits until the programs are attached and the sensor has done what it does at start: the number of its links has
        not changed for a while, and it hardly uses the processor."""
        deadline = time.monotonic() + limit
        links, cpu, quiet = 0, 0.0, 0
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if self.process.poll() is not None:
                raise SensorFailed(f"the sensor ended with {self.process.returncode}: see {self.log}")
            now, used = bpf.link_count(self.pid), self.cpu()
            quiet = quiet + 1 if now and now == links and used - cpu < 0.01 else 0
            links, cpu = now, used
            if quiet >= 3:
                return
        raise SensorFailed(f"the sensor has not settled in {limit} s ({links} links): see {self.log}")

    def cpu(self):
        """Processor time of the whole process, seconds: the kernel's CPU clock of it, exact to the ns."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident(self):
        """Of /proc/PID/status, in bytes."""
        wanted = ("VmRSS", "VmHWM", "RssAnon", "RssFile", "RssShmem")
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            facts = dict(line.split(":", 1) for line in file)
        return {name: int(facts[name].split()[0]) * 1024 for name in wanted if name in facts}

    def stop(self, limit=20):
        """SIGTERM, and after `limit` seconds SIGKILL, which is a fault."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise SensorFailed(f"the sensor did not end within {limit} s of SIGTERM: see {self.log}") from None
        return self.process.returncode


class Records:
    """The file that the sensor writes, one line a record, read as it grows. `own`, if given, is text that only records of the
    measurement's own doing hold."""

    def __init__(self, path, own=None):
        self.path = path
        self.own = own.encode() if own else None
        self.lines = 0
        self.own_lines = 0
        self.offset = 0
        self.rest = b""

    def read(self):
        """Takes in what is new; returns the number of lines so far."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                while chunk := file.read(1 << 20):
                    self.offset += len(chunk)
                    whole, newline, self.rest = (self.rest + chunk).rpartition(b"\n")
                    self.lines += whole.count(b"\n") + len(newline)
                    if self.own:
                        self.own_lines += sum(self.own in line for line in whole.split(b"\n"))
        except FileNotFoundError:
            pass
        return self.lines

    def settle(self, quiet=0.3, limit=15):
        """Reads until no line has been added for `quiet` seconds, at most `limit`; returns how many there are."""
        deadline = time.monotonic() + limit
        changed, seen = time.monotonic(), self.read()
        while time.monotonic() < deadline and time.monotonic() - changed < quiet:
            time.sleep(0.02)
            now = self.read()
            if now != seen:
                changed, seen = time.monotonic(), now
        return seen
