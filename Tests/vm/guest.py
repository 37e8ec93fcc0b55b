# SPDX-License-Identifier: Apache-2.0
"""Several commands in one guest, one after the other, and what each of them came to."""

import io
import json
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Failure(Exception):
    """Something is not as it must be."""


def expect(condition, what: str) -> None:
    if not condition:
        raise Failure(f"expected {what}")


class Outcome:
    """What a command in the guest came to."""

    def __init__(self, status: int, stdout: str, stderr: str):
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    def lines(self) -> list:
        """Each line's JSON."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class Guest:
    """A guest to be: steps are added, then it runs."""

    def __init__(self, kernel: str, machine: str):
        self.kernel = kernel
        self.machine = machine
        self.arguments = []
        self.steps = []
        self.seconds = 60

    def file(self, host, guest: str) -> None:
        self.arguments += ["--file", f"{host}:{guest}"]

    def program(self, host, guest: str) -> None:
        """With the shared libraries it needs."""
        self.arguments += ["--program", f"{host}:{guest}"]

    def step(self, name: str, seconds: int, *command: str) -> None:
        self.steps.append((name, seconds, command))
        self.seconds += seconds

    def run(self, memory: int = 2048) -> dict:
        """An outcome for each step. One that takes longer than it may is ended, and has status 143 or 137.

        Throws Failure if the guest itself fails, with the end of what it said."""
        script = "mkdir -p /run/steps && cd /run/steps || exit\n"
        for name, seconds, command in self.steps:
            script += (f"echo '== {name}' >&2\ntimeout -k 10 {seconds} {shlex.join(command)} </dev/null >{name}.out 2>{name}.err\n"
                       f"echo $? >{name}.status\n")
        script += "tar -cz .\n"
        started = time.monotonic()
        with tempfile.NamedTemporaryFile("w", prefix="sensord-vm-", suffix=".sh") as file:
            file.write(script)
            file.flush()
            answer = subprocess.run(
                [str(HERE / "run"), "--kernel", self.kernel, "--machine", self.machine, "--memory", str(memory),
                 "--timeout", str(self.seconds), *self.arguments, "--file", f"{file.name}:/vm/steps", "--",
                 "sh", "/vm/steps"],
                capture_output=True)
        said = answer.stderr.decode(errors="replace")
        if answer.returncode != 0:
            raise Failure(f"the guest failed: {said[-3000:].strip()}")
        steps = ", ".join(name for name, _, _ in self.steps)
        print(f"  guest with {self.kernel} on {self.machine}: {time.monotonic() - started:.0f} s: {steps}", file=sys.stderr)
        return self.outcomes(answer.stdout)

    def outcomes(self, archive: bytes) -> dict:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            text = {member.name.removeprefix("./"): tar.extractfile(member).read().decode(errors="replace")
                    for member in tar if member.isfile()}
        return {name: Outcome(int(text[f"{name}.status"]), text[f"{name}.out"], text[f"{name}.err"])
                for name, _, _ in self.steps}
