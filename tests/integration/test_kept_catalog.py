"""The catalog in ClickHouse: organizations and months are those of the catalog, whatever stood there before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from projections.catalog_rows import zone_month_rows
from projections.columns import columns_of
from schemas.catalog import Catalog, parse_catalog
from streams.clickhouse import connect, migrate
from streams.clickhouse.catalog import keep_catalog

GENERATION = 1
BEFORE = parse_catalog(
    """
    [organizations.desks]
    time_zone = "Europe/Lisbon"
    currency = "EUR"
    [organizations.salons]
    time_zone = "America/New_York"
    [organizations.care]
    """
)
AFTER = parse_catalog(
    """
    [organizations.desks]
    time_zone = "Pacific/Auckland"
    currency = "NZD"
    [organizations.care]
    """
)


@pytest.fixture(scope="module")
def client(data_folder: Path) -> Iterator[Client]:
    """Give a client of an engine whose tables were made with the catalog before."""
    with gateway_running(data_folder / "kept_catalog") as gateway, connect(gateway.address) as opened:
        migrate(opened, generation=GENERATION, catalog=BEFORE)
        yield opened


def organizations(client: Client) -> list[tuple]:
    query = "SELECT organization_id, zone, currency FROM credits_1.organizations FINAL ORDER BY organization_id"
    return list(client.query(query).result_rows)


def months(client: Client, zone: str) -> list:
    columns = columns_of(type(zone_month_rows(zone)[0]))
    names = ", ".join(column.name for column in columns)
    query = " ".join((f"SELECT {names}", "FROM credits_1.zone_months FINAL WHERE zone = {zone:String} ORDER BY month"))
    found = client.query(query, parameters={"zone": zone}).result_rows
    return [tuple(column.read(value) for column, value in zip(columns, row, strict=True)) for row in found]


def stored_count(client: Client) -> int:
    """Count what was ever written."""
    query = "SELECT (SELECT count() FROM credits_1.organizations) + (SELECT count() FROM credits_1.zone_months)"
    return client.query(query).result_rows[0][0]


def kept(client: Client, catalog: Catalog) -> list[tuple]:
    keep_catalog(client, catalog, generation=GENERATION)
    return organizations(client)


def test_every_organization_has_its_zone_and_every_zone_its_months(client):
    """What the catalog does not name lives in UTC; months are those by which the worker keeps the books, to the microsecond."""
    assert kept(client, BEFORE) == [
        ("", "UTC", None),
        ("care", "UTC", None),
        ("desks", "Europe/Lisbon", "EUR"),
        ("salons", "America/New_York", None),
    ]
    for zone in ("UTC", "Europe/Lisbon", "America/New_York"):
        assert months(client, zone) == zone_month_rows(zone)


def test_the_same_catalog_writes_nothing(client):
    """A start with the catalog as it was leaves the tables as they are."""
    before = stored_count(client)
    keep_catalog(client, BEFORE, generation=GENERATION)
    assert stored_count(client) == before


def test_another_catalog_stands_instead_and_may_be_taken_back(client):
    """Zones and currencies are replaced, and an organization that is no longer named is gone."""
    assert kept(client, AFTER) == [("", "UTC", None), ("care", "UTC", None), ("desks", "Pacific/Auckland", "NZD")]
    assert months(client, "Pacific/Auckland") == zone_month_rows("Pacific/Auckland")
    assert [row[:2] for row in kept(client, BEFORE)][-1] == ("salons", "America/New_York")


def test_months_by_other_rules_are_replaced(client, monkeypatch):
    """A new time zone database changes months, and one that it no longer has is gone: an instant lies in one month."""
    true_rows = zone_month_rows("Europe/Lisbon")
    older = [row._replace(month_end=row.month_end + 1, rules="Europe/Lisbon (of old)") for row in true_rows]
    older.append(older[-1]._replace(month="2200-01", month_start=older[-1].month_end))
    monkeypatch.setattr("streams.clickhouse.catalog.zones_of", lambda _: {"Europe/Lisbon": "Europe/Lisbon (of old)"})
    monkeypatch.setattr("streams.clickhouse.catalog.zone_month_rows", lambda _: older)
    keep_catalog(client, BEFORE, generation=GENERATION)
    assert months(client, "Europe/Lisbon") == older
    monkeypatch.undo()
    keep_catalog(client, BEFORE, generation=GENERATION)
    assert months(client, "Europe/Lisbon") == true_rows
