"""What the integration tests share: one embedded stack a test run, with ports and data of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from tests.support.fault_report import Report

CHECKOUT = Path(__file__).resolve().parents[2]


_FAULT_REPORTS = pytest.StashKey[list[Report]]()


@pytest.fixture(scope="session")
def fault_reports(pytestconfig: pytest.Config) -> list[Report]:
    """Give the list of reports on faults, which are shown when the run ends."""
    return pytestconfig.stash.setdefault(_FAULT_REPORTS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was done to the streams of this run, and how they recovered."""
    for report in config.stash.get(_FAULT_REPORTS, []):
        terminalreporter.section("faults")
        for line in report.lines():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def data_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a folder for this run's data, inside the checkout; afterwards it is removed, but for the logs when a test failed."""
    parent = CHECKOUT / ".data" / "tests"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    yield folder
    for part in folder.glob("*/*") if request.session.testsfailed else [folder]:
        if part.name != "logs":
            shutil.rmtree(part, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(data_folder: Path) -> Iterator[Stack]:
    """Give a running Kafka and ClickHouse: `stack.bootstrap_servers`, `stack.clickhouse_host`, `stack.clickhouse_port`."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "stack", cache_folder=CHECKOUT / ".cache") as running:
        yield running
