# SPDX-License-Identifier: Apache-2.0
"""What the tests of deployment have in common."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
# The versions of Kubernetes that manifests and chart are for.
KUBERNETES = ("1.30", "1.33", "1.37")
CAPABILITIES = ("bpf", "perfmon", "net_admin", "sys_ptrace", "dac_read_search")


def sensord():
    """The binary that is tested: the variable SENSORD, or what `make static` or `make build` made."""
    places = [os.environ.get("SENSORD"), ROOT / ".build-static/release/sensord", ROOT / ".build/release/sensord"]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(pathlib.Path(place).resolve())
    raise unittest.SkipTest("no sensord: make static, or SENSORD=BINARY")


def needs(*programs):
    """Skips the test where one of these is not installed."""
    for program in programs:
        if not shutil.which(program):
            raise unittest.SkipTest(f"{program} is not installed")


def needs_root():
    if os.geteuid():
        raise unittest.SkipTest("not run as root")


def run(*command, **options):
    """What a command says and how it ended; both its outputs as text."""
    options = {"timeout": 300, **options}
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def names_of_settings():
    """Flags of `sensord run`, without their dashes, as the binary under test lists them."""
    return set(re.findall(r"^  --([a-z-]+)", run(sensord(), "run", "--help").stdout, re.MULTILINE))


def eventually(condition, seconds, what):
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Daemon:
    """A sensord in the background, told to stop and waited for at the end of the `with`."""

    def __init__(self, *command, directory, **options):
        self.command, self.directory, self.options = command, pathlib.Path(directory), options
        self.log = ""

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(word) for word in self.command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **self.options
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def _read(self):
        for line in self.process.stderr:
            self.log += line

    def said(self, pattern, seconds=60):
        """The match of what the log must say within that time."""

        def look():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.log}")
            return re.search(pattern, self.log)

        return eventually(look, seconds, f"{pattern} in {self.log}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(timeout=10)
        self.process.stderr.close()
        self.status = self.process.returncode


class DeployTest(unittest.TestCase):
    """With a directory of its own for each test, that is gone afterwards."""

    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sensord-deploy-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def succeeds(self, *command, **options):
        """What a command that must succeed says."""
        done = run(*command, **options)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
        return done.stdout
