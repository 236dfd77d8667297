"""The tables that views are asked over: folded events of a year, copied under other customers and other organizations.

Folding a million events would take minutes and show nothing more: copies are rows of their own, with ids of their own. Of
one row in twenty an older version is inserted as well, so that FINAL has something to decide.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from bench.contenders import CATALOG
from bench.feed import Account, FeedRecord, Shape, feed_of_number
from projections.columns import SOURCE_COLUMNS, columns_of
from projections.fold import fold_rows
from projections.results import Rows
from projections.row_codec import PublishedRow
from projections.rows import TABLES, GrantRow, LedgerRow, Row, Table
from projections.statements import tables_database
from schemas.catalog import Catalog, parse_catalog
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import Place, RawRecord, ReadRecord
from streams.clickhouse import insert, migrate

LARGE = "nimbus-cloud"
"""The organization that has a million rows by itself."""

SMALL_COUNT = 50
GENERATION = 1

_CREDIT_TYPES = ("coins", "hours", "messages", "sessions", "usd")
_CUSTOMERS_A_COPY = 200
_EVENTS_A_COPY = 23_000
_EVENTS_A_TICK_MIN = 60
_COPIES_AN_INSERT = 10
_DAYS = 365
_SEED = 7
_NEWEST, _OLDER = 2, 1
_WITH_OLDER_VERSION = "cityHash64(tuple(*)) % 20 = 0"


class Loaded(NamedTuple):
    """What was loaded: rows of the ledger of the large organization, and of each small one; ids that views are asked with."""

    large_count: int
    small_count: int
    customer_id: str
    grant_id: str
    event_id: str


def load(client: Client, *, row_count: int) -> Loaded:
    """Make the tables and views, and load at least so many rows of the ledger for the large organization, and for the small."""
    catalog = parse_catalog(CATALOG.read_text(encoding="utf-8"))
    migrate(client, generation=GENERATION, catalog=catalog)
    rows = folded(catalog, event_count=min(_EVENTS_A_COPY, row_count))
    uses = rows.of(LedgerRow)
    client.command("CREATE DATABASE first")
    for table in TABLES:
        _load_first(client, table, rows)
        _copy_customers(client, table, copy_count=-(-row_count // len(uses)))
        _copy_organizations(client, table)
    client.command("DROP DATABASE first")
    use = uses[len(uses) // 2]
    [grant_id, *_] = [grant.grant_id for grant in rows.of(GrantRow) if grant.customer_id == use.customer_id]
    return Loaded(
        large_count=_count(client, LARGE),
        small_count=_count(client, f"{LARGE}-1"),
        customer_id=use.customer_id,
        grant_id=grant_id,
        event_id=use.event_id,
    )


def part_counts(client: Client) -> Mapping[str, int]:
    """Tell of how many parts each table consists now."""
    found = client.query(
        "SELECT table, count() FROM system.parts WHERE active AND database = {database:String} GROUP BY table ORDER BY table",
        parameters={"database": tables_database(GENERATION)},
    )
    return {name: int(count) for name, count in found.result_rows}


def folded(catalog: Catalog, *, event_count: int) -> Rows:
    """Fold events of a year of one organization."""
    return fold_rows(_records(event_count), catalog=catalog).rows


def _records(event_count: int) -> Iterator[ReadRecord]:
    accounts = [
        Account(LARGE, f"customer-{number:03}", credit_type)
        for number in range(_CUSTOMERS_A_COPY)
        for credit_type in _CREDIT_TYPES
    ]
    weights = list(accumulate((1 + number % 50) ** -0.5 for number in range(len(accounts))))
    shape = Shape(accounts, weights, days=_DAYS, tick_every=max(_EVENTS_A_TICK_MIN, event_count // _DAYS))
    feed = feed_of_number(shape, seed=_SEED, event_count=event_count, partition_count=1, number=0)
    for offset, record in enumerate(_in_order(feed.opening, feed.body)):
        raw = RawRecord(record.topic, 0, offset, from_milliseconds(record.timestamp), record.key, record.value, ())
        yield read_record(raw, partition_count=1)


def _in_order(*parts: Iterator[FeedRecord]) -> Iterator[FeedRecord]:
    for part in parts:
        yield from part


def _load_first(client: Client, table: Table, rows: Rows) -> None:
    """Put what was folded aside, in a table without history."""
    database = tables_database(GENERATION)
    found: list[Row] = rows.of(table.row_type)  # type: ignore[type-var]  # any of the row types, and which does not matter
    published = [
        PublishedRow(row, Place(table.topic, 0, offset), revision=_NEWEST, deleted=False) for offset, row in enumerate(found)
    ]
    if published:
        insert(client, table, published, generation=GENERATION, token=table.name)
    client.command(f"CREATE TABLE first.{table.name} ENGINE = Memory AS SELECT * FROM {database}.{table.name} FINAL")  # noqa: S608 -- names of ours


def _copy_customers(client: Client, table: Table, *, copy_count: int) -> None:
    """Copy the first customers of the large organization under other ids, and of some rows older versions."""
    for begin in range(1, copy_count, _COPIES_AN_INSERT):
        end = min(copy_count, begin + _COPIES_AN_INSERT)
        suffix = "concat('-', toString(copy.number))"
        _copy(client, table, _renamed(table, customer_suffix=suffix, organization_suffix="''"), begin=begin, end=end)


def _copy_organizations(client: Client, table: Table) -> None:
    """Copy the first customers of the large organization into small ones."""
    for begin in range(1, SMALL_COUNT + 1, _COPIES_AN_INSERT):
        suffix = "concat('-', toString(copy.number))"
        renamed = _renamed(table, customer_suffix="''", organization_suffix=suffix)
        _copy(client, table, renamed, begin=begin, end=begin + _COPIES_AN_INSERT)


def _renamed(table: Table, *, customer_suffix: str, organization_suffix: str) -> str:
    """Write what stands in place of a table's ids."""
    fields = table.row_type._fields
    written = []
    if "organization_id" in fields:
        written.append(f"concat(organization_id, {organization_suffix}) AS organization_id")
    if "customer_id" in fields:
        written.append(f"concat(customer_id, {customer_suffix}) AS customer_id")
    if "named_id" in fields:
        written.append(f"if(kind = 'CUSTOMER', concat(named_id, {customer_suffix}), named_id) AS named_id")
    return f"* REPLACE ({', '.join(written)})" if written else "*"


def _copy(client: Client, table: Table, renamed: str, *, begin: int, end: int) -> None:
    names = ", ".join(f"`{column.name}`" for column in (*columns_of(table.row_type), *SOURCE_COLUMNS))
    into = f"INSERT INTO {tables_database(GENERATION)}.{table.name} ({names})"
    copies = (
        f"SELECT {names} FROM (SELECT {renamed} FROM first.{table.name} CROSS JOIN numbers({begin}, {end - begin}) AS copy)"  # noqa: S608 -- names of ours
    )
    older = names.replace("`revision`", f"{_OLDER} AS `revision`")
    client.command(f"{into} {copies}")
    client.command(f"{into} SELECT {older} FROM ({copies}) WHERE {_WITH_OLDER_VERSION}")  # noqa: S608 -- names of ours


def _count(client: Client, organization: str) -> int:
    [(count,)] = client.query(
        f"SELECT count() FROM {tables_database(GENERATION)}.ledger FINAL WHERE organization_id = {{organization:String}}",  # noqa: S608 -- a name of ours
        parameters={"organization": organization},
    ).result_rows
    return int(count)
