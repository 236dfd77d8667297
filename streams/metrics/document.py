"""The page docs/metrics.md, made from the declarations: `python -m streams.metrics > docs/metrics.md`."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import Histogram

from streams.metrics.declaring import Declaration, Label, MetricSet
from streams.metrics.sink import SinkMetrics
from streams.metrics.worker import WorkerMetrics

_HEAD = """\
# Metrics

A worker answers `GET /metrics` at `CREDITS_WEB_HOST` and `CREDITS_WEB_PORT`, a sink at `CREDITS_WEB_HOST` and
`CREDITS_SINK_WEB_PORT`, in Prometheus' text format. Beside what is listed here, each tells of its process: memory, processor
time, open files, start (`process_*`).

No label names an organization or a customer: a balance is asked of ClickHouse. Instants are given as such, an age is
`time() - x_timestamp_seconds`. The figures in credits are for looking at; what must be exact is in the books.

Alerts and recording rules over these metrics, with their tests: `deploy/prometheus/`.

This page is made from the declarations in `streams/metrics/`, by `python -m streams.metrics > docs/metrics.md`.
"""


def document() -> str:
    """Give the text of the page."""
    return "\n".join((_HEAD, *_section("Worker", WorkerMetrics), "", *_section("Sink", SinkMetrics), ""))


def _section(title: str, metrics: type[MetricSet]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| name | type | labels | unit | meaning |"
    yield "|---|---|---|---|---|"
    for declaration in metrics.declarations():
        cells = (
            f"`{declaration.name}`",
            declaration.kind.__name__.lower(),
            _labels(declaration),
            declaration.unit,
            _meaning(declaration),
        )
        yield f"| {' | '.join(cells)} |"


def _labels(declaration: Declaration[Any]) -> str:
    return "; ".join(_label(label) for label in declaration.labels)


def _label(label: Label) -> str:
    return f"`{label.name}`: {label.meaning or ', '.join(label.values)}"


def _meaning(declaration: Declaration[Any]) -> str:
    if declaration.kind is not Histogram:
        return declaration.meaning
    return f"{declaration.meaning} Buckets end at {', '.join(f'{end:g}' for end in declaration.buckets)}."
