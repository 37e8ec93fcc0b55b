# SPDX-License-Identifier: Apache-2.0
"""Packages of Debian's archive, of any suite and machine, unpacked and not installed.

apt fetches them, which checks their signature, with a configuration of its own: this machine's package lists stay as
they are. The archives are those that this machine's apt uses, or SENSORD_VM_MIRROR (the URL of one, …/debian).
"""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class ArchiveError(Exception):
    """The archive does not have what was asked of it; the message says what to do."""


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "sensord-vm"


def mirrors() -> dict:
    """The archives this machine's apt uses, by the last part of their path: `debian`, `debian-security`."""
    override = os.environ.get("SENSORD_VM_MIRROR")
    if override:
        base = override.rstrip("/")
        return {"debian": base, "debian-security": base + "-security"}
    text = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout
    found = {}
    for uri in text.split():
        found.setdefault(uri.rstrip("/").rsplit("/", 1)[-1], uri.rstrip("/"))
    if "debian" not in found:
        raise ArchiveError("apt knows no Debian archive here: set SENSORD_VM_MIRROR to the URL of one (…/debian)")
    return found


def options(directory: Path, machine: str, suites: tuple) -> list:
    available = mirrors()
    lines = []
    for suite in suites:
        archive = "debian-security" if suite.endswith("-security") else "debian"
        if archive in available:
            lines.append(f"deb [arch={machine} signed-by={KEYRING}] {available[archive]} {suite} main\n")
    for sub in ("state/lists/partial", "cache/archives/partial"):
        (directory / sub).mkdir(parents=True, exist_ok=True)
    sources = directory / "sources.list"
    sources.write_text("".join(lines))
    settings = {
        "Dir::State": directory / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": directory / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Architecture": machine,
        "APT::Architectures": machine,
        "APT::Sandbox::User": "root",
        "APT::Update::Post-Invoke": "",
        "Acquire::Languages": "none",
    }
    words = []
    for key, value in settings.items():
        words += ["-o", f"{key}={value}"]
    # Hooks that other packages put into this machine's configuration are none of our business.
    return words + ["-o", "#clear=APT::Update::Post-Invoke-Success"]


def unpacked(name: str, machine: str, suites: tuple, prefix: str, choose, patterns: tuple, refresh=False) -> Path:
    """A directory with files of packages, and their full names in `packages`; fetched once and then kept in
    $XDG_CACHE_HOME/sensord-vm, by one process at a time.

    `choose` is given the names of all packages that begin with `prefix` and returns those to fetch, or raises
    ArchiveError. Of these, what matches `patterns` is unpacked. A suite of updates may list what its archive no longer has:
    then the first suite has to do."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{name}-{machine}"
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if refresh or not (target / "packages").exists():
            try:
                fetch(target, machine, suites, prefix, choose, patterns)
            except subprocess.CalledProcessError as error:
                if len(suites) == 1:
                    raise
                print(f"archive: {error.stderr.strip()}", file=sys.stderr)
                fetch(target, machine, suites[:1], prefix, choose, patterns)
    return target


def fetch(target: Path, machine: str, suites: tuple, prefix: str, choose, patterns: tuple) -> None:
    if not os.path.exists(KEYRING):
        raise ArchiveError("no Debian keys: apt-get install debian-archive-keyring")
    with tempfile.TemporaryDirectory(prefix="sensord-vm-") as scratch:
        directory = Path(scratch)
        words = options(directory, machine, suites)
        quiet = {"check": True, "capture_output": True, "text": True, "cwd": scratch}
        subprocess.run(["apt-get", *words, "-q", "update"], **quiet)
        listed = subprocess.run(["apt-cache", *words, "pkgnames", prefix], **quiet).stdout.split()
        names = choose(listed)
        subprocess.run(["apt-get", *words, "-q", "download", *names], **quiet)
        packages = sorted(directory.glob("*.deb"))
        fresh = target.with_name(target.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for package in packages:
            # tar complains of a pattern that one package has nothing for.
            unpack = f"dpkg-deb --fsys-tarfile {shlex.quote(str(package))} | tar -x -C {shlex.quote(str(fresh))} --wildcards "
            subprocess.run(["bash", "-c", unpack + shlex.join(patterns)], check=False, capture_output=True)
        (fresh / "packages").write_text("".join(package.name + "\n" for package in packages))
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)


def natural(name: str) -> list:
    """To sort names by the numbers in them."""
    return [(1, int(part)) if part.isdigit() else (0, part) for part in re.findall(r"\d+|\D+", name)]
