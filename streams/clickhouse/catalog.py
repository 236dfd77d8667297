"""The catalog in ClickHouse: what views need of it is kept there as the catalog of whoever migrates has it.

Only what changed is written, so that a start with the catalog as it was writes nothing. Where two write at once, the later
revision of a row stands.
"""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from projections.catalog_rows import OrganizationRow, ZoneMonthRow, organization_rows, zone_month_rows, zones_of
from projections.columns import columns_of
from projections.statements import tables_database
from schemas.catalog import Catalog
from streams.clickhouse.troubles import telling_trouble


def keep_catalog(client: Client, catalog: Catalog, *, generation: int) -> None:
    """Bring the organizations and the months of their zones in step with a catalog and this release's time zone database.

    Raises TransientError where ClickHouse does not answer.
    """
    database = tables_database(generation)
    organizations = organization_rows(catalog)
    with telling_trouble("keep the catalog"):
        for zone in _zones_to_write(client, zones_of(organizations), database=database):
            months = f"{database}.zone_months"
            standing = _read(client, months, ZoneMonthRow, zone=zone)
            _replace(client, months, standing, zone_month_rows(zone), key_length=2)
        _replace(
            client,
            f"{database}.organizations",
            _read(client, f"{database}.organizations", OrganizationRow),
            organizations,
            key_length=1,
        )


def _zones_to_write(client: Client, wanted: dict[str, str], *, database: str) -> list[str]:
    """Give the zones of which the months that are there are not those of the rules as they are now."""
    found = client.query(f"SELECT DISTINCT zone, rules FROM {database}.zone_months FINAL")  # noqa: S608 -- a name of ours
    standing = {(zone, rules) for zone, rules in found.result_rows}
    return [zone for zone, rules in wanted.items() if (zone, rules) not in standing]


def _read(client: Client, table: str, row_type: Any, **wanted: str) -> list[tuple[Any, ...]]:
    """Read the rows of a table that have these values."""
    columns = columns_of(row_type)
    names = ", ".join(f"`{column.name}`" for column in columns)
    conditions = " AND ".join(("true", *(f"`{name}` = {{{name}:String}}" for name in wanted)))
    found = client.query(f"SELECT {names} FROM {table} FINAL WHERE {conditions}", parameters=wanted)  # noqa: S608 -- names of ours
    return [row_type(*(column.read(value) for column, value in zip(columns, row, strict=True))) for row in found.result_rows]


def _replace(client: Client, table: str, standing: Sequence[Any], wanted: Sequence[Any], *, key_length: int) -> None:
    """Make the wanted rows stand instead of those that stand, which are the same where their first `key_length` fields are.

    They go in by one insert, so that they are there all or not at all, under a revision that no row of the table has yet.
    """
    kept, keys = set(standing), {row[:key_length] for row in wanted}
    changes = [(row, False) for row in wanted if row not in kept]
    changes += [(row, True) for row in standing if row[:key_length] not in keys]
    if not changes:
        return
    [(last,)] = client.query(f"SELECT max(revision) FROM {table}").result_rows  # noqa: S608 -- a name of ours
    columns = columns_of(type(wanted[0]))
    client.insert(
        table,
        [
            [*(column.write(value) for column, value in zip(columns, row, strict=True)), last + 1, deleted]
            for row, deleted in changes
        ],
        column_names=[*(column.name for column in columns), "revision", "deleted"],
        settings={"async_insert": 0},
    )
