"""The views: what dashboards read is what was worked out by hand for the examples, over any range.

The expected rows are put together from the hand-worked lists and from the examples' own files, never from what the books
came to.
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from projections.fold import fold_rows
from projections.row_codec import PublishedRow
from projections.rows import TABLES
from schemas.events import CreditConsumed, DailyTopUp, LineItem, Session
from schemas.instants import format_instant, parse_instant, to_datetime
from schemas.records import Place
from streams.clickhouse import connect, insert, migrate
from streams.files import read_catalog
from tests.support.expected_figures import EXAMPLES, NAMES, expected_list, read_example

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


@pytest.fixture(scope="module")
def client(data_folder: Path) -> Iterator[Client]:
    """Give a client of an engine of this module's own that holds the books of all examples."""
    with gateway_running(data_folder / "views") as gateway, connect(gateway.address) as opened:
        migrate(opened, generation=1)
        for name in NAMES:
            log, as_of = read_example(name)
            rows = fold_rows(log.records, catalog=CATALOG, as_of=as_of).rows
            for table in TABLES:
                published = [PublishedRow(row, Place("", 0, 0), revision=1, deleted=False) for row in rows.of(table.row_type)]
                if published:
                    insert(opened, table, published, generation=1, token=f"{name} {table.name}")
        yield opened


def asked(client: Client, view: str, **parameters: str) -> list[dict[str, str]]:
    """Ask a view; gives its rows in their order, each value as text."""
    arguments = ", ".join(f"{name} = {{{name}:String}}" for name in parameters)
    found = client.query(" ".join(("SELECT * FROM", f"credits.{view}({arguments})")), parameters=parameters)
    return [{name: shown(value) for name, value in row.items()} for row in found.named_results()]


def shown(value) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def total(entries, *fields: str) -> str:
    return shown(sum((Decimal(entry[field]) for entry in entries for field in fields), Decimal(0)))


def names_of(name: str, kind: str) -> dict[str, str]:
    return {entry["named_id"]: entry["name"] for entry in expected_list(name, "names") if entry["kind"] == kind}


def uses_of(name: str, *activity_types) -> list[tuple[CreditConsumed, dict[str, str], str, str]]:
    """Give the uses of some activities that have effect, each with its hand-worked payment, its local day and month."""
    payments = {
        (entry["customer_id"], entry["event_id"], entry["occurred_at"]): entry for entry in expected_list(name, "allocations")
    }
    uses = {}
    for record in read_example(name)[0].records:
        event = record.content
        if isinstance(event, CreditConsumed) and isinstance(event.activity, activity_types):
            identity = (event.customer_id, event.event_id, format_instant(event.occurred_at))
            if identity in payments:
                uses.setdefault(identity, event)
    zone = ZoneInfo(CATALOG.zone_name(ORGANIZATIONS[name]))
    found = []
    for identity, event in uses.items():
        local = to_datetime(event.occurred_at).astimezone(zone)
        found.append((event, payments[identity], f"{local:%Y-%m-%d}", f"{local:%Y-%m}"))
    return found


@pytest.mark.parametrize(("month_from", "month_to"), RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_coins_by_customer(name, month_from, month_to, client):
    """Flows are sums over the range; opening and closing are those of the last rows before it and up to its end."""
    coins = [entry for entry in expected_list(name, "snapshots") if entry["credit_type"] == "coins"]
    customer_names = names_of(name, "CUSTOMER")
    expected = []
    for customer in sorted({entry["customer_id"] for entry in coins if entry["month"] <= month_to}):
        rows = [entry for entry in coins if entry["customer_id"] == customer and entry["month"] <= month_to]
        before = [entry for entry in rows if entry["month"] < month_from]
        within = [entry for entry in rows if entry["month"] >= month_from]
        expected.append(
            {
                "customer_id": customer,
                "customer_name": customer_names.get(customer, customer),
                "opening": before[-1]["once_closing"] if before else "0",
                "once_granted": total(within, "once_granted"),
                "monthly_granted": total(within, "monthly_granted"),
                "once_used": total(within, "once_used"),
                "monthly_used": total(within, "monthly_used"),
                "expired": total(within, "once_expired"),
                "unused": total(within, "monthly_unused"),
                "voided": total(within, "once_voided", "monthly_voided"),
                "closing": rows[-1]["once_closing"],
                "overage": total(within, "overage"),
                "bookings": total(within, "consumption_count"),
            }
        )
    organization = ORGANIZATIONS[name]
    found = asked(client, "coins_by_customer", organization=organization, month_from=month_from, month_to=month_to)
    assert found == expected


@pytest.mark.parametrize(
    ("date_from", "date_to"),
    [
        ("2026-01-01", "2026-12-31"),
        ("2026-03-01", "2026-03-31"),
        ("2026-03-13", "2026-03-13"),
        ("2025-01-01", "2025-12-31"),
        ("2027-01-01", "2027-12-31"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_campaign_by_center(name, date_from, date_to, client):
    """What was sent is summed over customers and days; who was never named shows an id, an undefined campaign no definition."""
    definitions = {entry["campaign_id"]: entry for entry in expected_list(name, "campaigns")}
    center_names = names_of(name, "CENTER")
    grouped = {}
    for entry in expected_list(name, "campaign_usage"):
        if date_from <= entry["day"] <= date_to:
            key = tuple(entry[field] for field in ("campaign_id", "center_id", "channel", "credit_source", "credit_type"))
            grouped.setdefault(key, []).append(entry)
    expected = []
    for (campaign, center, channel, credit_source, credit_type), entries in sorted(grouped.items()):
        definition = definitions.get(campaign, {})
        expected.append(
            {
                "campaign_id": campaign,
                "campaign_name": definition.get("name", campaign),
                "campaign_type": definition.get("campaign_type", ""),
                "status": definition.get("status", ""),
                "created_from": definition.get("created_from", ""),
                "targeted": definition.get("targeted", "0"),
                "center_id": center,
                "center_name": center_names.get(center, center),
                "channel": channel,
                "credit_source": credit_source,
                "credit_type": credit_type,
                "processed": total(entries, "processed"),
                "credits": total(entries, "credits"),
            }
        )
    organization = ORGANIZATIONS[name]
    assert asked(client, "campaign_by_center", organization=organization, date_from=date_from, date_to=date_to) == expected


@pytest.mark.parametrize("usage", ["sessions", "top-ups", "both", "neither"])
@pytest.mark.parametrize("month", [*MONTHS, "2025-12"])
def test_credit_usage_report(usage, month, client):
    """Each session and top-up of the local month that is not reversed in full, net, with its cost rounded for show."""
    kinds = {"sessions": (Session,), "top-ups": (DailyTopUp,), "both": (Session, DailyTopUp), "neither": ()}[usage]
    for name in NAMES:
        expected = []
        for event, payment, day, local_month in uses_of(name, *kinds):
            net = Decimal(payment["amount"]) - Decimal(payment["reversed"])
            if local_month == month and net:
                is_session = isinstance(event.activity, Session)
                expected.append(
                    {
                        "date": day,
                        "usage": "session" if is_session else "top-up",
                        "customer_id": event.customer_id,
                        "staff": event.activity.staff,
                        "client": event.activity.client,
                        "program": event.activity.program,
                        "duration_minutes": str(event.activity.minutes) if is_session else "",
                        "credit_type": event.credit_type,
                        "credits": shown(net),
                        "cost": rounded(payment["cost"]),
                        "event_id": event.event_id,
                    }
                )
        expected.sort(key=lambda row: (instant_of(name, row), row["event_id"]))
        assert asked(client, "credit_usage_report", organization=ORGANIZATIONS[name], month=month, usage=usage) == expected


def rounded(cost: str) -> str:
    """Round a cost, written as `GBP 1.234; USD 5`, to 2 digits."""
    parts = (part.split(" ") for part in cost.split("; ") if part)
    return ", ".join(
        f"{currency} {shown(Decimal(amount).quantize(Decimal('0.01'), ROUND_HALF_UP))}" for currency, amount in parts
    )


def instant_of(name: str, row: dict[str, str]) -> int:
    payment = next(
        entry
        for entry in expected_list(name, "allocations")
        if (entry["customer_id"], entry["event_id"]) == (row["customer_id"], row["event_id"])
    )
    return parse_instant(payment["occurred_at"])


@pytest.mark.parametrize(("month_from", "month_to"), RANGES)
@pytest.mark.parametrize("name", NAMES)
def test_invoice_credits(name, month_from, month_to, client):
    """Of each invoice line: the net amount, what credits paid of it, what is due, and which grants paid, in burn order."""
    expected = []
    for event, payment, _, local_month in uses_of(name, LineItem):
        if month_from <= local_month <= month_to:
            net = Decimal(payment["amount"]) - Decimal(payment["reversed"])
            line = event.activity
            expected.append(
                {
                    "customer_id": event.customer_id,
                    "invoice_id": line.invoice_id,
                    "line_id": line.line_id,
                    "kind": line.kind,
                    "item": line.item,
                    "month": local_month,
                    "credit_type": event.credit_type,
                    "amount": shown(net),
                    "credited": shown(net - Decimal(payment["overage"])),
                    "due": payment["overage"],
                    "paid_by": ", ".join(part.split("@")[0] for part in payment["paid_by"].split("; ") if part),
                    "event_id": event.event_id,
                }
            )
    expected.sort(key=lambda row: (row["customer_id"], row["invoice_id"], row["line_id"]))
    organization = ORGANIZATIONS[name]
    assert asked(client, "invoice_credits", organization=organization, month_from=month_from, month_to=month_to) == expected


def test_the_examples_fill_every_view():
    """The expected rows above are not all empty."""
    assert any(entry["credit_type"] == "coins" for entry in expected_list("coworking", "snapshots"))
    assert expected_list("salon", "campaign_usage")
    assert uses_of("care", Session)
    assert uses_of("care", DailyTopUp)
    assert uses_of("cloud", LineItem)
