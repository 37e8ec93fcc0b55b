# SPDX-License-Identifier: Apache-2.0
"""The manifests, as kustomize makes them."""

import json
import os
import pathlib
import re
import sys
import unittest

import celpy

import objects
from support import CAPABILITIES, DEPLOY, Daemon, DeployTest, documents, eventually, needs, needs_root, run, sensord

BASE = DEPLOY / "kubernetes"
COMPONENTS = sorted(path.parent.name for path in BASE.glob("components/*/kustomization.yaml"))


class KubernetesTests(DeployTest):
    def setUp(self):
        super().setUp()
        needs("kubectl")

    def rendered(self, *components):
        if not components:
            return documents(self.succeeds("kubectl", "kustomize", BASE))
        # kubectl has components since 1.21; Debian 12's has not.
        if not self._knows_components():
            self.skipTest("this kubectl's kustomize has no components")
        base = os.path.relpath(BASE, self.directory.resolve())
        kustomization = {"resources": [base], "components": [f"{base}/components/{name}" for name in components]}
        (self.directory / "kustomization.yaml").write_text(json.dumps(kustomization))
        return documents(self.succeeds("kubectl", "kustomize", self.directory))

    def _knows_components(self):
        version = re.search(r"v1\.(\d+)", run("kubectl", "version", "--client").stdout)
        return bool(version) and int(version[1]) >= 21

    def test_base_is_valid_whole_and_taken(self):
        made = self.rendered()
        objects.check_schema(self, made)
        objects.check_references(self, made)
        objects.check_sensor(self, made, self.directory)

    def test_all_components_together_are_valid_whole_and_taken(self):
        made = self.rendered(*COMPONENTS)
        objects.check_schema(self, made)
        objects.check_references(self, made)
        objects.check_sensor(self, made, self.directory)

    def test_every_component_changes_what_it_says(self):
        base = self.rendered()
        for name in COMPONENTS:
            with self.subTest(name):
                self.assertNotEqual(self.rendered(name), base)

    def test_every_component_and_manifest_is_used(self):
        resources = documents((BASE / "kustomization.yaml").read_text())[0]["resources"]
        self.assertEqual(sorted(resources), sorted(set(p.name for p in BASE.glob("*.yaml")) - {"kustomization.yaml"}))

    def test_namespace_admits_the_pod_and_says_so(self):
        labels = objects.named(self.rendered(), "Namespace")["sensord"]["metadata"]["labels"]
        self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "privileged")

    def test_examples_are_valid_and_give_agents_no_more_than_their_directory(self):
        made = [one for file in sorted(BASE.glob("examples/*.yaml")) for one in documents(file.read_text())]
        objects.check_schema(self, made)
        objects.check_references(self, made, elsewhere={"sensord-client"})
        (agent,) = objects.named(made, "Deployment").values()
        (volume,) = [one for one in objects.pod(agent)["volumes"] if "hostPath" in one]
        self.assertEqual(volume["hostPath"]["path"], "/run/sensord/agent")
        (container,) = objects.pod(agent)["containers"]
        self.assertTrue(all(mount["readOnly"] for mount in container["volumeMounts"]))
        (claim,) = objects.named(made, "PersistentVolumeClaim").values()
        volume = objects.named(made, "PersistentVolume")[claim["spec"]["volumeName"]]
        self.assertEqual(volume["spec"]["hostPath"]["path"], "/run/sensord/agent")
        reference = volume["spec"]["claimRef"]
        self.assertEqual((reference["namespace"], reference["name"]), (claim["metadata"]["namespace"], claim["metadata"]["name"]))

    def test_agent_of_the_example_announces_its_calls(self):
        needs_root()
        made = documents((BASE / "examples/agent.yaml").read_text())
        (self.directory / "planner.py").write_text(objects.named(made, "ConfigMap")["planner"]["data"]["planner.py"])
        records, run_directory = self.directory / "records", self.directory / "run"
        places = ("--run-dir", run_directory, "--state-dir", self.directory / "state", "--listen", "none")
        with Daemon(sensord(), "run", *places, "--records", records, "--tick", "0.5", directory=self.directory) as daemon:
            daemon.said("collecting")
            # Where pods have the directory the client looks by itself. A machine that is busy answers late.
            place = f'path="{run_directory}/agent/toolcalls.sock", timeout=10'
            agent = (self.directory / "planner.py").read_text().replace("Client(", f"Client({place}, ")
            (self.directory / "planner.py").write_text(agent)
            environment = dict(os.environ, PYTHONPATH=str(DEPLOY / "clients/python"), PYTHONDONTWRITEBYTECODE="1")
            with Daemon(sys.executable, self.directory / "planner.py", directory=self.directory, env=environment):
                call = eventually(lambda: self.call(records), 60, f"a record of the call; {daemon.log}")
        self.assertEqual(call["call"]["initiator"]["kind"], "schedule")
        self.assertIn("/etc/hostname", [effect["text"] for effect in call["effects"] if effect["method"] == "exact"])

    def call(self, records):
        if not records.exists():
            return None
        for line in records.read_text().splitlines():
            try:
                call = json.loads(line).get("payload", {}).get("toolCall")
            except ValueError:
                continue  # not whole yet
            if call and call["call"]["name"] == "read_file":
                return call
        return None


class UninstallTests(DeployTest):
    """What is applied once the DaemonSet is deleted, on a node that a daemon has just left."""

    def test_it_takes_from_a_node_what_the_daemon_leaves_there(self):
        needs_root()
        needs("kubectl", "mount", "setpriv")
        made = documents(self.succeeds("kubectl", "kustomize", BASE / "uninstall"))
        objects.check_schema(self, made)
        (workload,) = objects.named(made, "DaemonSet").values()
        volumes = {one["name"]: one["hostPath"]["path"] for one in objects.pod(workload)["volumes"]}
        (container,) = objects.pod(workload)["initContainers"]
        mounts = {one["mountPath"]: volumes[one["name"]] for one in container["volumeMounts"]}
        self.assertEqual(container["securityContext"]["capabilities"], {"drop": ["ALL"]})
        # Default profiles of AppArmor refuse to change what is below /sys.
        self.assertEqual(container["securityContext"]["appArmorProfile"], {"type": "Unconfined"})

        node = self.directory
        for path in volumes.values():
            (node / path.lstrip("/")).mkdir(parents=True)
        bpf = node / "sys/fs/bpf"
        if run("mount", "-t", "bpf", "bpf", bpf).returncode:
            self.skipTest("no BPF file system can be mounted here")
        self.addCleanup(run, "umount", "--lazy", bpf)
        base = documents((BASE / "daemonset.yaml").read_text())[0]
        own = {one["name"]: one["hostPath"]["path"] for one in objects.pod(base)["volumes"] if "hostPath" in one}
        pins = json.loads((BASE / "config.json").read_text())["pinDir"]
        places = [f"{node}{path}" for path in (own["run"], own["state"], pins)]
        daemon = ("run", "--run-dir", places[0], "--state-dir", places[1], "--pin-dir", places[2], "--listen", "none")
        with Daemon(sensord(), *daemon, directory=self.directory) as running:
            running.said("collecting")
        self.assertEqual([os.path.exists(place) for place in places], [True] * 3)

        # As the container sees it, whose mounts are the node's directories.
        words = list(container["args"])
        for place, path in mounts.items():
            words = [f"{node}{path}{word.removeprefix(place)}" if word.startswith(place + "/") else word for word in words]
        self.succeeds("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", sensord(), *words)
        self.assertEqual([os.path.exists(place) for place in places], [False] * 3)


class ReadOnlyPolicyTests(DeployTest):
    """The admission policy, evaluated by CEL's own rules."""

    def admits(self, volume, read_only, where="containers"):
        policy, _ = documents((BASE / "examples/read-only-policy.yaml").read_text())
        mount = {"name": "s", "mountPath": "/s", **({"readOnly": True} if read_only else {})}
        spec = {"containers": [{"name": "a"}], "volumes": [{"name": "s", **volume}, {"name": "t", "emptyDir": {}}]}
        spec.setdefault(where, []).append({"name": "b", "volumeMounts": [{"name": "t", "mountPath": "/t"}, mount]})
        known = {"object": celpy.json_to_cel({"spec": spec})}
        known["variables"] = celpy.celtypes.MapType(
            {
                celpy.celtypes.StringType(variable["name"]): self.value(variable["expression"], known)
                for variable in policy["spec"]["variables"]
            }
        )
        return all(self.value(one["expression"], known) for one in policy["spec"]["validations"])

    def value(self, expression, known):
        environment = celpy.Environment()
        return environment.program(environment.compile(expression)).evaluate(known)

    def test_who_may_write_into_the_directory_is_refused(self):
        claim = {"persistentVolumeClaim": {"claimName": "sensord-agent"}}
        read_only = {"persistentVolumeClaim": {"claimName": "sensord-agent", "readOnly": True}}
        for path in "/run/sensord/agent", "/run/sensord", "/var/run/sensord/agent":
            for where in "containers", "initContainers", "ephemeralContainers":
                with self.subTest(path=path, where=where):
                    self.assertFalse(self.admits({"hostPath": {"path": path}}, False, where))
                    self.assertTrue(self.admits({"hostPath": {"path": path}}, True, where))
        self.assertFalse(self.admits(claim, False))
        self.assertTrue(self.admits(claim, True))
        self.assertTrue(self.admits(read_only, False))

    def test_others_are_none_of_its_business(self):
        for volume in ({"hostPath": {"path": "/run/sensordish"}}, {"persistentVolumeClaim": {"claimName": "data"}}, {"emptyDir": {}}):
            with self.subTest(volume):
                self.assertTrue(self.admits(volume, False))

    def test_it_takes_pods_without_volumes_and_mounts(self):
        policy, _ = documents((BASE / "examples/read-only-policy.yaml").read_text())
        known = {"object": celpy.json_to_cel({"spec": {"containers": [{"name": "a"}]}})}
        self.assertEqual(self.value(policy["spec"]["variables"][0]["expression"], known), [])


class CapabilityTests(DeployTest):
    """That each capability in the manifests is needed, and that together they are enough."""

    def setUp(self):
        super().setUp()
        needs_root()
        needs("setpriv")

    def check(self, *capabilities):
        bounds = ",".join(["-all", *(f"+{name}" for name in capabilities)])
        done = run("setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", "--no-new-privs", sensord(), "check")
        return done.returncode, {line.split("  ")[0]: line for line in done.stdout.splitlines()}

    def test_they_are_enough(self):
        status, lines = self.check(*CAPABILITIES)
        self.assertEqual(status, 0, lines)
        for name in CAPABILITIES:
            self.assertRegex(lines[f"CAP_{name.upper()}"], " ok ")
        self.assertRegex(lines["eBPF programs"], " ok ")

    def test_without_any_one_of_them_something_is_lost(self):
        for name in CAPABILITIES:
            with self.subTest(name):
                status, lines = self.check(*(set(CAPABILITIES) - {name}))
                self.assertEqual(status, 1 if name in ("bpf", "perfmon") else 0)
                self.assertRegex(lines[f"CAP_{name.upper()}"], " (missing|degraded) ")

    def test_each_has_its_reason_in_the_manifest(self):
        lines = (BASE / "daemonset.yaml").read_text().splitlines()
        for name in CAPABILITIES:
            place = lines.index(f"                - {name.upper()}")
            self.assertRegex(lines[place - 1], r"^ +# .*\.$", name)


class MemoryTests(DeployTest):
    # MiB, as the manifests have it: what maps and rings take on so many processors, and the daemon at most.
    MAPS, PROCESSORS, DAEMON = 41, 64, 160
    # Bytes of them for each processor.
    OWN = 1 << 16

    def test_limits_are_the_daemons_and_what_maps_take(self):
        needs_root()
        manifest = documents((BASE / "daemonset.yaml").read_text())[0]
        resources = objects.pod(manifest)["containers"][0]["resources"]
        self.assertEqual(resources["limits"]["memory"], f"{self.DAEMON + self.MAPS}Mi")
        places = ("--run-dir", self.directory / "run", "--state-dir", self.directory / "state", "--listen", "none")
        with Daemon(sensord(), "run", *places, directory=self.directory) as daemon:
            daemon.said("collecting")
            maps = {}
            for entry in pathlib.Path(f"/proc/{daemon.process.pid}/fdinfo").iterdir():
                fields = dict(line.split(":\t", 1) for line in entry.read_text().splitlines() if ":\t" in line)
                if "map_id" in fields:
                    maps[fields["map_id"]] = int(fields["memlock"])
        self.assertGreater(len(maps), 10)
        last = int(re.split("[-,]", pathlib.Path("/sys/devices/system/cpu/possible").read_text())[-1])
        self.assertLessEqual(sum(maps.values()), (self.MAPS << 20) + (last + 1 - self.PROCESSORS) * self.OWN)


class SeccompTests(DeployTest):
    def test_profile_allows_nothing_that_leads_out(self):
        profile = json.loads((DEPLOY / "seccomp/sensord.json").read_text())
        self.assertEqual(profile["defaultAction"], "SCMP_ACT_ERRNO")
        names = [name for group in profile["syscalls"] for name in group["names"]]
        self.assertEqual(len(names), len(set(names)), "each once")
        self.assertTrue(all(group["comment"] and group["action"] == "SCMP_ACT_ALLOW" for group in profile["syscalls"]))
        leading = {"ptrace", "mount", "setns", "unshare", "init_module", "finit_module", "process_vm_writev", "pidfd_getfd", "kexec_load"}
        self.assertFalse(leading & set(names))


if __name__ == "__main__":
    unittest.main()
