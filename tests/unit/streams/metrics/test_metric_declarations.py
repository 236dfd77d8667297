"""What is declared is what is told: names, labels, series from the start."""

import itertools
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from projections.books import Books
from projections.state import MemoryState
from schemas.refusals import Reason, Refusal
from schemas.topics import CONSUMPTION
from streams.metrics import SinkMetrics, WorkerMetrics
from streams.worker.partition import Phase
from streams.worker.store import Rebuild
from tests.support.building import catalog, consume, grant, placed, records

ALL_METRICS = pytest.mark.parametrize("metrics", [WorkerMetrics, SinkMetrics])
STREAMS = Path(__file__).resolve().parents[4] / "streams"
SERIES_MAX = 1000


@pytest.fixture
def registry():
    """Give a registry of this test alone."""
    return CollectorRegistry()


@ALL_METRICS
def test_each_attribute_is_the_metric_that_it_declares(metrics, registry):
    """An instance holds Prometheus' own object under each attribute, of the declared kind."""
    made = metrics(registry)
    assert len(metrics.declarations()) > 10
    for declaration in metrics.declarations():
        assert type(getattr(made, declaration.attribute)) is declaration.kind


@ALL_METRICS
def test_names_say_kind_and_unit(metrics):
    """Counts end in _total and nothing else does; instants and lengths end in _seconds; every meaning is a sentence."""
    for declaration in metrics.declarations():
        assert declaration.name.startswith("credits_")
        assert declaration.name.endswith("_total") == (declaration.kind is Counter)
        assert declaration.name.endswith("_timestamp_seconds") == (declaration.unit == "seconds since 1970, UTC")
        if declaration.unit == "seconds":
            assert declaration.name.endswith("_seconds")
        assert declaration.meaning.endswith(".")
        assert bool(declaration.buckets) == (declaration.kind is Histogram)
        assert list(declaration.buckets) == sorted(set(declaration.buckets))


def test_no_name_is_told_by_both_but_the_version():
    """Worker and sink tell different things under different names, but for the version of their common software."""
    worker = {declaration.name for declaration in WorkerMetrics.declarations()}
    sink = {declaration.name for declaration in SinkMetrics.declarations()}
    assert worker & sink == {"credits_build_info"}


@ALL_METRICS
def test_no_label_names_a_person_and_all_stay_few(metrics, registry):
    """Labels take few values, and none is an organization, a customer, or an account."""
    metrics(registry)
    labels = {label.name for declaration in metrics.declarations() for label in declaration.labels}
    assert labels <= {"topic", "outcome", "reason", "phase", "state", "credit_type", "table", "result", "version"} | {
        "route",
        "status",
    }
    assert sum(len(family.samples) for family in registry.collect()) < SERIES_MAX


@ALL_METRICS
def test_counts_of_known_labels_begin_at_0(metrics, registry):
    """Every combination of known labels of a count is told before it first happens, so that its first increase is seen."""
    metrics(registry)
    for declaration in metrics.declarations():
        if declaration.kind is Gauge:
            continue
        name = declaration.name if declaration.kind is Counter else f"{declaration.name}_count"
        names = [label.name for label in declaration.labels]
        for values in itertools.product(*(label.values for label in declaration.labels)):
            assert registry.get_sample_value(name, dict(zip(names, values, strict=True))) == 0


def test_a_registry_takes_one_set_of_metrics(registry):
    """A second set under the same names is refused, not mixed with the first."""
    WorkerMetrics(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        WorkerMetrics(registry)


def test_the_version_is_told(registry):
    """The version of the package is a label of a metric that is 1."""
    WorkerMetrics(registry)
    (sample,) = [sample for family in registry.collect() for sample in family.samples if sample.name == "credits_build_info"]
    assert sample.value == 1
    assert sample.labels["version"][0].isdigit()


def test_label_words_are_those_of_the_worker():
    """Phases and reasons of rebuilds are the words that the worker uses, and a parked number is beside them."""
    values = {
        declaration.attribute: declaration.labels[0].values
        for declaration in WorkerMetrics.declarations()
        if declaration.labels
    }
    assert set(values["partitions"]) == {phase.value for phase in Phase} | {"parked"}
    assert set(values["store_rebuilds_total"]) == {rebuild.value for rebuild in Rebuild}


def test_the_records_of_a_batch_are_counted_by_what_came_of_them(registry):
    """Accepted, duplicate and refused records add up to the batch, and the refused are counted by reason besides."""
    metrics = WorkerMetrics(registry)
    log = records(
        grant("g1", "100", "2026-03-01"),
        consume("e1", "10", "2026-03-05"),
        consume("e1", "10", "2026-03-05"),
        placed(Refusal(Reason.INVALID, "amount", "amount is negative"), topic=CONSUMPTION),
    )
    metrics.count_batch(CONSUMPTION, Books(MemoryState(), catalog=catalog()).accept(log))

    def count(outcome):
        return registry.get_sample_value("credits_events_total", {"topic": CONSUMPTION, "outcome": outcome})

    assert [count(outcome) for outcome in ("accepted", "duplicate", "refused", "rerouted")] == [2, 1, 1, 0]
    assert registry.get_sample_value("credits_refusals_total", {"reason": "invalid"}) == 1


@pytest.mark.parametrize(("metrics", "folders"), [(WorkerMetrics, ("worker", "api")), (SinkMetrics, ("sink",))])
def test_each_metric_is_told_by_somebody(metrics, folders):
    """A metric that is declared and never set would be at 0 for ever, and its alert would never fire."""
    files = [path for folder in folders for path in (STREAMS / folder).rglob("*.py")]
    others = "\n".join(path.read_text(encoding="utf-8") for path in files)
    own = (STREAMS / "metrics" / f"{folders[0]}.py").read_text(encoding="utf-8")
    names = [declaration.attribute for declaration in metrics.declarations() if declaration.attribute != "build_info"]
    assert [name for name in names if not re.search(rf"metrics\.{name}\b", others) and f"self.{name}." not in own] == []
