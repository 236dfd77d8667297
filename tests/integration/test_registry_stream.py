"""Records behind Confluent headers on their way through worker and commands, with a stub of a registry's HTTP interface.

An outage of the registry is no verdict on a record: the partition stops before it, and goes on from there.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import creditstream as cs
from projections.fold import fold_rows
from projections.results import results_of
from schemas import topics
from schemas.catalog import parse_catalog
from schemas.codec import encode_registered, schema_id_of
from schemas.events import key_of
from schemas.reading import read_record
from schemas.records import ReadRecord
from schemas.refusals import Reason
from streams.kafka.dump import read_input_topics
from streams.kafka.topics import ensure_topics
from tests.support.schema_registry import StubRegistry, registry_running
from tests.support.worker_ledger import kafka_running
from tests.support.worker_processes import Broker, Sent, WorkerProcess, wait_for, worker_running

PARTITION_COUNT = 2
CATALOG = "[credit_types.coins]\n"
SECONDS = 60
CUSTOMERS = 12
FOREIGN, UNKNOWN = 900, 99_999


@pytest.fixture
def stub() -> Iterator[StubRegistry]:
    """Give a stub of a registry that knows a foreign schema."""
    with registry_running() as running:
        running.add('"string"', schema_id=FOREIGN)
        yield running


@pytest.fixture
def broker(data_folder: Path, request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Give a broker with our topics, of each test's own."""
    with kafka_running(data_folder / request.node.name) as servers:
        asyncio.run(ensure_topics([servers], partition_count=PARTITION_COUNT, replication_factor=1))
        yield Broker(servers, PARTITION_COUNT)


@pytest.fixture
def environment(broker: Broker, stub: StubRegistry, tmp_path: Path) -> dict[str, str]:
    """Give the settings of a worker and of commands that know the registry."""
    (tmp_path / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    return {
        "CREDITS_KAFKA_BROKERS": broker.servers,
        "CREDITS_CATALOG": str(tmp_path / "catalog.toml"),
        "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
        "CREDITS_STATE_FOLDER": str(tmp_path / "state"),
        "CREDITS_CLOCK": "off",
        "CREDITS_WEB_PORT": "0",
        "CREDITS_SCHEMA_REGISTRY": stub.url,
    }


def events_of(run: str) -> list[cs.Event]:
    """Give a grant and a use of it for each customer."""
    events: list[cs.Event] = []
    for number in range(CUSTOMERS):
        common: dict[str, Any] = {
            "organization_id": "o1", "customer_id": f"c{number}", "credit_type": "coins",
            "occurred_at": "2026-03-10T12:00:00Z", "recorded_at": "2026-03-10T12:00:00Z",
        }  # fmt: skip
        grant_id = f"g-{run}-{number}"
        grant = cs.credit_granted(**common, event_id=grant_id, grant_id=grant_id, name="gift", cadence=cs.ONCE, amount=9)
        events += [grant, cs.credit_consumed(**common, event_id=f"e-{run}-{number}", amount=4, activity=cs.Other("use"))]
    return events


def emit(broker: Broker, events: list[cs.Event], registry: str | None) -> None:
    with cs.SyncEmitter(broker.servers, registry=registry) as emitter:
        emitter.emit_all(events)


def records_in(broker: Broker, registry: cs.Registry) -> list[ReadRecord]:
    """Read what lies in the topics, with what the registry says of it."""
    _, raw = asyncio.run(read_input_topics(bootstrap_servers=broker.servers))
    names = registry.names_of(record.value for record in raw)
    return [read_record(record, partition_count=PARTITION_COUNT, registry=names) for record in raw]


async def until_equal(broker: Broker, stub: StubRegistry, worker: WorkerProcess) -> list[ReadRecord]:
    """Wait until what is published is the fold of the topics; gives the records."""
    catalog = parse_catalog(CATALOG)
    records = await asyncio.to_thread(records_in, broker, cs.Registry(stub.url))
    folded = fold_rows(records, catalog=catalog)
    expected = results_of(folded.rows, catalog=catalog, as_of=folded.as_of, duplicates=folded.duplicates)
    async with broker.books() as books:

        async def equal() -> bool:
            await books.read_on()
            return books.results(like=expected, catalog=catalog, as_of=folded.as_of) == expected

        await wait_for(equal, seconds=SECONDS, workers=[worker])
    return records


async def test_an_outage_of_the_registry_stops_the_partition_and_loses_nothing(broker, stub, environment, tmp_path):
    """While it is silent nothing of the batch is applied, and no record is refused for it; after it all is, once."""
    first, second = events_of("first"), events_of("second")
    await asyncio.to_thread(emit, broker, first, stub.url)
    log = tmp_path / "worker.log"
    stub.trouble = 503
    with worker_running(environment, log) as worker:

        async def has_stopped() -> bool:
            return worker.log_text().count(f"the schema registry at {stub.url} answers 503") >= 2 * PARTITION_COUNT

        await wait_for(has_stopped, seconds=SECONDS, workers=[worker])
        async with broker.books() as books:
            await books.read_on()
            assert books.row_count == 0, "nothing was concluded from silence"
        await asyncio.to_thread(emit, broker, events_of("plain"), None)
        stub.trouble = None
        records = await until_equal(broker, stub, worker)
        assert len(records) == 4 * CUSTOMERS
        assert not [record for record in records if hasattr(record.content, "reason")]
        asked = len(stub.asked)
        await asyncio.to_thread(emit, broker, second, stub.url)
        assert len(await until_equal(broker, stub, worker)) == 6 * CUSTOMERS
    own = [path for path in stub.asked[asked:] if path.startswith("GET")]
    # The reader of this test asks for its two ids itself; the worker knew them.
    assert len(own) == 2


async def test_what_the_registry_does_not_know_is_undecodable(broker, stub, environment, tmp_path):
    """A foreign schema and an id that nobody registered are dead letters, and the others of the batch count."""
    events = events_of("good")
    await asyncio.to_thread(emit, broker, events, stub.url)
    bad = [
        Sent(topics.CONSUMPTION, key_of(events[1]), encode_registered(events[1], schema_id=schema_id), 1_773_144_000_000)
        for schema_id in (FOREIGN, UNKNOWN)
    ]
    await broker.send(bad)
    with worker_running(environment, tmp_path / "worker.log") as worker:
        records = await until_equal(broker, stub, worker)
    refusals = [record.content for record in records if hasattr(record.content, "reason")]
    assert [(one.reason, one.detail) for one in refusals] == [
        (Reason.UNDECODABLE, f"the registry maps the schema id {schema_id} to no shipped schema")
        for schema_id in (FOREIGN, UNKNOWN)
    ]
    shown = await asyncio.to_thread(credits_command, environment, "dead-letters", "list", "--json")
    assert {letter["reason"] for letter in json.loads(shown)} == {"undecodable"}


def credits_command(environment: dict[str, str], *arguments: str) -> str:
    """Run a command as an operator does; gives what it says."""
    command = [sys.executable, "-m", "streams", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_write_and_fold_through_the_registry(broker, stub, environment, tmp_path):
    """`credits emit` writes ids, and `credits fold` of a dump reads them; in an outage it folds nothing at all."""
    line = {
        "type": "CreditVoided", "event_id": "v1", "organization_id": "o1", "customer_id": "c1", "grant_id": "g1",
        "occurred_at": "2026-03-11T00:00:00Z",
    }  # fmt: skip
    (tmp_path / "events.jsonl").write_text(json.dumps(line) + "\n")
    credits_command(environment, "emit", str(tmp_path / "events.jsonl"))
    _, [raw] = asyncio.run(read_input_topics(bootstrap_servers=broker.servers))
    assert schema_id_of(raw.value) == FOREIGN + 1
    dump = tmp_path / "topics.dump"
    credits_command(environment, "topics", "dump", "--output", str(dump))
    fold = ("fold", str(dump), "--catalog", environment["CREDITS_CATALOG"], "--json")
    folded = json.loads(credits_command(environment, *fold))
    assert [one["conflict"] for one in folded["conflicts"]] == ["void_without_grant"]
    without = json.loads(credits_command({}, *fold))
    assert [one["reason"] for one in without["refusals"]] == ["undecodable"]
    stub.trouble = 500
    whole = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-m", "streams", *fold], env=whole, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"the schema registry at {stub.url} answers 500" in done.stderr
