# SPDX-License-Identifier: Apache-2.0
"""Runs the generators in workloads/."""

import json
import os
import resource
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    operations: int
    wall: int  # ns
    cpu: int  # ns, user and system
    used: float = 0.0  # seconds of processor time, of the generator's preparations too


class Generators:
    def __init__(self, directory, processor):
        """`directory` holds the compiled generators; they stay on `processor`, if it is not None."""
        self.directory = directory
        self.processor = processor

    def program(self, name):
        return os.path.join(self.directory, name)

    def start(self, name, *arguments, groups=()):
        command = [self.program(name)]
        if self.processor is not None:
            command += ["-c", str(self.processor)]
        for group in groups:
            command += ["-g", group]
        return subprocess.Popen(command + [str(argument) for argument in arguments], stdout=subprocess.PIPE, text=True)

    def run(self, name, *arguments, groups=()):
        """One round. Raises when it failed: a round with failed operations measures something else."""
        before = _children()
        process = self.start(name, *arguments, groups=groups)
        output = process.communicate()[0]
        if process.returncode:
            raise RuntimeError(f"workload {name} ended with {process.returncode}: {output.strip()}")
        result = json.loads(output)
        return Round(
            operations=result["operations"], wall=result["wall_ns"], cpu=result["cpu_ns"], used=_children() - before
        )


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
