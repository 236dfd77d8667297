"""Inserts that may be repeated: rows into their tables, and what was refused into a table of its own."""

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.summary import QuerySummary

from projections.columns import SOURCE_COLUMNS, Column, columns_of
from projections.row_codec import PublishedRow
from projections.rows import Table
from projections.statements import tables_database
from streams.clickhouse.troubles import CLIENT_ERRORS, OutageError, RefusedError, one_line, trouble_of, trouble_of_insert

_YEARS_MAX = 1000
"""More years than instants of events can lie in (docs/ledger.md 1.2), and so more partitions than an insert can touch."""

_INSERT_SETTINGS: dict[str, Any] = {"async_insert": 0, "max_partitions_per_insert_block": _YEARS_MAX}

_VALUE_ERRORS = (ValueError, ArithmeticError, struct.error)
"""What is raised where a value does not fit its column."""

_REFUSED_ROWS = "refused_rows"


class ShortInsertError(OutageError):
    """ClickHouse says that it took fewer rows than it was given.

    The same insert under the same token would be passed over as a repeat, and what it did not take would be lost.
    """


class RefusedRow(NamedTuple):
    """A record of an output topic that ClickHouse would not take as a row of its table; `refused_at` is aware UTC.

    The code is None where the record did not get as far as ClickHouse.
    """

    table: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    code: int | None
    sentence: str
    refused_at: datetime


def insert(client: Client, table: Table, published: Sequence[PublishedRow], *, generation: int, token: str) -> None:
    """Insert rows of one table; repeating the call with the same token and rows changes nothing.

    Raises RefusedError where the rows may be the cause of what went wrong, OutageError where they are not, and
    ShortInsertError where ClickHouse took only some of them; all are TransientErrors.
    """
    task = f"take {len(published)} rows of {table.name}"
    columns = columns_of(table.row_type)
    try:
        values = _written(columns, [one.row for one in published])
        values += _written(SOURCE_COLUMNS, [(*one.source, one.revision, one.deleted) for one in published])
        summary = client.insert(
            f"{tables_database(generation)}.{table.name}",
            values,
            column_names=[column.name for column in (*columns, *SOURCE_COLUMNS)],
            column_type_names=[column.type for column in (*columns, *SOURCE_COLUMNS)],
            column_oriented=True,
            settings={**_INSERT_SETTINGS, "insert_deduplication_token": token},
        )
    except CLIENT_ERRORS as error:
        raise trouble_of_insert(error, task) from error
    except _VALUE_ERRORS as error:
        raise RefusedError(task, code=None, words=one_line(error)) from error
    _check_taken(summary, len(published), table.name)


def insert_refused(client: Client, refused: Sequence[RefusedRow], *, generation: int) -> None:
    """Insert into the table of refused rows; of several rows of one place the one that was refused last stands.

    Raises TransientError where ClickHouse did not take all of them.
    """
    try:
        summary = client.insert(
            f"{tables_database(generation)}.{_REFUSED_ROWS}",
            refused,
            column_names=RefusedRow._fields,
            settings=_INSERT_SETTINGS,
        )
    except CLIENT_ERRORS as error:
        raise trouble_of(error, f"take {len(refused)} rows that it refused into {_REFUSED_ROWS}") from error
    _check_taken(summary, len(refused), _REFUSED_ROWS)


def _written(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Write the fields of rows as the values of columns, column by column."""
    return [[column.write(field) for field in fields] for column, fields in zip(columns, zip(*rows, strict=True), strict=True)]


def _check_taken(summary: QuerySummary, row_count: int, table_name: str) -> None:
    if summary.written_rows != row_count:
        raise ShortInsertError(f"ClickHouse took {summary.written_rows} of {row_count} rows of {table_name}", reason="short")
