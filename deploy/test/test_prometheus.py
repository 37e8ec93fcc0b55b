# SPDX-License-Identifier: Apache-2.0
"""Alerts and dashboard: valid, about metrics that exist, and true to what they are for."""

import contextlib
import json
import re
import signal
import subprocess
import unittest
import urllib.parse
import urllib.request

import yaml

from support import DEPLOY, Daemon, DeployTest, eventually, needs, needs_root, run, sensord

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
        # Nobody takes records there.
        reconciler = ("--reconciler-url", "http://127.0.0.1:1")
        with Daemon(sensord(), "run", *places, *listen, *reconciler, directory=self.directory) as daemon:
            address = daemon.said(r"listening for HTTP address=(\S+)")[1]
            daemon.said("collecting")
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        self.assertIn("sensord_events_total", known)
        known |= {f"{name}_bucket" for name in re.findall(r"^# TYPE (\S+) histogram", text, re.MULTILINE)}
        for place, expression in self.expressions():
            with self.subTest(place):
                self.assertLessEqual(set(METRIC.findall(expression)), known)
                for metric, label, values in re.findall(r"(sensord_\w+)\{[^}]*?(\w+)=~?\"([a-z|]+)\"", expression):
                    for value in values.split("|"):
                        self.assertIn(f'{metric}{{{label}="{value}"}}', text)
        counters = set(re.findall(r"^# TYPE (\S+) counter", text, re.MULTILINE))
        counters |= {name for name in known if name.endswith("_bucket")}
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


class ScrapeTests(DeployTest):
    """A Prometheus that scrapes a sensord and evaluates the alerts, each second."""

    def ask(self, path):
        with urllib.request.urlopen(f"http://{self.prometheus}{path}", timeout=10) as answer:
            return answer.read().decode()

    def data(self, path):
        answer = json.loads(self.ask(path))
        self.assertEqual(answer["status"], "success")
        return answer["data"]

    def value(self, expression):
        """Of what must be one sample; None: there is none."""
        result = self.data("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))["result"]
        self.assertLessEqual(len(result), 1, result)
        return float(result[0]["value"][1]) if result else None

    def own(self, metric):
        """What it counts of itself, over all labels."""
        lines = re.findall(rf"^{metric}(?:\{{.*\}})? (\S+)$", self.ask("/metrics"), re.MULTILINE)
        self.assertTrue(lines, metric)
        return sum(map(float, lines))

    def configuration(self, target):
        file = self.directory / "prometheus.yaml"
        file.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(ALERTS)],
                    "scrape_configs": [{"job_name": "sensord", "static_configs": [{"targets": [target]}]}],
                }
            )
        )
        return file

    def test_what_it_scrapes_is_whole_and_every_alert_can_be_evaluated(self):
        needs("prometheus")
        needs_root()
        places = ("--run-dir", self.directory / "run", "--state-dir", self.directory / "state")
        settings = ("--listen", "127.0.0.1:0", "--records", "-", "--tick", "0.5", "--activity-ring-bytes", "65536")
        with Daemon(sensord(), "run", *places, *settings, directory=self.directory) as daemon:
            target = daemon.said(r"listening for HTTP address=(\S+)")[1]
            self.lose_events(daemon)
            flags = ("--storage.tsdb.path", self.directory / "data", "--web.listen-address", "127.0.0.1:0")
            command = ("prometheus", "--config.file", self.configuration(target), *flags)
            with Daemon(*command, directory=self.directory) as prometheus:
                self.prometheus = prometheus.said(r'msg="Listening on".*? address=(\S+)')[1]
                prometheus.said("Server is ready to receive web requests")
                eventually(lambda: self.value("up") == 1, 60, "sensord is scraped")
                self.check_what_is_counted()
                self.check_what_is_scraped()
                self.check_alerts()
                self.assertNotRegex(prometheus.log, "(?i)level=(warn|error)")
                daemon.process.terminate()
                pending = 'ALERTS{alertname="SensordDown", alertstate="pending"}'
                eventually(lambda: self.value(pending) == 1, 60, "it is noticed that sensord is away")

    def lose_events(self, daemon):
        daemon.said("collecting")
        # While it does not look, nothing makes room.
        daemon.process.send_signal(signal.SIGSTOP)
        for number in range(3000):
            with contextlib.suppress(FileNotFoundError):
                open(self.directory / f"none-{number}").close()
        daemon.process.send_signal(signal.SIGCONT)
        daemon.said("events were lost")

    def check_what_is_counted(self):
        version = run(sensord(), "version").stdout.split()[1]
        self.assertEqual(self.value(f'sensord_build_info{{version="{version}"}}'), 1)
        self.assertGreater(self.value("sensord_process_resident_bytes"), 1 << 20)
        executions = 'sensord_events_total{kind="process.exec"}'
        before = self.value(executions)
        subprocess.run(["true"], check=True)
        eventually(lambda: self.value(executions) > before, 60, "events are counted")
        attributed = "sum(sensord_attributed_events_total)"
        eventually(lambda: self.value(attributed) >= self.value("sum(sensord_events_total)"), 60, "whose they are, too")
        fill = "sensord_map_entries{map=\"memory\"} / sensord_map_max_entries"
        eventually(lambda: 0 < (self.value(fill) or 0) < 1, 60, "maps have a fill")
        eventually(lambda: (self.value("sum(sensord_lost_events_total)") or 0) > 0, 60, "losses are counted")
        self.assertEqual(self.value('sensord_hooks{state="refused"}'), 0)
        self.assertGreater(self.value('sensord_hooks{state="attached"}'), 10)
        eventually(lambda: (self.value("sum(rate(sensord_events_total[30s]))") or 0) > 0, 60, "it has a rate")

    def check_what_is_scraped(self):
        (target,) = self.data("/api/v1/targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        kept = self.value("scrape_samples_post_metric_relabeling")
        self.assertEqual(self.value("scrape_samples_scraped"), kept)
        self.assertGreater(kept, 100)
        for what in "duplicate_timestamp", "out_of_order", "out_of_bounds":
            self.assertEqual(self.own(f"prometheus_target_scrapes_sample_{what}_total"), 0, what)

    def check_alerts(self):
        def rules():
            found = [rule for group in self.data("/api/v1/rules")["groups"] for rule in group["rules"]]
            return found if found and all(rule["health"] != "unknown" for rule in found) else None

        found = eventually(rules, 60, "all rules have been evaluated")
        names = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
        self.assertEqual({rule["name"] for rule in found}, names)
        for rule in found:
            self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""), rule["name"])
        self.assertEqual(self.own("prometheus_rule_evaluation_failures_total"), 0)
        # Of all of them none is of a sensord that does what it should.
        wrong = {"SensordDown", "SensordHooksMissing", "SensordTrouble", "SensordDoesNotKeepState"}
        self.assertEqual({alert["labels"]["alertname"] for alert in self.data("/api/v1/alerts")["alerts"]} & wrong, set())


if __name__ == "__main__":
    unittest.main()
