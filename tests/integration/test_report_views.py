"""The reports say what a fold of the same log comes to, row by row and column by column.

Asked of many books in one engine (tests/support/view_books.py), of each organization over all, over parts, before the first
month, after the last one, and over a range that ends before it begins. The examples, worked out by hand, are in
test_views.py; both work out what they expect in tests/support/report_figures.py, from lists of results.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from projections.fold import fold_rows
from projections.rows import TABLE_OF_ROW_TYPE, AllocationRow, LedgerRow, SnapshotRow
from schemas.instants import format_instant
from streams.clickhouse import connect, insert, migrate
from tests.support import report_figures as figures
from tests.support.building import catalog, consume, records, reverse
from tests.support.expected_figures import as_written
from tests.support.report_figures import Entry, Lists, Use, shown
from tests.support.view_books import FEED, books_of, load_all, published, results, whole_catalog

NAMES = (FEED, "world 5", "world 8", "world 11", "world 12")
EVER, NEVER_BEFORE, NEVER_AFTER = ("1970-01", "2199-12"), ("1970-01", "1970-02"), ("2199-11", "2199-12")


class Organization(NamedTuple):
    """An organization of some books."""

    books: str
    organization_id: str


ORGANIZATIONS = [Organization(name, organization_id) for name in NAMES for organization_id in books_of(name).organizations]


@pytest.fixture(scope="module")
def client(data_folder: Path) -> Iterator[Client]:
    """Give a client of an engine of this module's own that holds all books."""
    with gateway_running(data_folder / "report_views") as gateway, connect(gateway.address) as opened:
        migrate(opened, generation=1, catalog=whole_catalog())
        load_all(opened)
        yield opened


Ask = Callable[..., list[Entry]]


@pytest.fixture(scope="module")
def ask(client: Client) -> Ask:
    """Give a function that asks a view; it gives the rows in their order, each value as text."""

    def asked(view: str, **parameters: str) -> list[Entry]:
        arguments = ", ".join(f"{name} = {{{name}:String}}" for name in parameters)
        found = client.query(" ".join(("SELECT * FROM", f"credits.{view}({arguments})")), parameters=parameters)
        return [{name: shown(value) for name, value in row.items()} for row in found.named_results()]

    return asked


@cache
def lists_of(organization: Organization) -> Lists:
    """Give the lists that a fold came to, of one organization."""
    books = books_of(organization.books)
    found = results(organization.books, books.as_of)
    lists = {
        name: [as_written(entry) for entry in entries if entry.get("organization_id") == organization.organization_id]
        for name, entries in found.items()
        if name in ("snapshots", "campaign_usage", "campaigns", "names", "allocations")
    }
    payments = {(entry["customer_id"], entry["event_id"], entry["occurred_at"]): entry for entry in lists.pop("allocations")}
    uses = [
        _use(row, payments[row.customer_id, row.event_id, format_instant(row.occurred_at)])
        for row in books.rows.of(LedgerRow)
        if row.organization_id == organization.organization_id
    ]
    return Lists(**lists, uses=uses)


def _use(row: LedgerRow, payment: Entry) -> Use:
    first = LedgerRow._fields.index("activity_type") + 1
    fields = dict(zip(LedgerRow._fields[first:], row[first:], strict=True))
    fields["kind"] = fields.pop("line_kind")
    activity = {name: shown(value) for name, value in fields.items() if value is not None}
    identity = (row.customer_id, row.event_id, row.occurred_at, row.day, row.month)
    return Use(*identity, row.credit_type, row.activity_type, activity, payment)


def month_ranges(organization: Organization) -> list[tuple[str, str]]:
    """Give ranges of months to ask about."""
    months = sorted({entry["month"] for entry in lists_of(organization).snapshots})
    if not months:
        return [EVER]
    third = len(months) // 3
    parts = [(months[third], months[2 * third]), (months[0], months[third]), (months[third], months[third]), (months[-1],) * 2]
    return [EVER, NEVER_BEFORE, NEVER_AFTER, (months[-1], months[0]), *parts]


def day_ranges(organization: Organization) -> list[tuple[str, str]]:
    """Give ranges of local days to ask about."""
    days = sorted({entry["day"] for entry in lists_of(organization).campaign_usage})
    wide = [(f"{first}-01", f"{last}-28") for first, last in (EVER, NEVER_BEFORE, NEVER_AFTER)]
    if not days:
        return wide
    middle = days[len(days) // 2]
    return [*wide, (days[0], middle), (middle, middle), (middle, days[-1]), (days[-1], days[0])]


@pytest.mark.parametrize("organization", ORGANIZATIONS, ids=str)
def test_credits_of_one_type(organization, ask):
    """Coins and hours, by customer and in sum."""
    lists = lists_of(organization)
    for month_from, month_to in month_ranges(organization):
        asked_for = {"month_from": month_from, "month_to": month_to}
        for credit_type, prefix in (("coins", "coins"), ("hours", "hourly_credits")):
            found = ask(f"{prefix}_by_customer", organization=organization.organization_id, **asked_for)
            assert found == figures.credits_by_customer(lists, credit_type=credit_type, **asked_for)
            found = ask(f"{prefix}_widgets", organization=organization.organization_id, **asked_for)
            assert found == figures.credits_widgets(lists, credit_type=credit_type, **asked_for)


@pytest.mark.parametrize("organization", ORGANIZATIONS, ids=str)
def test_reports_of_months(organization, ask):
    """Promotional credits, consumption, and invoice lines."""
    lists = lists_of(organization)
    for month_from, month_to in month_ranges(organization):
        asked_for = {"month_from": month_from, "month_to": month_to}
        found = ask("invoice_credits", organization=organization.organization_id, **asked_for)
        assert found == figures.invoice_credits(lists, **asked_for)
        for credit_type in ("", "usd"):
            of_type = {**asked_for, "credit_type": credit_type}
            found = ask("promotional_credits", organization=organization.organization_id, **of_type)
            assert found == figures.promotional_credits(lists, **of_type)
            found = ask("credit_consumption_report", organization=organization.organization_id, **of_type)
            assert found == figures.credit_consumption_report(lists, **of_type)


@pytest.mark.parametrize("organization", ORGANIZATIONS, ids=str)
def test_reports_of_campaigns(organization, ask):
    """By center, by day, and in all."""
    lists = lists_of(organization)
    for date_from, date_to in day_ranges(organization):
        asked_for = {"date_from": date_from, "date_to": date_to}
        found = ask("campaign_by_center", organization=organization.organization_id, **asked_for)
        assert found == figures.campaign_by_center(lists, **asked_for)
        found = ask("campaign_by_date", organization=organization.organization_id, **asked_for)
        assert found == figures.campaign_by_date(lists, **asked_for)
    assert ask("campaigns", organization=organization.organization_id) == figures.campaigns(lists)


@pytest.mark.parametrize("organization", ORGANIZATIONS, ids=str)
def test_report_of_sessions_and_top_ups(organization, ask):
    """Each of them, of every month."""
    lists = lists_of(organization)
    for month in sorted({use.month for use in lists.uses} | {"1970-01"}):
        for usage in ("sessions", "top-ups", "both"):
            found = ask("credit_usage_report", organization=organization.organization_id, month=month, usage=usage)
            assert found == figures.credit_usage_report(lists, month=month, usage=usage)


def test_costs_are_summed_by_currency_before_they_are_rounded(client, ask):
    """What was reversed in full has no cost in any currency; three thirds of a cent are a cent."""
    whole, part = consume("whole", "5", cost="3 CHF"), consume("part", "4", cost="10 GBP")
    thirds = [consume(f"third {number}", "1", cost="0.003333 EUR") for number in range(3)]
    free = consume("free", "1", cost="0 USD")
    log = records(whole, part, *thirds, free, reverse(whole), reverse(part, "1"))
    rows = fold_rows(log, catalog=catalog()).rows
    for table in (TABLE_OF_ROW_TYPE[AllocationRow], TABLE_OF_ROW_TYPE[SnapshotRow]):
        changed = [published(row._replace(organization_id="costs"), revision=1) for row in rows.of(table.row_type)]
        insert(client, table, changed, generation=1, token=f"costs {table.name}")
    [row] = ask("credit_consumption_report", organization="costs", month_from="2026-03", month_to="2026-03", credit_type="")
    assert (row["consumed"], row["consumption_count"], row["cost"]) == ("7", "5", "EUR 0.01, GBP 7.5, USD 0")


def test_what_is_hard_to_get_right_is_reached():
    """The books have each of what the reports have to tell apart."""
    all_lists = [lists_of(organization) for organization in ORGANIZATIONS if organization.books == FEED]
    ever = {"month_from": EVER[0], "month_to": EVER[1]}
    assert _has(figures.UNLIMITED, [figures.credits_by_customer(lists, credit_type="hours", **ever) for lists in all_lists])
    assert _has(figures.UNLIMITED, [figures.promotional_credits(lists, credit_type="", **ever) for lists in all_lists])
    widgets = [figures.credits_widgets(lists, credit_type="hours", **ever)[0] for lists in all_lists]
    assert any(0 < int(row["unlimited_count"]) < int(row["customer_count"]) for row in widgets)
    rows = [
        row
        for lists in all_lists
        for row in figures.credits_by_customer(lists, credit_type="hours", month_from="2025-04", month_to=EVER[1])
    ]
    for figure in ("opening", "closing", "monthly_used", "unlimited_used", "expired", "unused", "voided", "overage"):
        assert any(row[figure] != "0" for row in rows), figure
    assert {row["customer_name"] == row["customer_id"] for row in rows} == {True, False}
    uses = [use for lists in all_lists for use in lists.uses]
    assert {use.activity_type for use in uses} >= {"Session", "DailyTopUp", "LineItem", "CampaignSend", "Booking"}
    for activity_type in ("Session", "DailyTopUp", "LineItem"):
        some = [use for use in uses if use.activity_type == activity_type]
        assert any(use.payment["reversed"] == use.payment["amount"] for use in some)
        assert any(use.payment["reversed"] not in ("0", use.payment["amount"]) for use in some)
        assert any(use.payment["overage"] != "0" for use in some)
        assert any(cost for use in some for _, cost in use.costs)
    rows = [row for organization in ORGANIZATIONS for row in figures.campaigns(lists_of(organization))]
    assert any(row["status"] == figures.NULL for row in rows), "a campaign that is used and was never defined"
    assert any(row["first_day"] == figures.NULL for row in rows), "a campaign that was defined and is not used"
    assert any(figures.NULL not in (row["status"], row["first_day"]) for row in rows)
    assert len([entry for lists in all_lists for entry in lists.campaign_usage]) > len(rows), "sums of several counters"


def _has(text: str, found: list[list[Entry]]) -> bool:
    return any(text in row.values() for rows in found for row in rows)
