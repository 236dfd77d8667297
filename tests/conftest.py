"""What holds for every test run: nothing is skipped unless it is named here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import configuration

# What Hypothesis finds and remembers stays with the other caches of the checkout.
configuration.set_hypothesis_home_dir(Path(__file__).resolve().parents[1] / ".cache" / "hypothesis")

_WITH_A_CERTIFICATE = (
    "test_an_event_comes_in_and_is_read_by_every_way",
    "test_the_commands_keep_to_the_settings",
    "test_a_worker_keeps_to_the_settings",
    "test_a_sink_keeps_to_the_settings",
    "test_a_writer_that_fences_comes_by_certificate_too",
    "test_whoever_is_not_known_is_turned_away",
    "test_brokers_that_run_elsewhere_answer_by_tls",
    "test_topics_that_exist_are_checked_by_certificate",
)
ALLOWED_SKIPS: frozenset[str] = frozenset(
    {
        # A certificate is made with openssl, which nearly every machine has.
        *(f"tests/integration/test_secured_kafka.py::{name}" for name in _WITH_A_CERTIFICATE),
        "tests/unit/streams/settings/test_kafka_security.py::test_a_certificate_is_shown_and_others_are_checked",
        # promtool comes with Prometheus, not with Python; continuous integration fetches it where it can (.ci/run).
        "tests/unit/deploy/test_prometheus_rules.py::test_promtool_finds_every_case_as_expected",
        "tests/unit/deploy/test_prometheus_rules.py::test_promtool_takes_the_configuration",
        "tests/unit/streams/metrics/test_exposition.py::test_promtool_finds_no_fault_with_names_and_texts[SinkMetrics]",
        "tests/unit/streams/metrics/test_exposition.py::test_promtool_finds_no_fault_with_names_and_texts[WorkerMetrics]",
    }
)
"""Node ids of the tests that may be skipped, for want of something that a fresh machine need not have."""

_SKIPPED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing skipped."""
    config.stash[_SKIPPED] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note each skip that is not allowed."""
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.nodeid not in ALLOWED_SKIPS:
        item.config.stash[_SKIPPED].append(item.nodeid)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for a skip that is on no list."""
    if session.config.stash[_SKIPPED] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the skips that fail the run."""
    for nodeid in config.stash[_SKIPPED]:
        terminalreporter.write_line(f"skipped, and on no list of allowed skips: {nodeid}", red=True)
