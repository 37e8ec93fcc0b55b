# SPDX-License-Identifier: Apache-2.0
"""The whole Dockerfile, compiling included, twice: in a root that debootstrap makes (once: .build-deploy/swift.tar), with the
Swift toolchain of this machine in place of the base image's. Not among the other tests, since each build takes ten minutes."""

import gzip
import json
import pathlib
import re
import shutil
import unittest

from support import ROOT, DeployTest, needs, needs_root, run

BASE = "localhost/sensord-image-test:base"
TAGS = ("localhost/sensord-image-test:first", "localhost/sensord-image-test:second")
ROOTFS = ROOT / ".build-deploy/swift.tar"
# What Swift's own image for Debian 12 installs, as far as compiling without Foundation's networking needs it
# (https://github.com/swiftlang/swift-docker, 6.2/debian/12).
PACKAGES = (
    *("binutils", "ca-certificates", "gcc", "git", "libc6-dev", "libcurl4", "libedit2", "libgcc-12-dev", "libncurses6"),
    *("libpython3.11", "libsqlite3-0", "libstdc++-12-dev", "libxml2", "tzdata"),
)
# Bytes, unpacked and as a registry keeps it, at most.
SIZE, COMPRESSED = 60_000_000, 25_000_000
HOUR = 3600


def setUpModule():
    needs_root()
    needs("buildah", "debootstrap", "podman", "runc", "swift")


class WholeImageTests(DeployTest):
    def base(self):
        if not ROOTFS.exists():
            root = ROOTFS.with_suffix("")
            shutil.rmtree(root, ignore_errors=True)
            ROOTFS.parent.mkdir(exist_ok=True)
            self.succeeds("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", root, timeout=HOUR)
            self.succeeds("tar", "-C", root, "-cf", ROOTFS, ".")
            shutil.rmtree(root)
        container = self.succeeds("buildah", "from", "scratch").strip()
        try:
            self.succeeds("buildah", "add", container, ROOTFS, "/")
            self.succeeds("buildah", "config", "--env", f"PATH=/usr/sbin:/usr/bin:/sbin:/bin:{self.toolchain}/usr/bin", container)
            self.succeeds("buildah", "commit", container, BASE)
        finally:
            run("buildah", "rm", container)

    @property
    def toolchain(self):
        """The directory with usr/bin/swift."""
        return pathlib.Path(shutil.which("swift")).resolve().parents[2]

    def volumes(self):
        """The toolchain; and where this machine's git finds repositories in a directory of its own, those."""
        yield f"--volume={self.toolchain}:{self.toolchain}:ro"
        lines = run("git", "config", "--get-regexp", r"^url\..*\.insteadof$").stdout.splitlines()
        mirrors = [line for line in lines if line.startswith("url./")]
        if not mirrors:
            return
        configuration = self.directory / "gitconfig"
        for line in mirrors:
            name, url = line.split(" ", 1)
            self.succeeds("git", "config", "--file", configuration, "--add", name, url)
        yield f"--volume={configuration}:/etc/gitconfig:ro"
        for place in {re.sub(r"^url\.(.*)\.insteadof .*", r"\1", line) for line in mirrors}:
            yield f"--volume={place}:{place}:ro"

    def build(self, tag):
        arguments = f"--build-arg BASE={BASE} --no-cache --network=host {' '.join(self.volumes())}"
        self.succeeds("make", "-C", ROOT, "image", f"TAG={tag}", f"ARGS={arguments}", timeout=HOUR)
        self.addCleanup(run, "podman", "rmi", "--force", tag)
        (image,) = json.loads(self.succeeds("podman", "image", "inspect", tag))
        return image

    def test_it_compiles_to_the_same_image_twice_which_is_small_and_works(self):
        self.base()
        self.addCleanup(run, "podman", "rmi", "--force", BASE)
        first, second = (self.build(tag) for tag in TAGS)
        self.assertEqual(first["RootFS"], second["RootFS"], "another binary came out of the same source")
        self.assertEqual(first["Id"], second["Id"])
        archive, parts, root = (self.directory / name for name in ("image.tar", "parts", "root"))
        parts.mkdir()
        root.mkdir()
        self.succeeds("podman", "save", "--format", "docker-archive", "--output", archive, TAGS[0])
        self.succeeds("tar", "-C", parts, "-xf", archive)
        layers = [part for part in parts.iterdir() if re.fullmatch(r"[0-9a-f]{64}\.tar", part.name)]
        for layer in layers:
            self.succeeds("tar", "-C", root, "-xf", layer)
        size = sum(layer.stat().st_size for layer in layers)
        compressed = sum(len(gzip.compress(layer.read_bytes(), 6)) for layer in layers)
        print(f"{size / 1e6:.1f} MB, compressed {compressed / 1e6:.1f} MB")
        self.assertLessEqual(size, SIZE)
        self.assertLessEqual(compressed, COMPRESSED)
        binary = root / "usr/bin/sensord"
        self.assertNotEqual(run("ldd", binary).returncode, 0, "it needs libraries that the image has not")
        self.succeeds(binary, "check")


if __name__ == "__main__":
    unittest.main()
