"""What ClickHouse holds after a run of the demo, held against a fold of the topics, with a fingerprint for comparing runs."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client
from rich.console import Console

from projections.fold import Folded, fold_rows
from projections.results import Results, Rows, results_of
from schemas.catalog import Catalog
from schemas.errors import InvariantViolation
from schemas.instants import format_instant
from schemas.reading import read_record
from schemas.records import ReadRecord
from streams.cli.dialogue import asked_names
from streams.clickhouse import read_rows
from streams.fold_in_parts import without_collector
from streams.kafka.dump import read_input_topics
from streams.kafka.topics import GENERATION

_AGREE_SECONDS = 60
_LOOK_SECONDS = 1
_FINGERPRINT_DIGITS = 16


class Books(NamedTuple):
    """What lies in the topics, and what ClickHouse holds of it, which is the same as a fold."""

    records: list[ReadRecord]
    folded: Folded
    rows: Rows
    results: Results


def read_books(client: Client, *, bootstrap_servers: str, catalog: Catalog, check: Callable[[], None]) -> Books:
    """Fold what lies in the topics, and read ClickHouse until it holds the same, field by field.

    A month that has ended is closed after the record that told of it is applied, so rows may still be on their way. `check` is
    called now and then and may raise to end the wait. Raises InvariantViolation with the lists that do not come to agree.
    """
    partition_count, raw = asyncio.run(read_input_topics(bootstrap_servers=bootstrap_servers))
    registry = asked_names()
    with without_collector():
        records = [read_record(record, partition_count=partition_count, registry=registry) for record in raw]
        folded = fold_rows(records, catalog=catalog)
        expected = _results(folded.rows, catalog, folded)
    deadline = time.monotonic() + _AGREE_SECONDS
    while True:
        rows = read_rows(client, generation=GENERATION)
        visible = _results(rows, catalog, folded)
        different = [name for name in expected if expected[name] != visible[name]]
        if not different:
            return Books(records, folded, rows, visible)
        if time.monotonic() > deadline:
            raise InvariantViolation(f"ClickHouse and a fold of the same topics differ in {', '.join(different)}")
        check()
        time.sleep(_LOOK_SECONDS)


def print_books(console: Console, books: Books, *, sent_count: int) -> None:
    """Say how much was sent and how much ClickHouse holds, and give the fingerprint of the books."""
    results = books.results
    counts = ", ".join(f"{len(entries):,} {name.replace('_', ' ')}" for name, entries in _standing(results).items())
    console.print(
        f"{sent_count:,} records sent now, {len(books.records):,} in the topics, {books.folded.duplicates:,} of them "
        f"duplicates, {len(results['refusals']):,} refused. As of {format_instant(books.folded.as_of)} ClickHouse holds "
        f"{counts}: the same, field by field, as a fold of the topics. The books have the fingerprint {fingerprint(results)}.",
        highlight=False,
        soft_wrap=True,
    )


def fingerprint(results: Results) -> str:
    """Give a digest of the books; what was refused or came twice is no part of it."""
    return hashlib.sha256(msgspec.json.encode(_standing(results))).hexdigest()[:_FINGERPRINT_DIGITS]


def _standing(results: Results) -> dict[str, Any]:
    return {name: entries for name, entries in results.items() if name not in {"refusals", "duplicates"}}


def _results(rows: Rows, catalog: Catalog, folded: Folded) -> Results:
    return results_of(rows, catalog=catalog, as_of=folded.as_of, duplicates=folded.duplicates)
