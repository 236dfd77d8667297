"""From Kafka through the worker and the sink into ClickHouse: the figures of the examples that were worked out by hand.

What is visible is also what both derivations make of the same topics. Faults are given to another feed, in
`test_faults_of_the_stream.py`.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from plain_model import derive
from projections.fold import fold_rows
from projections.results import Results, results_of
from schemas.dump import read_dump, write_dump
from schemas.events import Event, TimeAdvanced
from schemas.records import Reroute
from schemas.refusals import Refusal
from streams.clickhouse import ClickHouseAddress, connect, read_rows
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from streams.files import read_catalog
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import emit
from streams.kafka.topics import GENERATION, ensure_topics
from streams.kafka.waiting import wait_until_visible
from tests.support.expected_figures import (
    EXAMPLES,
    LISTS,
    NAMES,
    as_written,
    expected_duplicates,
    expected_list,
    read_example,
)

CATALOG = read_catalog(EXAMPLES / "catalog.toml")
PARTITION_COUNT = 3
SECONDS = 60
CONTRADICTIONS = ("event_conflict", "grant_conflict")


class Feed(NamedTuple):
    """The events of all examples in the order of their files, and the instant that all of them end with."""

    events: list[Event]
    clock: TimeAdvanced


def read_feed() -> Feed:
    events, instants = [], set()
    for name in NAMES:
        log, as_of = read_example(name)
        events += [record.content for record in log.records if not isinstance(record.content, Refusal | Reroute)]
        instants.add(as_of)
    [as_of] = instants
    return Feed(events, TimeAdvanced(as_of=as_of, accept_from=None))


class Stream:
    """A worker and a sink beside a stack, and what a test asks them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._environment = {
            "CREDITS_KAFKA_BROKERS": stack.bootstrap_servers,
            "CREDITS_CLICKHOUSE_HOST": stack.clickhouse_host,
            "CREDITS_CLICKHOUSE_PORT": str(stack.clickhouse_port),
            "CREDITS_CATALOG": str(EXAMPLES / "catalog.toml"),
            "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
            "CREDITS_CLOCK": "off",  # the examples' instants lie in the past
            "CREDITS_WEB_PORT": "0",
            "CREDITS_SINK_WEB_PORT": "0",
            "CREDITS_STATE_FOLDER": str(stack.data_folder / "state"),
        }

    def start(self, name: str) -> None:
        """Start the worker or the sink."""
        command = [sys.executable, "-m", "streams", name]
        self.stack.start_process(name, command, environment=self._environment)

    def emit(self, events: Sequence[Event]) -> int:
        return asyncio.run(
            emit(
                events,
                bootstrap_servers=self.stack.bootstrap_servers,
                partition_count=PARTITION_COUNT,
                on_acknowledged=lambda _: None,
            )
        )

    def wait(self) -> list[tuple[str, int, int]]:
        """Wait until everything is visible; gives the progress that was told on the way."""
        told: list[tuple[str, int, int]] = []
        asyncio.run(
            wait_until_visible(
                bootstrap_servers=self.stack.bootstrap_servers,
                seconds=SECONDS,
                check=self.stack.check,
                on_progress=lambda *progress: told.append(progress),
            )
        )
        return told

    def visible(self) -> Results:
        """Wait, then give what ClickHouse shows, which is what both derivations make of a dump of the topics."""
        self.wait()
        partition_count, raw = asyncio.run(read_input_topics(bootstrap_servers=self.stack.bootstrap_servers))
        assert partition_count == PARTITION_COUNT
        records = list(read_dump(list(write_dump(raw, partition_count=partition_count))))
        folded = fold_rows(records, catalog=CATALOG)
        expected = results_of(folded.rows, catalog=CATALOG, as_of=folded.as_of, duplicates=folded.duplicates)
        assert derive(records, catalog=CATALOG) == expected
        with connect(ClickHouseAddress(self.stack.clickhouse_host, self.stack.clickhouse_port)) as client:
            rows = read_rows(client, generation=GENERATION)
        found = results_of(rows, catalog=CATALOG, as_of=folded.as_of, duplicates=folded.duplicates)
        for name, entries in expected.items():
            assert found[name] == entries, name
        return found


@pytest.fixture(scope="module")
def feed() -> Feed:
    return read_feed()


@pytest.fixture(scope="module")
def stream(data_folder: Path) -> Iterator[Stream]:
    """Give worker and sink on a stack of this module's own: other tests count what lies in the topics."""
    settings = with_free_ports(read_settings(os.environ))
    cache = EXAMPLES.parent / ".cache"
    with running_stack(settings, data_folder=data_folder / "end-to-end", cache_folder=cache) as stack:
        asyncio.run(ensure_topics([stack.bootstrap_servers], partition_count=PARTITION_COUNT, replication_factor=1))
        running = Stream(stack)
        running.start("worker")
        running.start("sink")
        yield running


@pytest.fixture(scope="module")
def first(stream: Stream, feed: Feed) -> Results:
    """Give what is visible after the examples were sent once."""
    assert stream.emit([*feed.events, feed.clock]) == len(feed.events) + 3 * PARTITION_COUNT
    return stream.visible()


def without_refusals(results: Results) -> Results:
    return {name: entries for name, entries in results.items() if name not in ("refusals", "duplicates")}


@pytest.mark.parametrize("name", NAMES)
def test_the_hand_worked_figures_come_out_of_clickhouse(name, first):
    """Every list of every example is what was worked out by hand, entry by entry."""
    for list_name in LISTS:
        expected = expected_list(name, list_name)
        organizations = {entry["organization_id"] for entry in expected_list(name, "snapshots")}
        found = [as_written(entry) for entry in first[list_name] if entry["organization_id"] in organizations]
        assert found == expected, list_name


def test_contradictions_are_refused_and_copies_are_counted(first):
    """Lines that are no events cannot be sent; every contradiction that was sent is a dead letter, every copy a duplicate."""
    expected = Counter(
        (entry["topic"], entry["reason"], entry["field"])
        for name in NAMES
        for entry in expected_list(name, "refusals")
        if entry["reason"] in CONTRADICTIONS
    )
    assert Counter((entry["topic"], entry["reason"], entry["field"]) for entry in first["refusals"]) == expected
    assert expected
    assert first["duplicates"] == sum(expected_duplicates(name) for name in NAMES)


def test_waiting_tells_how_far_it_is(stream, first):
    """Once all is there, each stage is told once, complete."""
    assert first
    told = stream.wait()
    assert [stage for stage, _, _ in told] == ["applied", "carried into ClickHouse"]
    assert all(done == total > 0 for _, done, total in told)


def test_a_dump_of_the_topics_folds_to_the_same_books(stream, first, tmp_path):
    """`credits topics dump` writes what `credits fold` reads; a second dump into the same file is turned down."""
    environment = {**os.environ, "CREDITS_KAFKA_BROKERS": stream.stack.bootstrap_servers}
    credits_program, file = Path(sys.executable).with_name("credits"), tmp_path / "topics.jsonl"
    dump = [credits_program, "topics", "dump", "--output", file]
    subprocess.run(dump, env=environment, check=True)
    fold = [credits_program, "fold", file, "--catalog", EXAMPLES / "catalog.toml", "--json"]
    folded = subprocess.run(fold, capture_output=True, check=True)
    assert without_refusals(json.loads(folded.stdout)) == without_refusals(first)
    again = subprocess.run(dump, env=environment, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (2, f"credits: {file} cannot be written: File exists\n")


def test_everything_sent_again_changes_nothing_but_the_duplicates(stream, first, feed):
    """Each event that was accepted is a duplicate the second time, each contradiction is refused once more."""
    stream.emit([*feed.events, feed.clock])
    again = stream.visible()
    assert without_refusals(again) == without_refusals(first)
    assert len(again["refusals"]) == 2 * len(first["refusals"])
    masters = len(first["campaigns"]) + len(first["names"])
    assert first["duplicates"] < again["duplicates"] - first["duplicates"] <= len(feed.events) - masters
