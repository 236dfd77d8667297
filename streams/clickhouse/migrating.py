"""Migrations: they bring the tables of a generation up to date, forward only, each once, in the order of their numbers.

With them the catalog is kept, and the views are written anew.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from projections.statements import VIEWS_DATABASE, Migration, migrations, tables_database, views
from schemas.catalog import Catalog
from schemas.errors import SettingsError
from streams.clickhouse.catalog import keep_catalog
from streams.clickhouse.troubles import CLIENT_ERRORS, RefusedError, telling_trouble, trouble_of

_RECORD_OF_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS {database}.migrations
(
    number UInt32,
    name String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY number
"""
_STATEMENT_LENGTH_SHOWN = 120


class MigrationState(NamedTuple):
    """A migration as it stands: when it was applied (None: it is pending), and why it was made (None: it is unknown here)."""

    number: int
    name: str
    reason: str | None
    applied_at: datetime | None


def migrate(client: Client, *, generation: int, catalog: Catalog) -> list[str]:
    """Bring the tables of a generation up to date, keep the catalog in them, and write the views anew.

    Returns the names of the migrations that were applied now; one that was cut off is done again from its beginning. Raises
    SettingsError where the tables were made by a newer release, which knows migrations that this one does not, and where
    ClickHouse refuses a statement; TransientError in an outage.
    """
    database = tables_database(generation)
    for name in (database, VIEWS_DATABASE):
        _do(client, f"CREATE DATABASE IF NOT EXISTS {name}", f"the database {name}")
    _do(client, _RECORD_OF_MIGRATIONS.format(database=database), "the record of migrations")
    states = migration_states(client, generation=generation)
    unknown = [state.number for state in states if state.reason is None]
    if unknown:
        raise SettingsError(f"{database} has migration {max(unknown)}, which this release does not know; use a newer release")
    pending = {state.number for state in states if state.applied_at is None}
    done = [migration for migration in migrations(generation=generation) if migration.number in pending]
    for migration in done:
        _apply(client, migration, database)
    keep_catalog(client, catalog, generation=generation)
    for name, statement in views(generation=generation).items():
        _do(client, statement, f"the view {name}")
    return [migration.name for migration in done]


def migration_states(client: Client, *, generation: int) -> list[MigrationState]:
    """Give every migration that this release knows or that was applied, by number; changes nothing.

    Raises TransientError where ClickHouse does not answer.
    """
    with telling_trouble("say which migrations were applied"):
        applied = _applied(client, tables_database(generation))
    known = {migration.number: migration for migration in migrations(generation=generation)}
    return [_state_of(number, known, applied) for number in sorted(known.keys() | applied.keys())]


def _state_of(number: int, known: dict[int, Migration], applied: dict[int, tuple[str, datetime]]) -> MigrationState:
    applied_name, applied_at = applied.get(number, ("", None))
    if number not in known:
        return MigrationState(number, applied_name, None, applied_at)
    return MigrationState(number, known[number].name, known[number].reason, applied_at)


def _applied(client: Client, database: str) -> dict[int, tuple[str, datetime]]:
    """Give name and instant of what was applied; two sinks that began at once may have written it down twice."""
    record = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'migrations'"
    if client.query(record, parameters={"database": database}).result_rows == [(0,)]:
        return {}
    found = client.query(
        f"SELECT number, any(name), min(applied_at) FROM {database}.migrations GROUP BY number"  # noqa: S608 -- a name of ours
    )
    return {number: (name, applied_at) for number, name, applied_at in found.result_rows}


def _apply(client: Client, migration: Migration, database: str) -> None:
    what = f"the migration {migration.number:04}_{migration.name}"
    _do_all(client, migration.statements, what)
    with telling_trouble(f"write down {what}"):
        client.insert(f"{database}.migrations", [[migration.number, migration.name]], column_names=["number", "name"])


def _do_all(client: Client, statements: Iterable[str], what: str) -> None:
    for statement in statements:
        _do(client, statement, what)


def _do(client: Client, statement: str, what: str) -> None:
    """Have a statement done; raises SettingsError naming it where it is refused, which asking again would not change."""
    try:
        client.command(statement)
    except CLIENT_ERRORS as error:
        trouble = trouble_of(error, "make the tables")
        if not isinstance(trouble, RefusedError):
            raise trouble from error
        shown = " ".join(statement.split())[:_STATEMENT_LENGTH_SHOWN]
        raise SettingsError(f"ClickHouse refuses {what} at the statement '{shown} ...': {trouble.words}") from error
