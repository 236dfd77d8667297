"""What Prometheus is served."""

import shutil
import subprocess

import pytest
from aiohttp.web import Response
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import SinkMetrics, WorkerMetrics
from streams.metrics.exposition import exposition_of

ALL_METRICS = pytest.mark.parametrize("metrics", [WorkerMetrics, SinkMetrics])


def full_exposition(metrics):
    """Serve a registry of which every metric has at least one series."""
    registry = CollectorRegistry()
    made = metrics(registry)
    for declaration in metrics.declarations():
        metric = getattr(made, declaration.attribute)
        child = (
            metric.labels(*(label.values[0] if label.values else "some" for label in declaration.labels))
            if declaration.labels
            else metric
        )
        if declaration.kind is Gauge:
            child.set(1.5)
    body, content_type = exposition_of(registry)
    return body.decode("utf-8"), content_type


@ALL_METRICS
def test_everything_declared_is_served_and_nothing_else(metrics):
    """The text names each declared metric with its meaning, and beside them only what is told of the process."""
    text, _ = full_exposition(metrics)
    families = {family.name: family.documentation for family in text_string_to_metric_families(text)}
    told = {name: meaning for name, meaning in families.items() if not name.startswith("process_")}
    assert told == {declaration.name.removesuffix("_total"): declaration.meaning for declaration in metrics.declarations()}
    assert "process_resident_memory_bytes" in families


def test_the_content_type_is_one_that_the_web_server_takes():
    """aiohttp, under Faust's web server and the sink's, takes the content type as it is."""
    body, content_type = exposition_of(CollectorRegistry())
    assert Response(body=body, content_type=content_type).headers["Content-Type"] == "text/plain; version=0.0.4"


@ALL_METRICS
def test_promtool_finds_no_fault_with_names_and_texts(metrics):
    """Prometheus' own check of names, units and meanings has nothing to say."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not there")
    text, _ = full_exposition(metrics)
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=600
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
