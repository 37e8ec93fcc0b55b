# SPDX-License-Identifier: Apache-2.0
"""The image's last stage, with the binary under test, run as the DaemonSet has it. The first stage, which compiles, is not run
here, since that takes so long: see whole_image.py."""

import json
import os
import pathlib
import re
import resource
import shutil
import unittest
import urllib.request

from support import CAPABILITIES, DEPLOY, Daemon, DeployTest, needs, needs_root, run, sensord

TAG = "localhost/sensord-deploy-test:latest"
SECCOMP = DEPLOY / "seccomp/sensord.json"


def setUpModule():
    needs_root()
    needs("buildah", "podman", "runc")


class ImageTests(DeployTest):
    def setUp(self):
        super().setUp()
        self.base = self.directory / "build"
        binary = self.base / "out/usr/bin/sensord"
        binary.parent.mkdir(parents=True)
        shutil.copy(sensord(), binary)
        authorities = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        if authorities.exists():
            place = self.base / "out" / authorities.relative_to("/")
            place.parent.mkdir(parents=True)
            shutil.copy(authorities, place)
        self.own = {str(path.relative_to(self.base / "out")) for path in (self.base / "out").rglob("*") if path.is_file()}
        # A binary that is not static (SENSORD=...) gets its libraries.
        for library in re.findall(r"(?:=> |^\s+)(/\S+) \(", run("ldd", sensord()).stdout, re.MULTILINE):
            place = self.base / "out" / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        (self.directory / "context").mkdir()
        self.addCleanup(run, "podman", "rmi", "--force", TAG)

    def build(self):
        build = ("buildah", "build", "--quiet", "--no-cache", "--file", DEPLOY / "Dockerfile", "--timestamp", "0")
        arguments = ("--build-context", f"build={self.base}", "--build-arg", "REVISION=r1", "--tag", TAG)
        return self.succeeds(*build, *arguments, self.directory / "context").strip()

    def run_in_container(self, *words, capabilities=CAPABILITIES, options=()):
        """The command that runs sensord as the pod has it, with what a runtime without kubelet has to be told."""
        limits = []
        for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
            # What podman asks for by itself is more than this machine may give.
            hard = resource.getrlimit(number)[1]
            bound = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
            limits += ["--ulimit", f"{name}={bound}:{bound}"]
        added = ",".join(name.upper() for name in capabilities)
        for name in ("run", "state"):
            (self.directory / name).mkdir(exist_ok=True)
        return [
            *("podman", "run", "--rm", "--pull=never", "--runtime=runc", "--pid=host", "--network=host", "--cgroupns=private"),
            *("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", f"--cap-add={added}"),
            *("--security-opt=no-new-privileges", f"--security-opt=seccomp={SECCOMP}"),
            *(f"--volume={self.directory}/run:/run/sensord", f"--volume={self.directory}/state:/var/lib/sensord"),
            # Through process 1's root in a cluster, which not every machine lets anybody see.
            "--volume=/sys/fs/cgroup:/sys/fs/cgroup:ro",
            *limits,
            *options,
            TAG,
            *words,
        ]

    def test_it_holds_the_program_and_certificates_and_says_what_it_is(self):
        self.build()
        (image,) = json.loads(self.succeeds("podman", "image", "inspect", TAG))
        self.assertEqual(image["Config"]["Entrypoint"], ["/usr/bin/sensord"])
        self.assertEqual(image["Config"]["Cmd"], ["run"])
        labels = image["Config"]["Labels"]
        self.assertEqual(labels["org.opencontainers.image.revision"], "r1")
        number = self.succeeds(sensord(), "version").split()[1]
        self.assertEqual(labels["org.opencontainers.image.version"], number)
        archive = self.directory / "image.tar"
        self.succeeds("podman", "save", "--format", "docker-archive", "--output", archive, TAG)
        (layer,) = [name for name in self.succeeds("tar", "-tf", archive).split() if re.fullmatch(r"[0-9a-f]{64}\.tar", name)]
        self.succeeds("tar", "-C", self.directory, "-xf", archive, layer)
        files = {name for name in self.succeeds("tar", "-tf", self.directory / layer).split() if not name.endswith("/")}
        libraries = {name for name in files if ".so" in pathlib.Path(name).name}
        self.assertEqual(files - libraries, self.own)

    def test_the_same_build_is_the_same_image(self):
        self.assertEqual(self.build(), self.build())

    def test_it_is_able_with_the_capabilities_and_the_profile_of_the_manifests(self):
        self.build()
        done = run(*self.run_in_container("check"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        states = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
        self.assertEqual([line for line in states.values() if re.search(r"  (degraded|missing) ", line)], [])

    def test_without_a_capability_that_it_needs_it_says_which(self):
        self.build()
        done = run(*self.run_in_container("run", capabilities=[name for name in CAPABILITIES if name != "bpf"]))
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("CAP_BPF", done.stderr)

    def test_the_daemon_runs_is_ready_answers_and_stops(self):
        self.build()
        name = f"sensord-deploy-test-{os.getpid()}"
        options = ["--name", name]
        bpf = self.directory / "bpf"
        bpf.mkdir()
        if run("mount", "-t", "bpf", "bpf", bpf).returncode:
            self.skipTest("no BPF file system can be mounted here")
        self.addCleanup(run, "umount", "--lazy", bpf)
        options += [f"--volume={bpf}:/sys/fs/bpf:rslave"]
        words = ("run", "--listen", "127.0.0.1:0", "--tick", "0.5", "--pin-dir", "/sys/fs/bpf/sensord")
        command = self.run_in_container(*words, options=options)
        self.addCleanup(run, "podman", "rm", "--force", name)
        with Daemon(*command, directory=self.directory) as daemon:
            address = daemon.said(r"listening for HTTP address=(\S+)")[1]
            daemon.said("collecting")
            for page in "healthz", "readyz", "metrics":
                with urllib.request.urlopen(f"http://{address}/{page}", timeout=10) as answer:
                    self.assertEqual(answer.status, 200, page)
            said = self.succeeds("podman", "exec", name, "sensord", "--tail", "--count", "1", "--kind", "process.*")
            self.assertTrue(said.strip())
            self.succeeds("podman", "exec", name, "sensord", "posture")
            sockets = {path.name for path in (self.directory / "run/agent").iterdir()}
            self.assertEqual(sockets, {"toolcalls.sock", "otlp.sock"})
            self.succeeds("podman", "stop", "--time", "30", name)
            daemon.process.wait(timeout=60)
        self.assertEqual(daemon.status, 0, daemon.log)
        self.assertNotIn("nothing is pinned", daemon.log)
        self.assertTrue((bpf / "sensord/v1/manifest").exists(), "the next one takes over")


if __name__ == "__main__":
    unittest.main()
