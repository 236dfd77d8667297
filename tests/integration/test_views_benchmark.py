"""The benchmark of views asks every view, over tables that hold what it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from bench.views.asking import ask_all
from bench.views.data import LARGE, SMALL_COUNT, Loaded, load
from projections.described_views import described_views
from streams.clickhouse import connect

ROW_COUNT = 1_000


class Filled(NamedTuple):
    """An engine's client, and what was loaded into it."""

    client: Client
    loaded: Loaded


@pytest.fixture(scope="module")
def filled(data_folder: Path) -> Iterator[Filled]:
    """Give an engine of this module's own with the tables of a small benchmark."""
    with gateway_running(data_folder / "views_benchmark") as gateway, connect(gateway.address) as client:
        yield Filled(client, load(client, row_count=ROW_COUNT))


def test_the_rows_are_those_that_are_told(filled):
    """The large organization has as many as were asked for or more, each small one as many as were folded."""
    client, loaded = filled
    found = client.query("SELECT organization_id, count() FROM credits_1.ledger FINAL GROUP BY organization_id")
    counts = dict(found.result_rows)
    assert len(counts) == 1 + SMALL_COUNT
    assert counts.pop(LARGE) == loaded.large_count >= ROW_COUNT
    assert set(counts.values()) == {loaded.small_count}
    [(version_count,)] = client.query("SELECT count() FROM credits_1.ledger").result_rows
    assert version_count > loaded.large_count + SMALL_COUNT * loaded.small_count, "there are no older versions"


def test_every_view_is_asked(filled):
    """Each as often as was said, and most have an answer that is not empty."""
    client, loaded = filled
    answers = list(ask_all(client, loaded, organization=LARGE, times=2))
    assert {one.view for one in answers} == {view.name for view in described_views()}
    assert all(len(one.milliseconds) == 2 for one in answers)
    empty = {view.name for view in described_views()} - {one.view for one in answers if one.row_count}
    assert empty <= {"account_statement", "conflicts"}, "so few events leave more than these without an answer"
