# SPDX-License-Identifier: Apache-2.0
"""Alerts and dashboard: valid, about metrics that exist, and true to what they are for."""

import json
import re
import unittest
import urllib.request

import yaml

from support import DEPLOY, Daemon, DeployTest, needs, needs_root, run, sensord

ALERTS = DEPLOY / "prometheus/alerts.yaml"
DASHBOARD = DEPLOY / "grafana/sensord.json"
METRIC = re.compile(r"\bsensord_[a-z_]+")


class PrometheusTests(DeployTest):
    def expressions(self):
        rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
        made = [(rule["alert"], rule["expr"]) for rule in rules]
        dashboard = json.loads(DASHBOARD.read_text())
        for panel in dashboard["panels"]:
            made += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
        return made

    def test_alerts_are_valid_and_come_when_they_should(self):
        needs("promtool")
        self.succeeds("promtool", "check", "rules", "--lint-fatal", ALERTS)
        self.succeeds("promtool", "test", "rules", ALERTS.with_name("alerts.test.yaml"))

    def test_every_alert_is_tested(self):
        names = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
        tests = yaml.safe_load(ALERTS.with_name("alerts.test.yaml").read_text())["tests"]
        samples = [one["labels"] for test in tests for query in test["promql_expr_test"] for one in query["exp_samples"]]
        self.assertEqual(names, {re.search('"(.*)"', labels)[1] for labels in samples})

    def test_every_metric_and_value_of_a_label_exists(self):
        needs_root()
        places = ("--run-dir", self.directory / "run", "--state-dir", self.directory / "state")
        listen = ("--listen", "127.0.0.1:0", "--records", self.directory / "records")
        with Daemon(sensord(), "run", *places, *listen, directory=self.directory) as daemon:
            address = daemon.said(r"listening for HTTP address=(\S+)")[1]
            daemon.said("collecting")
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        self.assertIn("sensord_events_total", known)
        for place, expression in self.expressions():
            with self.subTest(place):
                self.assertLessEqual(set(METRIC.findall(expression)), known)
                for metric, label, values in re.findall(r"(sensord_\w+)\{[^}]*?(\w+)=~?\"([a-z|]+)\"", expression):
                    for value in values.split("|"):
                        self.assertIn(f'{metric}{{{label}="{value}"}}', text)
        counters = set(re.findall(r"^# TYPE (\S+) counter", text, re.MULTILINE))
        for place, expression in self.expressions():
            rated = set(re.findall(r"(?:rate|increase)\((sensord_\w+)", expression))
            with self.subTest(place):
                self.assertLessEqual(rated, counters, "only counters have a rate")
                self.assertEqual(counters & set(METRIC.findall(expression)) - rated - {"sensord_events_total"}, set())
        if run("sh", "-c", "command -v promtool").returncode == 0:
            done = run("promtool", "check", "metrics", input=text)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_settings_that_alerts_name_exist(self):
        known = set(re.findall(r"(--[a-z-]+)", run(sensord(), "run", "--help").stdout))
        self.assertLessEqual(set(re.findall(r"(?<!-)--[a-z][a-z-]+", ALERTS.read_text())), known)

    def test_expressions_of_the_dashboard_are_valid(self):
        """As rules, with Grafana's variables filled in."""
        needs("promtool")
        variables = {"$__rate_interval": "5m", "$__range": "1h", "$instance": ".*"}
        rules = []
        for number, (_, expression) in enumerate(self.expressions()):
            for name, value in variables.items():
                expression = expression.replace(name, value)
            rules.append({"record": f"panel:{number}", "expr": expression})
        file = self.directory / "rules.yaml"
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        self.succeeds("promtool", "check", "rules", file)

    def test_panels_of_the_dashboard_do_not_lie_on_each_other(self):
        taken = set()
        panels = json.loads(DASHBOARD.read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        for panel in panels:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertFalse(taken & cells, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            taken |= cells


if __name__ == "__main__":
    unittest.main()
