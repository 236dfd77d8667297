"""Writes blocks into ClickHouse: decodes them, inserts them, and puts the rows that are refused where somebody finds them."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from projections.row_codec import PublishedRow, decode_change
from projections.rows import Table
from schemas.errors import DecodeError, TransientError
from schemas.instants import MICROSECONDS_PER_SECOND
from schemas.records import RawRecord
from streams.clickhouse.inserting import RefusedRow, ShortInsertError, insert, insert_refused
from streams.clickhouse.troubles import RefusedError
from streams.metrics import SinkMetrics
from streams.sink.bisecting import accepted_one, refused_among
from streams.sink.queues import Block
from streams.sink.tokens import token_of

_log = logging.getLogger("streams.sink")


class _Row(NamedTuple):
    """A record and the row that it holds."""

    record: RawRecord
    published: PublishedRow


class Writer:
    """Writes blocks, those of one table one after the other; blocks of several tables may be written in several threads."""

    def __init__(self, client: Client, metrics: SinkMetrics, *, generation: int) -> None:
        self._client = client
        self._metrics = metrics
        self._generation = generation
        self._accepted: dict[str, _Row] = {}
        self._short_inserts = 0

    def write(self, block: Block) -> None:
        """Write a block: when this returns, each of its rows is in its table or in that of refused rows.

        Blocks until ClickHouse has answered. Raises TransientError where it could not be done; doing it again is harmless.
        """
        rows, refused = _decoded(block)
        if rows:
            refused += self._insert(block.table, rows)
        if refused:
            self._keep(block.table, refused)
        refused_places = {(row.partition, row.offset) for row in refused}
        self._observe_freshness([row.record for row in rows if row.record[1:3] not in refused_places])

    def _insert(self, table: Table, rows: Sequence[_Row]) -> list[RefusedRow]:
        """Insert rows, and give those that are refused by themselves."""

        def take(part: Sequence[_Row]) -> None:
            self._take(table, part)

        try:
            take(rows)
        except RefusedError as error:
            _log.warning("%s; looking for the rows that are to blame", error)
            self._accepted[table.name] = accepted_one(rows, take, accepted_before=self._accepted.get(table.name))
            return [
                _refused_row(table, row.record, code=refusal.code, sentence=refusal.words)
                for row, refusal in refused_among(rows, take)
            ]
        self._accepted[table.name] = rows[-1]
        return []

    def _take(self, table: Table, rows: Sequence[_Row]) -> None:
        """Insert rows under the token that stands for them, and count it."""
        begun = time.monotonic()
        try:
            insert(
                self._client,
                table,
                [row.published for row in rows],
                generation=self._generation,
                token=self._token_of([row.record for row in rows]),
            )
        except TransientError as error:
            self._metrics.rows_total.labels(table.name, "failed").inc(len(rows))
            if isinstance(error, ShortInsertError):
                self._short_inserts += 1
            raise
        self._metrics.flush_seconds.labels(table.name).observe(time.monotonic() - begun)
        self._metrics.batch_rows.labels(table.name).observe(len(rows))
        self._metrics.rows_total.labels(table.name, "inserted").inc(len(rows))
        self._metrics.last_success_timestamp_seconds.set_to_current_time()

    def _token_of(self, records: Sequence[RawRecord]) -> str:
        """Give the token; once ClickHouse took an insert in part, others than before, lest the rest passes for a repeat."""
        token = token_of(records, generation=self._generation)
        return f"{token}/{self._short_inserts}" if self._short_inserts else token

    def _keep(self, table: Table, refused: Sequence[RefusedRow]) -> None:
        """Keep rows that are refused, and alarm."""
        insert_refused(self._client, refused, generation=self._generation)
        self._metrics.refused_rows_total.labels(table.name).inc(len(refused))
        for row in refused:
            _log.error(
                "ClickHouse has no row of %s/%d/%d, which is in refused_rows instead of %s: %s",
                row.topic,
                row.partition,
                row.offset,
                row.table,
                row.sentence if row.code is None else f"code {row.code}, {row.sentence}",
            )

    def _observe_freshness(self, visible: Sequence[RawRecord]) -> None:
        now_seconds = time.time()
        for record in visible:
            self._metrics.freshness_seconds.observe(max(0.0, now_seconds - record.timestamp / MICROSECONDS_PER_SECOND))


def _decoded(block: Block) -> tuple[list[_Row], list[RefusedRow]]:
    """Read a block's records as rows; a record that is none is refused, whatever ClickHouse would say."""
    rows: list[_Row] = []
    refused: list[RefusedRow] = []
    for record in block.records:
        try:
            rows.append(_Row(record, decode_change(record.topic, record.value or b"")))
        except DecodeError as error:
            refused.append(_refused_row(block.table, record, code=None, sentence=str(error)))
    return rows, refused


def _refused_row(table: Table, record: RawRecord, *, code: int | None, sentence: str) -> RefusedRow:
    return RefusedRow(
        table=table.name,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        code=code,
        sentence=sentence,
        refused_at=datetime.now(UTC),
    )
