"""ClickHouse as the sink uses it: the tables are the row types, rows come back as they were, versions and repeats vanish."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import Gateway, gateway_running

from projections.columns import SOURCE_COLUMNS, columns_of
from projections.row_codec import PublishedRow
from projections.rows import (
    TABLE_OF_ROW_TYPE,
    TABLES,
    AllocationRow,
    CampaignRow,
    CampaignUsageRow,
    ConflictRow,
    CostPart,
    DeadLetterRow,
    DerivingRow,
    GrantRow,
    LedgerRow,
    LotRow,
    NameRow,
    PaidPart,
    SnapshotRow,
)
from projections.statements import Migration, migrations, tables_database, views
from schemas.errors import SettingsError, TransientError
from schemas.instants import INSTANT_LIMIT, MICROSECONDS_PER_DAY
from schemas.records import Place
from streams.clickhouse import connect, insert, migrate, read_rows
from streams.clickhouse.inserting import RefusedRow, insert_refused
from streams.clickhouse.migrating import migration_states
from streams.clickhouse.troubles import OutageError, RefusedError
from streams.files import read_catalog
from tests.support.expected_figures import EXAMPLES

LAST = INSTANT_LIMIT - 1
SUM = 10**36 + 1
"""10^30 credits and a micro-credit."""
COST = 10**37 + 1
COUNT = 2**63 - 1
ODD = "é\x00\t'\\\n\u2028{}🪙"
GENERATION = 1
TOKEN, OTHER_TOKEN = "one insert", "another insert"
MIGRATIONS = [migration.name for migration in migrations(generation=GENERATION)]
CATALOG = read_catalog(EXAMPLES / "catalog.toml")

LEAST_LEDGER = LedgerRow("o", "c", 0, "e", "coins", 0, None, "1970-01", "1970-01-01", 1, None, None, "Other", *[None] * 19)
ROWS = {
    LedgerRow: [
        LEAST_LEDGER,
        LedgerRow(ODD, ODD, LAST, ODD, ODD, LAST, "", "2199-12", "2199-12-31", SUM, SUM, "EUR", "Session", ODD, ODD, ODD, ODD,
                  ODD, ODD, ODD, COUNT, ODD, ODD, ODD, ODD, COUNT, ODD, ODD, ODD, ODD, ODD, ODD),
    ],
    AllocationRow: [
        AllocationRow("o", "c", 0, "e", "coins", "1970-01", 0, 0, 0, (), ()),
        AllocationRow(ODD, ODD, LAST, ODD, ODD, "2199-12", SUM, SUM - 1, 1, (CostPart("EUR", COST), CostPart("USD", 0)),
                      (PaidPart(ODD, LAST, SUM), PaidPart("g", 0, 1))),
    ],
    GrantRow: [
        GrantRow("o", "c", "g", "e", "coins", 0, 0, None, "n", "ONCE", None, 1, 0, None, (), None, None, None, None, None),
        GrantRow(ODD, ODD, ODD, ODD, ODD, LAST, LAST, ODD, ODD, "MONTHLY", SUM, 100, LAST, LAST,
                 (("ADDON", None), ("ADDON", ODD), ("LICENSE", "")), SUM, "EUR", LAST, ODD, ODD),
    ],
    LotRow: [
        LotRow("o", "c", "coins", "g", 0, "ONCE", None, None, "NEVER", None, 0, 1, 0, (), "1970-01"),
        LotRow(ODD, ODD, ODD, ODD, LAST, "MONTHLY", LAST, LAST, "UNUSED", SUM, SUM, 100, LAST, (("ADDON", None),), "2199-12"),
    ],
    SnapshotRow: [
        SnapshotRow("o", "c", "coins", "1970-01", 0, 1, *[0] * 11, False, False, 0, 0, 0, False),
        SnapshotRow(ODD, ODD, ODD, "2199-12", LAST, LAST, *range(SUM, SUM + 11), True, True, SUM, SUM, COUNT, True),
    ],
    CampaignUsageRow: [
        CampaignUsageRow("o", "c", "coins", "k", "z", "1970-01-01", "SMS", "s", 0, 1),
        CampaignUsageRow(ODD, ODD, ODD, ODD, ODD, "2199-12-31", "SMS", ODD, COUNT, SUM),
    ],
    ConflictRow: [
        ConflictRow("o", "c", "credits.voids", 0, "v", "void_without_grant", ""),
        ConflictRow(ODD, ODD, ODD, LAST, ODD, ODD, ODD),
    ],
    CampaignRow: [
        CampaignRow("o", "k", "n", "SCHEDULED", "CENTER", None, 0, "SMS", "s", "LIVE"),
        CampaignRow(ODD, ODD, ODD, "SCHEDULED", "CENTER", ODD, COUNT, "SMS", ODD, "LIVE"),
    ],
    DerivingRow: [DerivingRow("o", "c", "coins"), DerivingRow(ODD, ODD, ODD)],
    NameRow: [NameRow("o", "CUSTOMER", "c", "n"), NameRow(ODD, "CENTER", ODD, ODD)],
    DeadLetterRow: [
        DeadLetterRow("", 0, 0, "undecodable", None, "d", 0, None, None, ()),
        DeadLetterRow("t", 0, 1, "undecodable", None, "d", 0, b"", b"", (("", b""),)),
        DeadLetterRow(ODD, 2**31 - 1, COUNT, "invalid", ODD, ODD, LAST, b"\xff\xfe\x00", bytes(range(256)),
                      (("h", b"\xff\xfe"), ("h", b"text"), (ODD, bytes(range(256))))),
    ],
}  # fmt: skip
"""The least and the greatest that each row can hold."""


@pytest.fixture(scope="module")
def gateway(data_folder: Path) -> Iterator[Gateway]:
    with gateway_running(data_folder / "tables") as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[Client]:
    """Give a client of an engine of this module's own, whose tables are made."""
    with connect(gateway.address) as opened:
        assert migrate(opened, generation=GENERATION, catalog=CATALOG) == MIGRATIONS
        yield opened


@pytest.fixture
def emptied(client: Client) -> Client:
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {tables_database(GENERATION)}.{table.name}")
    return client


def published(row, *, revision=1, deleted=False, offset=0):
    return PublishedRow(row, Place("credits.consumption", 2**31 - 1, offset), revision, deleted)


def keys_of(table, rows):
    return sorted(rows, key=lambda row: row[: table.key_length])


def selected(client: Client, what: str, **parameters) -> list[tuple]:
    """Give the rows of a SELECT; `{tables}` in it stands for the database of the tables."""
    return list(
        client.query(f"SELECT {what}".replace("{tables}", tables_database(GENERATION)), parameters=parameters).result_rows
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_its_row_type(table, client):
    """Names, types and order of the columns are those of the row type and its source; the sorting key is the row's key."""
    of_table = "database = {database:String} AND table = {table:String}"
    place = {"database": tables_database(GENERATION), "table": table.name}
    columns = (*columns_of(table.row_type), *SOURCE_COLUMNS)
    assert selected(client, f"name, type FROM system.columns WHERE {of_table} ORDER BY position", **place) == [
        (column.name, column.type) for column in columns
    ]
    [(engine, key)] = selected(client, f"engine, sorting_key FROM system.tables WHERE {of_table}", **place)
    assert engine == "ReplacingMergeTree"
    assert key.split(", ") == [column.name for column in columns[: table.key_length]]


def test_a_migration_is_applied_once(client):
    """A second start finds nothing to do, and the rows that are there stay."""
    assert migrate(client, generation=GENERATION, catalog=CATALOG) == []
    assert selected(client, "number, name FROM {tables}.migrations ORDER BY number") == [
        (migration.number, migration.name) for migration in migrations(generation=GENERATION)
    ]


def test_a_migration_that_was_cut_off_is_completed(client):
    """A sink that is killed between two statements leaves nothing that stops the next start."""
    generation = 2
    database = tables_database(generation)
    client.command(f"CREATE DATABASE {database}")
    for statement in migrations(generation=generation)[0].statements[:3]:
        client.command(statement)
    assert migrate(client, generation=generation, catalog=CATALOG) == MIGRATIONS
    assert {row[0] for row in client.query(f"SHOW TABLES FROM {database}").result_rows} >= {table.name for table in TABLES}
    migrate(client, generation=GENERATION, catalog=CATALOG)


def test_tables_of_a_newer_release_are_left_alone(client):
    """A release that does not know a migration refuses to write into its tables, and names it when it is asked."""
    generation = 3
    migrate(client, generation=generation, catalog=CATALOG)
    client.insert(f"{tables_database(generation)}.migrations", [[9, "later"]], column_names=["number", "name"])
    with pytest.raises(SettingsError, match="credits_3 has migration 9, which this release does not know; use a newer release"):
        migrate(client, generation=generation, catalog=CATALOG)
    unknown = migration_states(client, generation=generation)[-1]
    assert (unknown.number, unknown.name, unknown.reason) == (9, "later", None)
    migrate(client, generation=GENERATION, catalog=CATALOG)


def test_migrations_are_pending_until_they_are_applied(client):
    """Each is told with its reason; one that was applied with the instant, also where two sinks wrote it down at once."""
    generation = 4
    known = [(each.number, each.name, each.reason) for each in migrations(generation=generation)]
    assert [state[:3] for state in migration_states(client, generation=generation)] == known
    assert {state.applied_at for state in migration_states(client, generation=generation)} == {None}
    assert selected(client, "count() FROM system.databases WHERE name = 'credits_4'") == [(0,)]
    migrate(client, generation=generation, catalog=CATALOG)
    client.insert(f"{tables_database(generation)}.migrations", [[1, "tables"]], column_names=["number", "name"])
    states = migration_states(client, generation=generation)
    assert [state[:3] for state in states] == known
    assert all(abs(state.applied_at - datetime.now(UTC)) < timedelta(minutes=5) for state in states)
    migrate(client, generation=GENERATION, catalog=CATALOG)


def test_a_broken_migration_is_no_outage(client, monkeypatch):
    """What ClickHouse refuses is said once, naming migration and statement; what came before it stays applied."""
    generation = 5
    number = len(MIGRATIONS) + 1
    broken = Migration(
        number, "broken", "To be mended.", ("CREATE TABLE IF NOT EXISTS credits_5.spoiled\n(\n  `a` Nonsense\n) ENGINE = Log",)
    )
    monkeypatch.setattr(
        "streams.clickhouse.migrating.migrations", lambda generation: (*migrations(generation=generation), broken)
    )
    sentence = (
        rf"^ClickHouse refuses the migration {number:04}_broken at the statement "
        r"'CREATE TABLE IF NOT EXISTS credits_5.spoiled \( `a` Nonsense \) ENGINE = Log ...': [^\n]*UNKNOWN_TYPE[^\n]*$"
    )
    for _ in range(2):
        with pytest.raises(SettingsError, match=sentence):
            migrate(client, generation=generation, catalog=CATALOG)
    assert [state.applied_at is None for state in migration_states(client, generation=generation)] == [
        *(False for _ in MIGRATIONS),
        True,
    ]
    mended = broken._replace(statements=("CREATE TABLE IF NOT EXISTS credits_5.spoiled (`a` UInt8) ENGINE = Log",))
    monkeypatch.setattr(
        "streams.clickhouse.migrating.migrations", lambda generation: (*migrations(generation=generation), mended)
    )
    assert migrate(client, generation=generation, catalog=CATALOG) == ["broken"]
    monkeypatch.undo()
    migrate(client, generation=GENERATION, catalog=CATALOG)


def test_views_are_made_over_the_generation(client):
    """The views stand in a database of their own, and read the tables of the generation that was migrated last."""
    found = dict(selected(client, "name, create_table_query FROM system.tables WHERE database = 'credits'"))
    assert found.keys() == views(generation=GENERATION).keys()
    assert all("credits_1." in query for query in found.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_come_back_as_they_were(table, emptied):
    """The least and the greatest values come back exactly: sums of 10^30, bytes that are no text, empty lists, nothing."""
    rows = ROWS[table.row_type]
    insert(emptied, table, [published(row) for row in rows], generation=GENERATION, token=TOKEN)
    assert read_rows(emptied, generation=GENERATION).of(table.row_type) == keys_of(table, rows)


def test_where_a_row_comes_from_is_kept(emptied):
    """Topic, partition, offset and revision of a row stand beside it."""
    table = TABLES[0]
    insert(emptied, table, [published(LEAST_LEDGER, revision=2**63 - 1, offset=COUNT)], generation=GENERATION, token=TOKEN)
    names = ", ".join(column.name for column in SOURCE_COLUMNS)
    assert selected(emptied, f"{names} FROM {{tables}}.ledger") == [("credits.consumption", 2**31 - 1, COUNT, 2**63 - 1, 0)]


def test_the_greatest_revision_stands(emptied):
    """Whatever the order of inserts, a lower revision never replaces a higher one."""
    table = next(table for table in TABLES if table.row_type is NameRow)
    for revision in (2, 3, 1):
        row = NameRow("o", "CUSTOMER", "c", f"name {revision}")
        insert(emptied, table, [published(row, revision=revision)], generation=GENERATION, token=f"revision {revision}")
        emptied.command(f"OPTIMIZE TABLE {tables_database(GENERATION)}.names FINAL")
    assert read_rows(emptied, generation=GENERATION).of(NameRow) == [NameRow("o", "CUSTOMER", "c", "name 3")]


def test_a_deleted_row_disappears_and_may_come_back(emptied):
    """A row that no longer follows is gone; an older version that comes late does not bring it back, a newer one does."""
    table = next(table for table in TABLES if table.row_type is NameRow)
    row = NameRow("o", "CUSTOMER", "c", "n")
    steps = [(5, False, [row]), (7, True, []), (6, False, []), (8, False, [row])]
    for revision, deleted, expected in steps:
        one = [published(row, revision=revision, deleted=deleted)]
        insert(emptied, table, one, generation=GENERATION, token=f"step {revision}")
        assert read_rows(emptied, generation=GENERATION).of(NameRow) == expected


def test_repeating_an_insert_changes_nothing(emptied):
    """With its token a repeat is not even stored; without it, key and revision make it vanish from what is read."""
    table = next(table for table in TABLES if table.row_type is AllocationRow)
    rows = [published(row) for row in ROWS[AllocationRow]]
    for _ in range(3):
        insert(emptied, table, rows, generation=GENERATION, token=TOKEN)
    assert selected(emptied, "count() FROM {tables}.allocations") == [(len(rows),)]
    insert(emptied, table, rows, generation=GENERATION, token=OTHER_TOKEN)
    assert selected(emptied, "count() FROM {tables}.allocations") == [(2 * len(rows),)]
    assert read_rows(emptied, generation=GENERATION).of(AllocationRow) == keys_of(table, ROWS[AllocationRow])


def test_an_engine_that_is_gone_is_an_outage(data_folder):
    """Each use of a stopped engine is a TransientError of one line; started again, it has what it took before."""
    table = next(table for table in TABLES if table.row_type is NameRow)
    rows = [published(NameRow("o", "CUSTOMER", "c", "n"))]
    with gateway_running(data_folder / "outage") as gateway, connect(gateway.address) as client:
        migrate(client, generation=GENERATION, catalog=CATALOG)
        insert(client, table, rows, generation=GENERATION, token=TOKEN)
        gateway.stop()
        for use in (
            lambda: insert(client, table, rows, generation=GENERATION, token=OTHER_TOKEN),
            lambda: migrate(client, generation=GENERATION, catalog=CATALOG),
            lambda: read_rows(client, generation=GENERATION),
            lambda: connect(gateway.address),
        ):
            with pytest.raises(TransientError, match=r"^ClickHouse did(n't)? [^\n]+$|^ClickHouse does not answer [^\n]+$"):
                use()
        gateway.start()
        insert(client, table, rows, generation=GENERATION, token=TOKEN)
        assert read_rows(client, generation=GENERATION).of(NameRow) == [rows[0].row]


def test_a_table_that_is_missing_is_an_outage(client):
    """What ClickHouse does not take is never passed over in silence; of a missing table no row is the cause."""
    with pytest.raises(
        OutageError, match=r"^ClickHouse did not take 1 rows of ledger: [^\n]+UNKNOWN_DATABASE[^\n]+$"
    ) as raised:
        insert(client, TABLES[0], [published(LEAST_LEDGER)], generation=99, token=TOKEN)
    assert raised.value.reason == "81"


def test_rows_of_two_hundred_years_go_in_at_once(emptied):
    """Each year is a partition, and history of any age may come in one insert."""
    table = TABLES[0]
    rows = [LEAST_LEDGER._replace(occurred_at=year * MICROSECONDS_PER_DAY * 366, event_id=str(year)) for year in range(200)]
    insert(emptied, table, [published(row) for row in rows], generation=GENERATION, token=TOKEN)
    assert read_rows(emptied, generation=GENERATION).of(LedgerRow) == keys_of(table, rows)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ROWS[CampaignUsageRow][0]._replace(processed=-1), "Unable to create native array for column `processed`: error"),
        (ROWS[CampaignUsageRow][0]._replace(credits_micro=10**39), "int too big to convert"),
        (LEAST_LEDGER._replace(occurred_at=10**18), "date value out of range"),
    ],
)
def test_a_value_that_no_column_can_hold_is_refused(row, words, emptied):
    """Such a row is refused before it is sent, and the rows beside it are not stored either."""
    table = TABLE_OF_ROW_TYPE[type(row)]
    good = ROWS[type(row)][1]
    with pytest.raises(RefusedError) as raised:
        insert(emptied, table, [published(good), published(row)], generation=GENERATION, token=TOKEN)
    assert (raised.value.code, raised.value.words, raised.value.reason) == (None, words, "refused")
    assert read_rows(emptied, generation=GENERATION).of(type(row)) == []


def test_a_row_that_the_engine_refuses_is_refused_with_its_code(emptied):
    """The code and the words are ClickHouse's own."""
    database = tables_database(GENERATION)
    emptied.command(f"ALTER TABLE {database}.campaigns MODIFY COLUMN `status` Enum8('LIVE' = 1)")
    table = TABLE_OF_ROW_TYPE[CampaignRow]
    row = ROWS[CampaignRow][0]
    try:
        insert(emptied, table, [published(row)], generation=GENERATION, token=TOKEN)
        with pytest.raises(RefusedError) as raised:
            insert(emptied, table, [published(row._replace(status="GONE"))], generation=GENERATION, token=OTHER_TOKEN)
    finally:
        emptied.command(f"ALTER TABLE {database}.campaigns MODIFY COLUMN `status` String")
    assert (raised.value.code, raised.value.reason) == (691, "691")
    assert raised.value.words.startswith("Unknown element 'GONE' for enum")
    assert read_rows(emptied, generation=GENERATION).of(CampaignRow) == [row]


def test_refused_rows_are_kept_byte_for_byte(client):
    """Whatever a record carried comes back as it was; the same record refused again is one row, with the last words."""
    now = datetime.now(UTC)
    first = RefusedRow("ledger", "credits.ledger", 7, COUNT, b"\xff\x00", bytes(range(256)), 27, ODD, now)
    bare = RefusedRow("names", "credits.name-definitions", 0, 0, None, None, None, "no row", now)
    later = first._replace(sentence="again", refused_at=now + timedelta(seconds=1))
    for rows in ([first, bare], [later]):
        insert_refused(client, rows, generation=GENERATION)
    found = client.query(
        "SELECT * FROM credits_1.refused_rows FINAL ORDER BY table", column_formats={"key": "bytes", "value": "bytes"}
    )
    assert found.result_rows == [tuple(later), tuple(bare)]
