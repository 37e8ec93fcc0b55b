# SPDX-License-Identifier: Apache-2.0
"""What must hold for Kubernetes objects, however they were made."""

import json

import kubernetes_validate

from support import CAPABILITIES, KUBERNETES, names_of_settings, run, sensord

# Made by hand, or by others: the documentation says how.
SECRETS = {"sensord-digest-key", "sensord-signing-key", "sensord-reconciler-token", "sensord-reconciler-certificate"}
# Not Kubernetes' own: no schema of theirs comes with its.
CUSTOM = {"PodMonitor"}


def named(objects, kind):
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pod(workload):
    return workload["spec"]["template"]["spec"]


def check_schema(test, objects):
    """Every field is one that Kubernetes knows, of the type it wants."""
    for one in objects:
        if one["kind"] in CUSTOM:
            continue
        for version in KUBERNETES:
            with test.subTest(kind=one["kind"], name=one["metadata"]["name"], version=version):
                kubernetes_validate.validate(one, version, strict=True)


def check_references(test, objects, elsewhere=frozenset()):
    """What one object names is another one that is there."""
    configs, accounts, roles = named(objects, "ConfigMap"), named(objects, "ServiceAccount"), named(objects, "ClusterRole")
    for workload in [one for one in objects if one["kind"] in ("DaemonSet", "Deployment")]:
        spec = pod(workload)
        if "serviceAccountName" in spec:
            test.assertIn(spec["serviceAccountName"], accounts)
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for volume in volumes.values():
            if "configMap" in volume:
                test.assertIn(volume["configMap"]["name"], set(configs) | elsewhere)
            if "secret" in volume:
                test.assertIn(volume["secret"]["secretName"], SECRETS)
        mounts = [mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]]
        test.assertEqual(sorted(mounts), sorted(volumes), "each volume is mounted once")
        labels = workload["spec"]["template"]["metadata"]["labels"]
        selectors = [workload["spec"]["selector"]["matchLabels"]]
        selectors += [one["spec"]["selector"] for one in named(objects, "Service").values()]
        selectors += [one["spec"]["podSelector"]["matchLabels"] for one in named(objects, "NetworkPolicy").values()]
        selectors += [one["spec"]["selector"]["matchLabels"] for one in named(objects, "PodMonitor").values()]
        for selector in selectors:
            test.assertLessEqual(selector.items(), labels.items())
        ports = {port["name"] for container in spec["containers"] for port in container.get("ports", [])}
        for service in named(objects, "Service").values():
            test.assertLessEqual({port["targetPort"] for port in service["spec"]["ports"]}, ports)
        for monitor in named(objects, "PodMonitor").values():
            test.assertLessEqual({end["port"] for end in monitor["spec"]["podMetricsEndpoints"]}, ports)
    for policy in named(objects, "NetworkPolicy").values():
        open_ports = {(port["port"], port["protocol"]) for rule in policy["spec"]["egress"] for port in rule["ports"]}
        test.assertLessEqual({(53, "UDP"), (53, "TCP"), (443, "TCP")}, open_ports, "nobody is found without names")
    for binding in named(objects, "ClusterRoleBinding").values():
        test.assertIn(binding["roleRef"]["name"], roles)
        for subject in binding["subjects"]:
            test.assertIn(subject["name"], accounts)
            test.assertEqual(subject["namespace"], accounts[subject["name"]]["metadata"]["namespace"])


def check_sensor(test, objects, directory):
    """The DaemonSet asks for no more than sensord needs, and sensord takes what it is given."""
    (workload,) = named(objects, "DaemonSet").values()
    spec = pod(workload)
    (container,) = spec["containers"]
    security = container["securityContext"]
    test.assertFalse(security["privileged"] or security["allowPrivilegeEscalation"] or spec["hostNetwork"])
    test.assertTrue(security["readOnlyRootFilesystem"] and spec["hostPID"])
    test.assertEqual(security["capabilities"]["drop"], ["ALL"])
    test.assertEqual({name.lower() for name in security["capabilities"]["add"]}, set(CAPABILITIES))
    paths = {volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    test.assertEqual(paths, {"/run/sensord", "/var/lib/sensord", "/sys/fs/bpf"})
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "bpf"]
    test.assertEqual((mount["mountPath"], mount["mountPropagation"]), ("/sys/fs/bpf", "HostToContainer"))
    update = workload["spec"]["updateStrategy"]["rollingUpdate"]
    test.assertEqual((update["maxSurge"], update["maxUnavailable"]), ("10%", 0))
    # Two of them are on a node for a while: nothing may be the node's that only one can have.
    test.assertFalse([port for port in container["ports"] if "hostPort" in port])
    test.assertFalse(spec["enableServiceLinks"])

    settings = names_of_settings()
    for variable in container["env"]:
        test.assertIn(variable["name"].removeprefix("SENSORD_").lower().replace("_", "-"), settings)
    for word in container["args"]:
        if word.startswith("--"):
            test.assertIn(word[2:], settings)
    for config in named(objects, "ConfigMap").values():
        text = config["data"]["config.json"]
        check_config(test, text, directory)
        test.assertTrue(json.loads(text)["pinDir"].startswith(mount["mountPath"] + "/"))
        port = int(json.loads(text)["listen"].rpartition(":")[2])
        test.assertEqual([port], [port["containerPort"] for port in container["ports"]])


def check_config(test, text, directory):
    """sensord takes this as its configuration: it goes on to miss its capabilities, which only comes after."""
    file = directory / "config.json"
    for status, content in (77, text), (78, '{"tikc": 10}'):
        file.write_text(content)
        places = ("--state-dir", directory / "state", "--run-dir", directory / "run")
        drop = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
        done = run(*drop, sensord(), "run", "--config", file, *places)
        test.assertEqual(done.returncode, status, done.stderr)
