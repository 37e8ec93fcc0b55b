# SPDX-License-Identifier: Apache-2.0
"""The systemd unit. It is looked at, not started: that wants a machine whose process 1 is systemd."""

import ctypes
import json
import os
import pathlib
import re
import subprocess
import unittest

from support import CAPABILITIES, DEPLOY, DeployTest, needs, needs_root, run, sensord

UNIT = DEPLOY / "systemd/sensord.service"
DETACHING = DEPLOY / "systemd/sensord-detach.service"
TIMER = DEPLOY / "systemd/sensord-detach.timer"
# What systemd-analyze makes of it, from 0 to 10: what watches a whole machine cannot have private users or network.
EXPOSURE = 3.1


class UnitTests(DeployTest):
    def setUp(self):
        super().setUp()
        needs("systemd-analyze")

    def settings(self, name):
        return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)

    def test_systemd_understands_every_line(self):
        units = []
        for source in (UNIT, DETACHING, TIMER):
            # The binary and the page must be there.
            text = source.read_text().replace("/usr/bin/sensord", sensord())
            text = re.sub("file:.*", f"file:{DEPLOY.parent}/README.md", text)
            units.append(self.directory / source.name)
            units[-1].write_text(text)
        done = run("systemd-analyze", "verify", "--man=no", *units)
        complaints = [line for line in done.stderr.splitlines() if any(unit.name in line for unit in units)]
        self.assertEqual((done.returncode, complaints), (0, []), done.stderr)

    def test_exposure_is_no_worse_than_stated(self):
        for unit, most in (UNIT, EXPOSURE), (DETACHING, 1.5):
            with self.subTest(unit.name):
                said = self.succeeds("systemd-analyze", "security", "--offline=true", unit)
                self.assertLessEqual(float(re.search(r"exposure level for \S+: ([\d.]+)", said)[1]), most, said)

    def test_what_is_abandoned_is_looked_for_where_the_daemon_pins(self):
        daemon, detaching = UNIT.read_text(), DETACHING.read_text()
        config = re.search(r"^ExecStart=.* --config (\S+)$", daemon, re.MULTILINE)[1]
        self.assertIn(f"\nExecStart=/usr/bin/sensord uninstall --abandoned --config {config}\n", detaching)
        self.assertEqual(self.settings("Wants"), [TIMER.name])
        (places,) = self.settings("ReadWritePaths")
        self.assertIn(f"\nReadWritePaths={places}\n", detaching)

    def test_it_has_the_capabilities_of_the_pod_and_one_for_the_group_of_sockets(self):
        (bounds,) = self.settings("CapabilityBoundingSet")
        self.assertEqual({name.removeprefix("CAP_").lower() for name in bounds.split()}, {*CAPABILITIES, "chown"})

    def test_it_may_write_where_its_configuration_pins(self):
        pins = json.loads((UNIT.parent / "config.json").read_text())["pinDir"]
        # Not every machine has one, and the unit is to start on those, too.
        self.assertEqual(self.settings("ReadWritePaths"), [f"-{pathlib.Path(pins).parent}"])

    def test_it_may_make_every_system_call_that_the_container_may(self):
        """Those of deploy/seccomp, of which is proved that they are enough, without what is for others."""
        profile = json.loads((DEPLOY / "seccomp/sensord.json").read_text())["syscalls"]
        own = {
            name
            for group in profile
            if "operators" not in group["comment"] and "io_uring" not in group["comment"]
            for name in group["names"]
        }
        allowed, denied = set(), set()
        for line in self.settings("SystemCallFilter"):
            names = denied if line.startswith("~") else allowed
            for word in line.lstrip("~").split():
                names |= self.members(word)
        # Names that this systemd does not know cannot be in its groups.
        known = {line.strip() for line in run("systemd-analyze", "syscall-filter").stdout.splitlines()}
        self.assertEqual({name for name in own - (allowed - denied) if name in known}, set())

    def members(self, word):
        if not word.startswith("@"):
            return {word}
        found = set()
        for line in self.succeeds("systemd-analyze", "syscall-filter", word).splitlines()[1:]:
            name = line.strip()
            if name and not name.startswith("#"):
                found |= self.members(name)
        return found

    def test_sensord_works_where_no_memory_is_written_and_executed(self):
        needs_root()
        self.assertEqual(self.settings("MemoryDenyWriteExecute"), ["yes"])
        library = ctypes.CDLL(None, use_errno=True)
        set_memory_policy, refuse_executable_gain = 65, 1
        if library.prctl(66, 0, 0, 0, 0) < 0:
            self.skipTest("a kernel before 6.3")

        def deny():
            library.prctl(set_memory_policy, refuse_executable_gain, 0, 0, 0)

        done = subprocess.run([sensord(), "check"], preexec_fn=deny, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_installed_unit_names_what_was_installed(self):
        for prefix in ("/usr/local", "/opt/sensord"):
            with self.subTest(prefix):
                root = self.directory / prefix.strip("/")
                names = (f"SENSORD={sensord()}", f"DESTDIR={root}", f"PREFIX={prefix}")
                self.succeeds("make", "-C", DEPLOY.parent, "install", *names)
                unit = (root / "etc/systemd/system/sensord.service").read_text()
                command = re.search("^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
                self.assertTrue((root / command[0].strip("/")).exists())
                self.assertTrue((root / command[-1].strip("/")).exists())
                page = re.search("^Documentation=file:(.*)$", unit, re.MULTILINE)[1]
                self.assertTrue((root / page.strip("/")).exists())
                config = root / "etc/sensord/config.json"
                config.write_text("{}")
                self.succeeds("make", "-C", DEPLOY.parent, "install", *names)
                self.assertEqual(config.read_text(), "{}", "what the operator wrote stays")
                self.succeeds("make", "-C", DEPLOY.parent, "uninstall", *names)
                left = [str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*") if path.is_file()]
                self.assertEqual(left, ["etc/sensord/config.json"])

    def test_what_is_uninstalled_has_been_stopped_and_unpinned(self):
        calls = self.directory / "calls"
        for name in "systemctl", "sensord":
            program = self.directory / name
            program.write_text(f'#!/bin/sh\necho {name} "$@" >>{calls}\n')
            program.chmod(0o755)
        prefix, etc = self.directory / "usr", self.directory / "etc"
        # Nothing of this machine: all that is named is in the test's own directory.
        names = (f"SENSORD={self.directory}/sensord", f"PREFIX={prefix}", f"SYSCONFDIR={etc}", "DESTDIR=")
        environment = dict(os.environ, PATH=f"{self.directory}:{os.environ['PATH']}")
        self.succeeds("make", "-C", DEPLOY.parent, "install", *names, env=environment)
        self.assertFalse(calls.exists())
        self.succeeds("make", "-C", DEPLOY.parent, "uninstall", *names, env=environment)
        self.assertEqual(
            calls.read_text().splitlines(),
            [
                "systemctl stop sensord.service sensord-detach.timer",
                "systemctl disable --quiet sensord.service",
                f"sensord uninstall --keep-state --config {etc}/sensord/config.json",
                "systemctl daemon-reload",
            ],
        )
        left = [path for place in (prefix, etc) for path in place.rglob("*") if path.is_file()]
        self.assertEqual(left, [etc / "sensord/config.json"])
        self.succeeds("make", "-C", DEPLOY.parent, "uninstall", *names, env=environment)


if __name__ == "__main__":
    unittest.main()
