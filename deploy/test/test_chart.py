# SPDX-License-Identifier: Apache-2.0
"""The chart, rendered by Helm's own library."""

import copy
import re
import shutil
import textwrap
import unittest

import helm_python

import objects
from support import DEPLOY, DeployTest, documents, needs

CHART = DEPLOY / "helm/sensord"
# What Helm adds, or names otherwise than kustomize.
LABELS = {"app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"}


def rendered(values=None, name="sensord", namespace="sensord"):
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name=name, namespace=namespace)
    return [one for file, text in files.items() if file.endswith(".yaml") for one in documents(text)]


def plain(value):
    """Without what differs between chart and manifests for no reason but the tool."""
    if isinstance(value, dict):
        left = {key: plain(one) for key, one in value.items() if key not in LABELS and key != "checksum/config"}
        return {key: one for key, one in left.items() if key != "labels" or one}
    return [plain(one) for one in value] if isinstance(value, list) else value


EVERYTHING = {
    "digestKey": {"secretName": "sensord-digest-key"},
    "signingKey": {"secretName": "sensord-signing-key"},
    "reconciler": {
        "token": {"secretName": "sensord-reconciler-token", "key": "bearer"},
        "certificate": {"secretName": "sensord-reconciler-certificate"},
    },
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/sensord.json"},
    "config": {"watch": "namespace=agents,!Host/*", "memoryEntries": 16777216, "tick": 2.5, "cluster": "c1", "reconcilerUrl": "https://r"},
    "rbac": {"extraRules": [{"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": ["get"]}]},
    "image": {"digest": "sha256:" + "0" * 64},
    "podLabels": {"team": "platform"},
    "podAnnotations": {"note": "x"},
    "imagePullSecrets": [{"name": "registry"}],
    "affinity": {"nodeAffinity": {}},
}


class ChartTests(DeployTest):
    def test_lint_finds_nothing(self):
        report = helm_python.lint(CHART, strict=True)
        self.assertEqual(report["errors"], [])
        self.assertEqual([one for one in report["messages"] if one["severity"] > 1], [])

    def test_defaults_are_valid_whole_and_taken(self):
        made = rendered()
        objects.check_schema(self, made)
        objects.check_references(self, made)
        objects.check_sensor(self, made, self.directory)

    def test_everything_switched_on_is_valid_whole_and_taken(self):
        made = rendered(EVERYTHING, name="other", namespace="elsewhere")
        objects.check_schema(self, made)
        objects.check_references(self, made)
        objects.check_sensor(self, made, self.directory)
        self.assertEqual({one["metadata"]["name"] for one in made}, {"other-sensord"})
        namespaces = {one["metadata"].get("namespace") for one in made if not one["kind"].startswith("ClusterRole")}
        self.assertEqual(namespaces, {"elsewhere"})

    def test_everything_switched_off_is_valid_and_whole(self):
        off = {"enabled": False}
        made = rendered(
            {
                "service": off,
                "networkPolicy": off,
                "pins": off,
                "rbac": {"create": False},
                "appArmorProfile": None,
                "seLinuxOptions": None,
                "tolerations": [],
                "priorityClassName": "",
            }
        )
        self.assertEqual({one["kind"] for one in made}, {"ConfigMap", "DaemonSet", "ServiceAccount"})
        objects.check_schema(self, made)
        objects.check_references(self, made)

    def test_without_pins_there_is_one_pod_on_a_node_at_a_time(self):
        made = rendered({"pins": {"enabled": False}, "maxUnavailable": 2})
        (workload,) = objects.named(made, "DaemonSet").values()
        self.assertEqual(workload["spec"]["updateStrategy"]["rollingUpdate"], {"maxSurge": 0, "maxUnavailable": 2})
        paths = {one["hostPath"]["path"] for one in objects.pod(workload)["volumes"] if "hostPath" in one}
        self.assertEqual(paths, {"/run/sensord", "/var/lib/sensord"})
        (config,) = objects.named(made, "ConfigMap").values()
        self.assertNotIn("pinDir", config["data"]["config.json"])

    def test_with_pins_a_rollout_may_wait_for_pods_that_collect(self):
        made = rendered({"maxSurge": 0, "maxUnavailable": 1})
        objects.check_schema(self, made)
        (workload,) = objects.named(made, "DaemonSet").values()
        self.assertEqual(workload["spec"]["updateStrategy"]["rollingUpdate"], {"maxSurge": 0, "maxUnavailable": 1})
        (config,) = objects.named(made, "ConfigMap").values()
        self.assertIn("pinDir", config["data"]["config.json"])

    def test_a_node_may_wait_for_its_pod_to_be_deleted(self):
        made = rendered({"updateStrategy": "OnDelete"})
        objects.check_schema(self, made)
        (workload,) = objects.named(made, "DaemonSet").values()
        self.assertEqual(workload["spec"]["updateStrategy"], {"type": "OnDelete"})

    def test_defaults_are_the_manifests(self):
        needs("kubectl")
        by_kind = lambda made: {one["kind"]: plain(copy.deepcopy(one)) for one in made}  # noqa: E731
        chart = by_kind(rendered())
        base = by_kind(documents(self.succeeds("kubectl", "kustomize", DEPLOY / "kubernetes")))
        # Helm makes namespaces itself (--create-namespace).
        del base["Namespace"]
        for one in chart.values(), base.values():
            for made in one:
                made["metadata"].pop("labels", None)
        # kustomize puts a hash behind the name.
        base["ConfigMap"]["metadata"]["name"] = "sensord"
        volumes = objects.pod(base["DaemonSet"])["volumes"]
        next(one for one in volumes if one["name"] == "config")["configMap"]["name"] = "sensord"
        for made in chart, base:
            made["ConfigMap"]["data"]["config.json"] = made["ConfigMap"]["data"]["config.json"].strip()
        self.assertEqual(chart, base)

    def test_another_configuration_is_another_pod(self):
        def checksum(values):
            (workload,) = objects.named(rendered(values), "DaemonSet").values()
            return workload["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

        self.assertNotEqual(checksum({}), checksum({"config": {"cluster": "c1"}}))

    def test_wrong_values_are_refused(self):
        wrong = (
            {"port": 0},
            {"prot": 9464},
            {"config": {"listen": "127.0.0.1:1"}},
            {"config": {"state-dir": "/tmp"}},
            {"config": {"pinDir": "/tmp"}},
            {"pins": {"enabled": "yes"}},
            {"maxSurge": -1},
            {"maxSurge": "0%"},
            {"updateStrategy": "Recreate"},
            {"hostPaths": {"run": "run"}},
            {"extraCapabilities": ["SYS_ADMIN"]},
            {"reconciler": {"secretName": "sensord-reconciler-token"}},
            {"image": {"digest": "abc"}},
            {"maxUnavailable": "some"},
            {"maxUnavailable": 0},
            {"maxUnavailable": "0%"},
        )
        for values in wrong:
            with self.subTest(values), self.assertRaises(helm_python.HelmValuesError):
                rendered(values)

    def test_notes_name_what_was_installed(self):
        with helm_python.Chart.load(CHART) as chart:
            notes = chart.render(name="other", namespace="elsewhere")["sensord/templates/NOTES.txt"]
        self.assertIn("kubectl -n elsewhere rollout status ds/other-sensord", notes)

    def test_notes_say_how_nodes_are_cleaned_with_the_image_that_was_installed(self):
        needs("kubectl")
        shutil.copytree(DEPLOY / "kubernetes/uninstall", self.directory / "uninstall")
        digest = "sha256:" + "1" * 64
        for image, expected in ({"tag": "1.2"}, "r.example/sensord:1.2"), ({"digest": digest}, f"r.example/sensord@{digest}"):
            with self.subTest(image), helm_python.Chart.load(CHART) as chart:
                notes = chart.render({"image": {"repository": "r.example/sensord", **image}})["sensord/templates/NOTES.txt"]
                kustomization = re.search(r"^  resources:\n(?:^  .*\n)+", notes, re.MULTILINE)[0]
                (self.directory / "kustomization.yaml").write_text(textwrap.dedent(kustomization))
                made = documents(self.succeeds("kubectl", "kustomize", self.directory))
                (workload,) = objects.named(made, "DaemonSet").values()
                self.assertEqual(objects.pod(workload)["initContainers"][0]["image"], expected)
                self.assertNotIn("hostPaths", notes)
        with helm_python.Chart.load(CHART) as chart:
            notes = chart.render({"hostPaths": {"run": "/run/other"}})["sensord/templates/NOTES.txt"]
        self.assertIn("Your hostPaths", notes)


if __name__ == "__main__":
    unittest.main()
