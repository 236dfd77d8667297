"""`credits migrate`: brings the tables in ClickHouse up to date, or says how they are."""

import os
from contextlib import closing
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client
from rich.console import Console

from schemas.catalog import Catalog
from streams.cli.tables import Entry, console_for_people, print_table, text
from streams.clickhouse import ClickHouseAddress, connect
from streams.clickhouse import migrate as apply_migrations
from streams.clickhouse.migrating import MigrationState, migration_states
from streams.files import read_set_catalog
from streams.kafka.topics import GENERATION
from streams.settings import read_sink_settings

_NOT_UP_TO_DATE = 1
_COLUMNS = (text("number", "number"), text("name", "name"), text("reason", "reason"), text("applied", "applied"))


def migrate(
    show: Annotated[bool, typer.Option("--show", help="Show every migration, and change nothing.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 where one is pending or unknown here, and change nothing.")
    ] = False,
) -> None:
    """Bring the tables up to date, in the ClickHouse at CREDITS_CLICKHOUSE_HOST; a sink does the same when it starts.

    What views need of the catalog, which CREDITS_CATALOG names, is kept there as well.
    """
    settings = read_sink_settings(os.environ)
    address = ClickHouseAddress(settings.host, settings.port, settings.user, settings.password)
    console = console_for_people()
    catalog = None if show or check else read_set_catalog(settings.catalog)
    with closing(connect(address)) as client:
        if catalog is not None:
            _apply(client, catalog, console)
            return
        states = migration_states(client, generation=GENERATION)
    if show:
        print_table(console, "", _COLUMNS, [_entry_of(state) for state in states])
    if check:
        _end_by(states, console)


def _apply(client: Client, catalog: Catalog, console: Console) -> None:
    applied = apply_migrations(client, generation=GENERATION, catalog=catalog)
    for state in migration_states(client, generation=GENERATION):
        if state.name in applied:
            console.print(f"{state.number:04} {state.name}: applied", highlight=False, soft_wrap=True)
    if not applied:
        console.print("the tables are up to date", highlight=False, soft_wrap=True)


def _end_by(states: list[MigrationState], console: Console) -> None:
    """Name what is amiss, and end with a status that says whether anything is."""
    amiss = [state for state in states if state.applied_at is None or state.reason is None]
    for state in amiss:
        why = "is pending" if state.applied_at is None else "is not known to this release"
        console.print(f"{state.number:04} {state.name} {why}", highlight=False, soft_wrap=True)
    raise typer.Exit(_NOT_UP_TO_DATE if amiss else 0)


def _entry_of(state: MigrationState) -> Entry:
    return {
        "number": f"{state.number:04}",
        "name": state.name,
        "reason": state.reason or "not known to this release",
        "applied": "pending" if state.applied_at is None else f"{state.applied_at:%Y-%m-%d %H:%M:%S}",
    }
