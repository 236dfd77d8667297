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

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """Give a folder for this run's data, inside the checkout, and remove it afterwards."""
    parent = CHECKOUT / ".data" / "tests"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(data_folder: Path) -> Iterator[Stack]:
    """Give a running Kafka and ClickHouse: `stack.bootstrap_servers`, `stack.clickhouse_host`, `stack.clickhouse_port`."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "stack", cache_folder=CHECKOUT / ".cache") as running:
        yield running
