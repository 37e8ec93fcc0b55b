# SPDX-License-Identifier: Apache-2.0
"""The Debian package, in a root of its own that debootstrap makes (once: .build-deploy/root)."""

import os
import pathlib
import shutil
import unittest

import objects
from support import DEPLOY, ROOT, DeployTest, needs, needs_root, run, sensord

BARE = ROOT / ".build-deploy/root.tar"
# What dpkg itself writes.
RECORDS = ("var/lib/dpkg", "var/log", "var/cache")
# Instead of systemd, which no chroot has: writes down what it is asked.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>/calls
[ "$1" != is-enabled ] || [ -e /enabled ]
"""


def setUpModule():
    needs_root()
    needs("debootstrap", "dpkg-deb", "chroot")
    if not BARE.exists():
        BARE.parent.mkdir(exist_ok=True)
        root = BARE.with_suffix("")
        shutil.rmtree(root, ignore_errors=True)
        done = run("debootstrap", "--variant=minbase", "bookworm", root)
        if done.returncode:
            raise unittest.SkipTest(f"debootstrap does not work here: {done.stdout[-300:]}{done.stderr[-300:]}")
        run("tar", "-C", root, "-cf", BARE, ".", check=True)
        shutil.rmtree(root, ignore_errors=True)


class PackageTests(DeployTest):
    def setUp(self):
        super().setUp()
        self.root = self.directory / "root"
        self.root.mkdir()
        self.succeeds("tar", "-C", self.root, "-xf", BARE)
        place = self.root / "usr/bin/systemctl"
        place.write_text(SYSTEMCTL)
        place.chmod(0o755)
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.before = self.state()

    def state(self):
        """Every file with its mode, but for what dpkg keeps of its own work."""
        found = {}
        for path in pathlib.Path(self.root).rglob("*"):
            name = str(path.relative_to(self.root))
            if not name.startswith(RECORDS) and name not in ("calls", "enabled"):
                found[name] = oct(path.lstat().st_mode)
        return found

    def build(self, version=None):
        # Packing is what takes long, not what is tested.
        environment = dict(os.environ, DPKG_DEB_COMPRESSOR_LEVEL="0")
        package = pathlib.Path(self.succeeds(DEPLOY / "debian/build", sensord(), self.directory, env=environment).strip())
        if version is None:
            return package
        parts = self.directory / "parts"
        self.succeeds("dpkg-deb", "--raw-extract", package, parts)
        control = parts / "DEBIAN/control"
        lines = control.read_text().splitlines()
        control.write_text("".join(f"Version: {version}\n" if line.startswith("Version:") else f"{line}\n" for line in lines))
        (parts / "etc/sensord/config.json").write_text('{"tick": 5}\n')
        changed = self.directory / "changed.deb"
        self.succeeds("dpkg-deb", "--root-owner-group", "-Znone", "--build", parts, changed)
        return changed

    def dpkg(self, *words):
        packages = [word for word in words if isinstance(word, pathlib.Path)]
        for package in packages:
            shutil.copy(package, self.root / package.name)
        words = [f"/{word.name}" if word in packages else word for word in words]
        said = self.succeeds("chroot", self.root, "dpkg", "--force-unsafe-io", *words)
        for package in packages:
            (self.root / package.name).unlink()
        return said

    def calls(self):
        place = self.root / "calls"
        lines = place.read_text().splitlines() if place.exists() else []
        place.unlink(missing_ok=True)
        return lines

    def test_it_goes_in_and_out_without_a_trace(self):
        package = self.build()
        self.dpkg("--install", package)
        self.assertEqual(self.calls()[:3], ["enable --quiet sensord.service", "daemon-reload", "is-enabled --quiet sensord.service"])
        self.assertIn("usr/bin/sensord", self.state())
        self.assertEqual(self.succeeds("chroot", self.root, "dpkg", "--verify", "sensord"), "")
        config = (self.root / "etc/sensord/config.json").read_text()
        objects.check_config(self, config, self.directory)
        (self.root / "var/lib/sensord").mkdir(parents=True)
        (self.root / "var/lib/sensord/posture").write_text("learned")

        self.dpkg("--remove", "sensord")
        self.assertIn("disable --quiet sensord.service", self.calls())
        left = set(self.state()) - set(self.before)
        kept = {"etc/sensord", "etc/sensord/config.json", "var/lib/sensord", "var/lib/sensord/posture"}
        self.assertEqual(left, kept, "configuration and what was learned stay")

        self.dpkg("--purge", "sensord")
        self.assertEqual(self.state(), self.before)

    def test_an_upgrade_restarts_it_and_keeps_what_the_operator_wrote(self):
        self.dpkg("--install", self.build())
        (self.root / "enabled").touch()
        config = self.root / "etc/sensord/config.json"
        config.write_text('{"cluster": "mine"}\n')
        self.calls()
        self.dpkg("--force-confdef", "--force-confold", "--install", self.build("9.0"))
        self.assertEqual(self.calls(), ["daemon-reload", "is-enabled --quiet sensord.service", "restart sensord.service"])
        self.assertEqual(config.read_text(), '{"cluster": "mine"}\n')
        self.assertIn("9.0", self.succeeds("chroot", self.root, "dpkg-query", "--show", "sensord"))

    def test_what_is_pinned_goes_with_the_program_and_stays_with_an_upgrade(self):
        program = self.root / "usr/bin/sensord"
        self.dpkg("--install", self.build())
        # Writes down what it is asked: a daemon that pins cannot run in here.
        program.write_text('#!/bin/sh\necho "$@" >>/calls\n')
        self.dpkg("--install", self.build("9.0"))
        self.assertEqual([call for call in self.calls() if "uninstall" in call], [])
        program.write_text('#!/bin/sh\necho "$@" >>/calls\n')
        self.dpkg("--remove", "sensord")
        self.assertEqual(
            self.calls()[:3],
            [
                "stop sensord.service sensord-detach.timer",
                "disable --quiet sensord.service",
                "uninstall --keep-state --config /etc/sensord/config.json",
            ],
        )

    def test_an_upgrade_leaves_it_off_where_the_operator_switched_it_off(self):
        self.dpkg("--install", self.build())
        self.calls()
        self.dpkg("--install", self.build("9.0"))
        # What runs all the same is not to be the old program; this starts nothing.
        self.assertEqual(
            self.calls(), ["daemon-reload", "is-enabled --quiet sensord.service", "try-restart sensord.service"]
        )

    def test_the_same_binary_gives_the_same_bytes(self):
        first = self.build().read_bytes()
        self.assertEqual(first, self.build().read_bytes())


if __name__ == "__main__":
    unittest.main()
