"""Alerts and recording rules speak of metrics that are there, and do what their own tests say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import Histogram

from streams.metrics import SinkMetrics, WorkerMetrics

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"
DECLARED = {declaration.name: declaration for metrics in (WorkerMetrics, SinkMetrics) for declaration in metrics.declarations()}

# A metric's name begins with `credits_`; a recorded one has a level before it and an operation behind it, apart by colons.
METRIC = re.compile(r"(?<![\w:])(credits_\w+)(?![\w:])(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"')
RECORDED = re.compile(r"\b\w+:\w+:\w+\b")


def rules():
    """Give all rules, in order."""
    return [
        rule
        for group in yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def series():
    """Give each metric that a rule speaks of, with its matchers: (name, matchers)."""
    return [found.groups(default="") for rule in rules() for found in METRIC.finditer(rule["expr"])]


def promtool():
    """Give promtool, or skip the test."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not there")
    return found


def declaration_of(name):
    """Give the declaration that a series belongs to; a histogram's series have endings of their own."""
    stem = re.sub(r"_(bucket|sum|count)$", "", name)
    return DECLARED[stem] if stem in DECLARED and DECLARED[stem].kind is Histogram else DECLARED[name]


def test_every_metric_of_a_rule_is_declared():
    """No rule waits for a metric that nobody tells."""
    assert len(series()) > 30
    for name, _ in series():
        declaration_of(name)


def test_every_matcher_of_a_rule_can_match():
    """A label that is asked for is one of the metric's, with a value that it can take; a bucket is one of the histogram's."""
    matched = 0
    for name, matchers in series():
        declaration = declaration_of(name)
        labels = {label.name: label.values for label in declaration.labels}
        for label, _, wanted in MATCHER.findall(matchers):
            matched += 1
            if label == "le":
                assert float(wanted) in declaration.buckets
            else:
                assert set(wanted.split("|")) <= set(labels[label])
    assert matched > 10


def test_every_recorded_name_is_recorded():
    """A rule that asks for a recorded series finds it, and the name says level, metric and operation."""
    recorded = [rule["record"] for rule in rules() if "record" in rule]
    assert len(recorded) == len(set(recorded))
    assert all(re.fullmatch(r"[a-z_]+:credits_[a-z_]+:[a-z0-9_]+", name) for name in recorded)
    asked = {found.group() for rule in rules() for found in RECORDED.finditer(rule["expr"])}
    assert asked
    assert asked <= set(recorded)


def test_every_alert_says_whom_it_wakes_and_what_is_to_be_done():
    """An alert is a page or a ticket, and carries one sentence on what is the matter and one on what to do."""
    alerts = [rule for rule in rules() if "alert" in rule]
    for alert in alerts:
        assert re.fullmatch(r"([A-Z][a-z]+)+", alert["alert"])
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert set(alert["annotations"]) == {"summary", "runbook"}
        assert all(text.endswith(".") for text in alert["annotations"].values())


def test_every_rule_has_a_case_of_its_own():
    """Each alert fires in one of promtool's cases, with each of its windows, and each recorded name is asked for."""
    cases = yaml.safe_load((FOLDER / "rules_test.yml").read_text(encoding="utf-8"))["tests"]
    checks = [check for case in cases for check in case["promql_expr_test"]]
    fired = [
        {label: value for label, _, value in MATCHER.findall(sample["labels"])}
        for check in checks
        for sample in check["exp_samples"]
    ]
    for alert in (rule for rule in rules() if "alert" in rule):
        assert any(
            {"alertname": alert["alert"], "alertstate": "firing", **alert["labels"]}.items() <= labels.items()
            for labels in fired
        ), alert["alert"]
    asked = {name for check in checks for name in RECORDED.findall(check["expr"])}
    assert {rule["record"] for rule in rules() if "record" in rule} <= asked


def test_promtool_takes_the_configuration():
    """Prometheus reads the configuration and the rules that it names."""
    checked = subprocess.run(
        [promtool(), "check", "config", FOLDER / "prometheus.yml"], capture_output=True, text=True, check=False, timeout=600
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 rule files found" in checked.stdout


def test_promtool_finds_every_case_as_expected():
    """Each alert fires where it should, and does not where all is well or nearly so."""
    checked = subprocess.run(
        [promtool(), "test", "rules", "rules_test.yml"], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=6000
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
