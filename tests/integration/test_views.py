"""The reports: what dashboards read is what was worked out by hand for the examples, over any range.

The expected rows are put together from the hand-worked lists and from the examples' own files, never from what the books
came to.
"""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from projections.described_views import described_views
from projections.fold import fold_rows
from projections.row_codec import PublishedRow
from projections.rows import TABLES
from schemas.events import CreditConsumed
from schemas.instants import format_instant, to_datetime
from schemas.records import Place
from streams.clickhouse import ClickHouseAddress, connect, insert, migrate
from streams.files import read_catalog
from streams.views.examples import call_of
from tests.support import report_figures as figures
from tests.support.expected_figures import EXAMPLES, NAMES, expected_list, read_example
from tests.support.report_figures import Entry, Lists, Use, shown

CHECKOUT = Path(__file__).resolve().parents[2]
CATALOG = read_catalog(EXAMPLES / "catalog.toml")
ORGANIZATIONS = {"coworking": "harbor-desks", "salon": "velvet-salons", "care": "brightcare", "cloud": "nimbus-cloud"}
MONTHS = [f"2026-{month:02}" for month in range(1, 7)]
RANGES = [
    ("2026-01", "2026-12"),
    ("2026-03", "2026-04"),
    *((month, month) for month in MONTHS),
    ("2025-01", "2025-12"),
    ("2027-01", "2027-12"),
    ("2026-04", "2026-03"),
]
"""All, a part, each month alone; before everything, after everything, and one that ends before it begins."""
DATE_RANGES = [
    ("2026-01-01", "2026-12-31"),
    ("2026-03-01", "2026-03-31"),
    ("2026-03-13", "2026-03-13"),
    ("2025-01-01", "2025-12-31"),
    ("2027-01-01", "2027-12-31"),
    ("2026-04-01", "2026-03-01"),
]


class Served(NamedTuple):
    """An engine that holds the books of all examples: where it answers, and a client of it."""

    address: ClickHouseAddress
    client: Client


@pytest.fixture(scope="module")
def served(data_folder: Path) -> Iterator[Served]:
    """Give an engine of this module's own that holds the books of all examples."""
    with gateway_running(data_folder / "views") as gateway, connect(gateway.address) as opened:
        migrate(opened, generation=1, catalog=CATALOG)
        for name in NAMES:
            log, as_of = read_example(name)
            rows = fold_rows(log.records, catalog=CATALOG, as_of=as_of).rows
            for table in TABLES:
                published = [PublishedRow(row, Place("", 0, 0), revision=1, deleted=False) for row in rows.of(table.row_type)]
                if published:
                    insert(opened, table, published, generation=1, token=f"{name} {table.name}")
        yield Served(gateway.address, opened)


@pytest.fixture
def client(served: Served) -> Client:
    """Give a client of the engine."""
    return served.client


def asked(client: Client, view: str, **parameters: str) -> list[Entry]:
    """Ask a view; gives its rows in their order, each value as text."""
    arguments = ", ".join(f"{name} = {{{name}:String}}" for name in parameters)
    found = client.query(" ".join(("SELECT * FROM", f"credits.{view}({arguments})")), parameters=parameters)
    return [{name: shown(value) for name, value in row.items()} for row in found.named_results()]


@cache
def lists_of(name: str) -> Lists:
    """Give the hand-worked lists of an example, with its consumption that has effect as the example's files say it."""
    lists = (expected_list(name, list_name) for list_name in ("snapshots", "campaign_usage", "campaigns", "names"))
    return Lists(*lists, uses=_uses_of(name))


def _uses_of(name: str) -> list[Use]:
    payments = {
        (entry["customer_id"], entry["event_id"], entry["occurred_at"]): entry for entry in expected_list(name, "allocations")
    }
    events = {}
    for record in read_example(name)[0].records:
        if isinstance(record.content, CreditConsumed):
            event = record.content
            events.setdefault((event.customer_id, event.event_id, format_instant(event.occurred_at)), event)
    zone = ZoneInfo(CATALOG.zone_name(ORGANIZATIONS[name]))
    uses = []
    for identity, payment in payments.items():
        event = events[identity]
        local = to_datetime(event.occurred_at).astimezone(zone)
        activity = {field: shown(value) for field, value in event.activity._asdict().items()}
        uses.append(
            Use(
                *(event.customer_id, event.event_id, event.occurred_at, f"{local:%Y-%m-%d}", f"{local:%Y-%m}"),
                *(event.credit_type, type(event.activity).__name__, activity, payment),
            )
        )
    return uses


@pytest.mark.parametrize(("month_from", "month_to"), RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_credits_of_one_type(name, month_from, month_to, client):
    """Flows are sums over the range; opening and closing are those of the last rows before it and up to its end."""
    asked_for = {"month_from": month_from, "month_to": month_to}
    for credit_type, prefix in (("coins", "coins"), ("hours", "hourly_credits")):
        by_customer = asked(client, f"{prefix}_by_customer", organization=ORGANIZATIONS[name], **asked_for)
        assert by_customer == figures.credits_by_customer(lists_of(name), credit_type=credit_type, **asked_for)
        widgets = asked(client, f"{prefix}_widgets", organization=ORGANIZATIONS[name], **asked_for)
        assert widgets == figures.credits_widgets(lists_of(name), credit_type=credit_type, **asked_for)


@pytest.mark.parametrize("organization", ["", "not-there"])
def test_widgets_are_one_row_also_of_nothing(organization, client):
    """An organization without events has zeros, not nothing."""
    for view in ("coins_widgets", "hourly_credits_widgets"):
        [row] = asked(client, view, organization=organization, month_from="2026-01", month_to="2026-12")
        assert set(row.values()) == {"0"}


@pytest.mark.parametrize(("month_from", "month_to"), RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_promotional_credits(name, month_from, month_to, client):
    """Of the type that is asked for or, where none is, of every type that invoice lines were charged in."""
    for credit_type in ("", "usd", "coins", "none-such"):
        asked_for = {"month_from": month_from, "month_to": month_to, "credit_type": credit_type}
        found = asked(client, "promotional_credits", organization=ORGANIZATIONS[name], **asked_for)
        assert found == figures.promotional_credits(lists_of(name), **asked_for)


@pytest.mark.parametrize(("month_from", "month_to"), RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_credit_consumption_report(name, month_from, month_to, client):
    """A row for each account and month with consumption, with the sum of its costs rounded for show."""
    for credit_type in ("", "hours", "sessions"):
        asked_for = {"month_from": month_from, "month_to": month_to, "credit_type": credit_type}
        found = asked(client, "credit_consumption_report", organization=ORGANIZATIONS[name], **asked_for)
        assert found == figures.credit_consumption_report(lists_of(name), **asked_for)


@pytest.mark.parametrize(("date_from", "date_to"), DATE_RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_campaign_reports(name, date_from, date_to, client):
    """What was sent is summed over customers; who was never named shows an id, an undefined campaign no definition."""
    asked_for = {"date_from": date_from, "date_to": date_to}
    for view, expected in (
        ("campaign_by_center", figures.campaign_by_center),
        ("campaign_by_date", figures.campaign_by_date),
    ):
        assert asked(client, view, organization=ORGANIZATIONS[name], **asked_for) == expected(lists_of(name), **asked_for)


@pytest.mark.parametrize("name", NAMES)
def test_campaigns(name, client):
    """Every campaign that was defined or used, with what it sent in all."""
    assert asked(client, "campaigns", organization=ORGANIZATIONS[name]) == figures.campaigns(lists_of(name))


@pytest.mark.parametrize("usage", ["sessions", "top-ups", "both", "neither"])
@pytest.mark.parametrize("month", [*MONTHS, "2025-12"])
def test_credit_usage_report(usage, month, client):
    """Each session and top-up of the local month that is not reversed in full, net, with its cost rounded for show."""
    for name in NAMES:
        found = asked(client, "credit_usage_report", organization=ORGANIZATIONS[name], month=month, usage=usage)
        assert found == figures.credit_usage_report(lists_of(name), month=month, usage=usage)


@pytest.mark.parametrize(("month_from", "month_to"), RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_invoice_credits(name, month_from, month_to, client):
    """Of each invoice line: the net amount, what credits paid of it, what is due, and which grants paid, in burn order."""
    asked_for = {"month_from": month_from, "month_to": month_to}
    found = asked(client, "invoice_credits", organization=ORGANIZATIONS[name], **asked_for)
    assert found == figures.invoice_credits(lists_of(name), **asked_for)


def test_the_examples_fill_every_view():
    """The expected rows above are not all empty."""
    types = {entry["credit_type"] for name in NAMES for entry in lists_of(name).snapshots}
    assert types >= {"coins", "hours", "sessions", "usd"}
    activity_types = {use.activity_type for name in NAMES for use in lists_of(name).uses}
    assert activity_types >= {"Session", "DailyTopUp", "LineItem"}
    salon = lists_of("salon")
    defined, used = ({entry["campaign_id"] for entry in entries} for entries in (salon.campaigns, salon.campaign_usage))
    assert used - defined
    assert any(figures.UNLIMITED in row.values() for name in NAMES for row in _hours_of(name))


def _hours_of(name: str) -> list[Entry]:
    return figures.credits_by_customer(lists_of(name), credit_type="hours", month_from="2026-01", month_to="2026-12")


def test_freshness_has_a_row_a_table(client):
    """It counts what is stored, and says when the latest event of the ledger was recorded."""
    rows = {row["table"]: row for row in asked_freshness(client)}
    assert set(rows) == {table.name for table in TABLES}
    folded = [fold_rows(read_example(name)[0].records, catalog=CATALOG, as_of=read_example(name)[1]).rows for name in NAMES]
    for table in TABLES:
        count = sum(len(rows_of_example.of(table.row_type)) for rows_of_example in folded)
        row = rows[table.name]
        assert row["version_count"] == str(count), table.name
        assert row["newest_revision"] == ("1" if count else "0"), table.name
        assert row["partition_count"] == ("1" if count else "0"), table.name
        assert (row["newest_recorded_at"] == figures.NULL) == (not count or table.name not in RECORDED), table.name
    recorded = [
        record.content.recorded_at
        for name in NAMES
        for record in read_example(name)[0].records
        if isinstance(record.content, CreditConsumed)
    ]
    assert rows["ledger"]["newest_recorded_at"] == shown(to_datetime(max(recorded)))


RECORDED = ("dead_letters", "grants", "ledger")


def asked_freshness(client: Client) -> list[Entry]:
    found = client.query("SELECT * FROM credits.ingest_freshness")
    return [{name: shown(value) for name, value in row.items()} for row in found.named_results()]


@pytest.mark.parametrize("view", described_views(), ids=lambda view: view.name)
def test_each_view_gives_the_columns_that_it_describes(view, client):
    """Names and order are those of its comment, and what the page shows as an example can be asked as it stands there."""
    found = client.query(" ".join(("SELECT * FROM", call_of(view))))
    assert list(found.column_names) == [column.name for column in view.columns]
    assert found.result_rows or view.name == "conflicts"


def test_the_page_is_what_the_views_say():
    """docs/views.md is written anew by `make docs` whenever a view changes."""
    written = subprocess.run([sys.executable, "-m", "streams.views"], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert (CHECKOUT / "docs" / "views.md").read_text(encoding="utf-8") == written.stdout


def test_amounts_may_be_asked_for_over_http(served):
    """As the page tells: parameters stand behind `param_`, and quoted decimals keep their digits in JSON."""
    called = ", ".join(f"{name} = {{{name}:String}}" for name in ("organization", "month_from", "month_to"))
    statement = f"SELECT customer_id, closing FROM credits.coins_by_customer({called}) FORMAT JSON"
    arguments = {
        "query": statement,
        "param_organization": "harbor-desks",
        "param_month_from": "2026-01",
        "param_month_to": "2026-05",
        "output_format_json_quote_decimals": "1",
    }
    address = f"http://{served.address.host}:{served.address.port}/?{urllib.parse.urlencode(arguments)}"
    with urllib.request.urlopen(address, timeout=60) as answer:
        rows = json.loads(answer.read())["data"]
    expected = figures.credits_by_customer(lists_of("coworking"), credit_type="coins", month_from="2026-01", month_to="2026-05")
    assert rows == [{"customer_id": row["customer_id"], "closing": row["closing"]} for row in expected]
