"""ClickHouse as the sink and the commands use it: a client, the migrations, and inserts that may be repeated."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from projections.columns import SOURCE_COLUMNS, columns_of
from projections.results import Rows
from projections.row_codec import PublishedRow
from projections.rows import TABLES, Change, Table
from projections.statements import VIEWS_DATABASE, migrations, tables_database, views
from schemas.errors import SettingsError, TransientError
from schemas.records import Place

_RECORD_OF_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS {database}.migrations
(
    number UInt32,
    name String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY number
"""


class ClickHouseAddress(NamedTuple):
    """Where ClickHouse's HTTP interface is, and as whom to speak to it."""

    host: str
    port: int
    user: str = "default"
    password: str = ""


def connect(address: ClickHouseAddress) -> Client:
    """Open a client.

    Raises TransientError with a readable sentence where nothing answers.
    """
    try:
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            autogenerate_session_id=False,
            tz_mode="aware",
        )
    except (ClickHouseError, HTTPError, OSError) as error:
        raise TransientError(f"ClickHouse does not answer at {address.host}:{address.port}: {one_line(error)}") from error


def migrate(client: Client, *, generation: int) -> list[str]:
    """Bring the tables of a generation up to date and write the views anew.

    Returns the names of the migrations that were applied now; one that was cut off is done again from its beginning. Raises
    SettingsError where the tables were made by a newer release, which knows migrations that this one does not, and
    TransientError where ClickHouse does not do what it is asked.
    """
    with _outage("make the tables"):
        return _migrate(client, generation)


def _migrate(client: Client, generation: int) -> list[str]:
    database = tables_database(generation)
    for name in (database, VIEWS_DATABASE):
        client.command(f"CREATE DATABASE IF NOT EXISTS {name}")
    client.command(_RECORD_OF_MIGRATIONS.format(database=database))
    applied = {row[0] for row in client.query(f"SELECT number FROM {database}.migrations").result_rows}  # noqa: S608 -- names of ours
    known = migrations(generation=generation)
    unknown = applied - {migration.number for migration in known}
    if unknown:
        raise SettingsError(f"{database} has migration {max(unknown)}, which this release does not know; use a newer release")
    done = []
    for migration in known:
        if migration.number not in applied:
            for statement in migration.statements:
                client.command(statement)
            client.insert(f"{database}.migrations", [[migration.number, migration.name]], column_names=["number", "name"])
            done.append(migration.name)
    for statement in views(generation=generation).values():
        client.command(statement)
    return done


def insert(client: Client, table: Table, published: Sequence[PublishedRow], *, generation: int, token: str) -> None:
    """Insert rows of one table; repeating the call with the same token and rows changes nothing.

    Raises TransientError where ClickHouse did not take all of them.
    """
    columns = columns_of(table.row_type)
    values: list[list[Any]] = [
        [column.write(field) for field in fields]
        for column, fields in zip(columns, zip(*(one.row for one in published), strict=True), strict=True)
    ]
    sources = [(*one.source, one.revision, one.deleted) for one in published]
    values += [
        [column.write(field) for field in fields]
        for column, fields in zip(SOURCE_COLUMNS, zip(*sources, strict=True), strict=True)
    ]
    with _outage(f"take {len(published)} rows of {table.name}"):
        summary = client.insert(
            f"{tables_database(generation)}.{table.name}",
            values,
            column_names=[column.name for column in (*columns, *SOURCE_COLUMNS)],
            column_oriented=True,
            settings={"insert_deduplication_token": token, "async_insert": 0},
        )
    if summary.written_rows != len(published):
        raise TransientError(f"ClickHouse took {summary.written_rows} of {len(published)} rows of {table.name}")


def read_rows(client: Client, *, generation: int) -> Rows:
    """Read every row that stands in the tables of a generation; what it gives is what a fold of the same log gives.

    Raises TransientError where ClickHouse does not answer.
    """
    rows = Rows()
    for table in TABLES:
        columns = columns_of(table.row_type)
        names = ", ".join(f"`{column.name}`" for column in columns)
        with _outage(f"give the rows of {table.name}"):
            found = client.query(
                f"SELECT {names} FROM {tables_database(generation)}.{table.name} FINAL",  # noqa: S608 -- names of ours
                column_formats=_BYTES_OF_TABLE.get(table.name),
            )
        for values in found.result_rows:
            row = table.row_type(*(column.read(value) for column, value in zip(columns, values, strict=True)))
            rows.take([Change(row=row, source=_NO_PLACE, deleted=False)])
    return rows


_BYTES_OF_TABLE: dict[str, dict[str, str | dict[str, str]]] = {
    "dead_letters": {"key": "bytes", "value": "bytes", "headers": {"String": "bytes"}}
}
"""The columns whose Strings are bytes, which need be no text."""

_NO_PLACE = Place("", 0, 0)
"""Where rows come from is not read back: it is no part of their equality (docs/ledger.md 8.1)."""


@contextlib.contextmanager
def _outage(task: str) -> Iterator[None]:
    """Turn whatever the client raises into an outage that says in one line what was not done."""
    try:
        yield
    except (ClickHouseError, HTTPError, OSError) as error:
        raise TransientError(f"ClickHouse did not {task}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """Say an error in one line that is short enough to read: in the system's words where it goes back to the system."""
    innermost: BaseException = error
    while cause := innermost.__cause__ or innermost.__context__:
        innermost = cause
    words = innermost.strerror if isinstance(innermost, OSError) else None
    return " ".join((words or str(error)).split())[:300]
