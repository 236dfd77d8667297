"""What each report shows, worked out from the lists of results (docs/ledger.md 8.3) by plain sums.

The lists may be the hand-worked ones of an example or those that a fold came to; every value is text, as
`expected_figures` writes it, and null is `null`.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

Entry = dict[str, str]
NULL = "null"
UNLIMITED = "Unlimited"


class Use(NamedTuple):
    """A consumption: whose and when, the type and the fields of its activity, and the entry of its payment.

    `occurred_at` is in UTC microseconds.
    """

    customer_id: str
    event_id: str
    occurred_at: int
    day: str
    month: str
    credit_type: str
    activity_type: str
    activity: Entry
    payment: Entry

    @property
    def net(self) -> Decimal:
        """What it consumed, net of reversals."""
        return Decimal(self.payment["amount"]) - Decimal(self.payment["reversed"])

    @property
    def costs(self) -> list[tuple[str, Decimal]]:
        """Its cost by currency, written as `GBP 1.234; USD 5`."""
        parts = [part.split(" ") for part in self.payment["cost"].split("; ") if part]
        return [(currency, Decimal(amount)) for currency, amount in parts]


class Lists(NamedTuple):
    """The lists of one organization."""

    snapshots: Sequence[Entry]
    campaign_usage: Sequence[Entry]
    campaigns: Sequence[Entry]
    names: Sequence[Entry]
    uses: Sequence[Use]

    def name(self, kind: str, named_id: str) -> str:
        """Give the name of something, or its id where it has none."""
        return next((entry["name"] for entry in self.names if (entry["kind"], entry["named_id"]) == (kind, named_id)), named_id)

    def definition(self, campaign_id: str) -> Entry | None:
        """Give the definition of a campaign, None where it was never defined."""
        return next((entry for entry in self.campaigns if entry["campaign_id"] == campaign_id), None)


def shown(value: Any) -> str:
    """Write a value of a view, or of these lists."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list):
        return ", ".join(value)
    return NULL if value is None else str(value)


def total(entries: Iterable[Entry], *fields: str) -> str:
    """Add up fields of entries."""
    return shown(sum((Decimal(entry[field]) for entry in entries for field in fields), Decimal(0)))


def credits_by_customer(lists: Lists, *, credit_type: str, month_from: str, month_to: str) -> list[Entry]:
    """Give what `coins_by_customer` and `hourly_credits_by_customer` show."""
    return [
        {
            "customer_id": customer,
            "customer_name": lists.name("CUSTOMER", customer),
            "opening": before[-1]["once_closing"] if before else "0",
            "once_granted": total(within, "once_granted"),
            "monthly_granted": total(within, "monthly_granted"),
            "granted_total": total(within, "once_granted", "monthly_granted"),
            "granted_text": _granted_text(within),
            "once_used": total(within, "once_used"),
            "monthly_used": total(within, "monthly_used"),
            "unlimited_used": total(within, "unlimited_used"),
            "expired": total(within, "once_expired"),
            "unused": total(within, "monthly_unused"),
            "voided": total(within, "once_voided", "monthly_voided"),
            "closing": (before + within)[-1]["once_closing"],
            "overage": total(within, "overage"),
            "consumed": total(within, "consumed"),
            "bookings": total(within, "consumption_count"),
        }
        for (customer, _), before, within in _accounts(lists, [credit_type], month_from=month_from, month_to=month_to)
    ]


def credits_widgets(lists: Lists, *, credit_type: str, month_from: str, month_to: str) -> list[Entry]:
    """Give what `coins_widgets` and `hourly_credits_widgets` show: one row."""
    accounts = _accounts(lists, [credit_type], month_from=month_from, month_to=month_to)
    openings = [before[-1] for _, before, _ in accounts if before]
    closings = [(before + within)[-1] for _, before, within in accounts]
    entries = [entry for _, _, within in accounts for entry in within]
    return [
        {
            "opening": total(openings, "once_closing"),
            "once_granted": total(entries, "once_granted"),
            "monthly_granted": total(entries, "monthly_granted"),
            "granted_total": total(entries, "once_granted", "monthly_granted"),
            "granted_text": _granted_text(entries),
            "used": total(entries, "once_used", "monthly_used"),
            "unlimited_used": total(entries, "unlimited_used"),
            "expired": total(entries, "once_expired"),
            "unused": total(entries, "monthly_unused"),
            "voided": total(entries, "once_voided", "monthly_voided"),
            "closing": total(closings, "once_closing"),
            "overage": total(entries, "overage"),
            "consumed": total(entries, "consumed"),
            "bookings": total(entries, "consumption_count"),
            "customer_count": str(len(accounts)),
            "consuming_count": str(len({entry["customer_id"] for entry in entries if entry["consumption_count"] != "0"})),
            "unlimited_count": str(len({entry["customer_id"] for entry in entries if _is_unlimited(entry)})),
        }
    ]


def promotional_credits(lists: Lists, *, credit_type: str, month_from: str, month_to: str) -> list[Entry]:
    """Give what `promotional_credits` shows."""
    charged = {use.credit_type for use in lists.uses if use.activity_type == "LineItem"}
    types = [credit_type] if credit_type else sorted(charged)
    return [
        {
            "customer_id": customer,
            "customer_name": lists.name("CUSTOMER", customer),
            "credit_type": name,
            "opening": before[-1]["once_closing"] if before else "0",
            "granted": total(within, "once_granted", "monthly_granted"),
            "granted_text": _granted_text(within),
            "used": total(within, "once_used", "monthly_used"),
            "unlimited_used": total(within, "unlimited_used"),
            "expired": total(within, "once_expired"),
            "unused": total(within, "monthly_unused"),
            "voided": total(within, "once_voided", "monthly_voided"),
            "closing": (before + within)[-1]["once_closing"],
            "due": total(within, "overage"),
        }
        for (customer, name), before, within in _accounts(lists, types, month_from=month_from, month_to=month_to)
    ]


def credit_consumption_report(lists: Lists, *, credit_type: str, month_from: str, month_to: str) -> list[Entry]:
    """Give what `credit_consumption_report` shows."""
    found = [
        entry
        for entry in lists.snapshots
        if month_from <= entry["month"] <= month_to
        and credit_type in ("", entry["credit_type"])
        and entry["consumption_count"] != "0"
    ]
    found.sort(key=lambda entry: (entry["customer_id"], entry["credit_type"], entry["month"]))
    costs: dict[tuple[str, str, str], list[Use]] = {}
    for use in lists.uses:
        if use.net:
            costs.setdefault((use.customer_id, use.credit_type, use.month), []).append(use)
    return [
        {
            "customer_id": entry["customer_id"],
            "customer_name": lists.name("CUSTOMER", entry["customer_id"]),
            **{
                field: entry[field]
                for field in (
                    "credit_type",
                    "month",
                    "consumption_count",
                    "consumed",
                    "once_used",
                    "monthly_used",
                    "unlimited_used",
                    "overage",
                )
            },
            "cost": _costs(costs[entry["customer_id"], entry["credit_type"], entry["month"]]),
        }
        for entry in found
    ]


def campaign_by_center(lists: Lists, *, date_from: str, date_to: str) -> list[Entry]:
    """Give what `campaign_by_center` shows."""
    fields = ("campaign_id", "center_id", "channel", "credit_source", "credit_type")
    return [
        {
            **_defined(lists, key["campaign_id"], "campaign_type", "status", "created_from", "targeted"),
            "center_id": key["center_id"],
            "center_name": lists.name("CENTER", key["center_id"]),
            **{field: key[field] for field in ("channel", "credit_source", "credit_type")},
            "processed": total(entries, "processed"),
            "credits": total(entries, "credits"),
        }
        for key, entries in _sends(lists, fields, date_from=date_from, date_to=date_to)
    ]


def campaign_by_date(lists: Lists, *, date_from: str, date_to: str) -> list[Entry]:
    """Give what `campaign_by_date` shows."""
    fields = ("day", "campaign_id", "channel", "credit_source", "credit_type")
    return [
        {
            "day": key["day"],
            **_defined(lists, key["campaign_id"], "campaign_type", "status", "created_from", "targeted"),
            **{field: key[field] for field in ("channel", "credit_source", "credit_type")},
            "processed": total(entries, "processed"),
            "credits": total(entries, "credits"),
        }
        for key, entries in _sends(lists, fields, date_from=date_from, date_to=date_to)
    ]


def campaigns(lists: Lists) -> list[Entry]:
    """Give what `campaigns` shows."""
    rows = []
    sends = _sends(lists, ("campaign_id", "credit_type"), date_from="", date_to="9")
    used = {key["campaign_id"] for key, _ in sends}
    nothing: list[tuple[Entry, list[Entry]]] = [
        ({"campaign_id": entry["campaign_id"], "credit_type": NULL}, [])
        for entry in lists.campaigns
        if entry["campaign_id"] not in used
    ]
    for key, entries in sends + nothing:
        definition = lists.definition(key["campaign_id"])
        creator = (definition["created_from_id"] if definition else "") or NULL
        days = sorted(entry["day"] for entry in entries)
        rows.append(
            {
                **_defined(lists, key["campaign_id"], "campaign_type", "status", "created_from"),
                "created_from_id": creator,
                "created_from_name": lists.name(definition["created_from"], creator) if definition else NULL,
                "targeted": definition["targeted"] if definition else NULL,
                "channel": definition["channel"] if definition else NULL,
                "credit_source": definition["credit_source"] if definition else NULL,
                "credit_type": key["credit_type"],
                "processed": total(entries, "processed"),
                "credits": total(entries, "credits"),
                "first_day": days[0] if days else NULL,
                "last_day": days[-1] if days else NULL,
            }
        )
    return sorted(rows, key=lambda row: (row["campaign_id"], row["credit_type"]))


def credit_usage_report(lists: Lists, *, month: str, usage: str) -> list[Entry]:
    """Give what `credit_usage_report` shows."""
    asked = {"sessions": ("Session",), "top-ups": ("DailyTopUp",), "both": ("Session", "DailyTopUp")}.get(usage, ())
    found = [use for use in lists.uses if use.month == month and use.activity_type in asked and use.net]
    return [
        {
            "date": use.day,
            "usage": "session" if use.activity_type == "Session" else "top-up",
            "customer_id": use.customer_id,
            "customer_name": lists.name("CUSTOMER", use.customer_id),
            **{field: use.activity[field] for field in ("staff", "client", "program")},
            "duration_minutes": use.activity.get("minutes", NULL),
            "credit_type": use.credit_type,
            "credits": shown(use.net),
            "cost": _costs([use]),
            "event_id": use.event_id,
        }
        for use in sorted(found, key=_time_of)
    ]


def invoice_credits(lists: Lists, *, month_from: str, month_to: str) -> list[Entry]:
    """Give what `invoice_credits` shows."""
    lines = [use for use in lists.uses if use.activity_type == "LineItem" and month_from <= use.month <= month_to]
    lines.sort(key=lambda use: (use.customer_id, use.activity["invoice_id"], use.activity["line_id"], *_time_of(use)))
    return [
        {
            "customer_id": use.customer_id,
            "customer_name": lists.name("CUSTOMER", use.customer_id),
            **{field: use.activity[field] for field in ("invoice_id", "line_id", "kind", "item")},
            "month": use.month,
            "credit_type": use.credit_type,
            "amount": shown(use.net),
            "credited": shown(use.net - Decimal(use.payment["overage"])),
            "due": use.payment["overage"],
            "paid_by": ", ".join(part.split("@")[0] for part in use.payment["paid_by"].split("; ") if part),
            "event_id": use.event_id,
        }
        for use in lines
    ]


_Account = tuple[tuple[str, str], list[Entry], list[Entry]]


def _accounts(lists: Lists, credit_types: Sequence[str], *, month_from: str, month_to: str) -> list[_Account]:
    """Give each account with a month up to the end of a range: its customer and type, its months before it and within it."""
    months: dict[tuple[str, str], list[Entry]] = {}
    for entry in sorted(lists.snapshots, key=lambda entry: entry["month"]):
        if entry["credit_type"] in credit_types and entry["month"] <= month_to:
            months.setdefault((entry["customer_id"], entry["credit_type"]), []).append(entry)
    return [
        (
            account,
            [entry for entry in entries if entry["month"] < month_from],
            [entry for entry in entries if entry["month"] >= month_from],
        )
        for account, entries in sorted(months.items())
    ]


def _granted_text(entries: Sequence[Entry]) -> str:
    if any(_is_unlimited(entry) for entry in entries):
        return UNLIMITED
    return total(entries, "once_granted", "monthly_granted")


def _is_unlimited(entry: Entry) -> bool:
    return "true" in (entry["once_unlimited"], entry["monthly_unlimited"])


def _sends(lists: Lists, fields: Sequence[str], *, date_from: str, date_to: str) -> list[tuple[Entry, list[Entry]]]:
    """Give the counters of a range of days by some of their fields, in the order of these."""
    grouped: dict[tuple[str, ...], list[Entry]] = {}
    for entry in lists.campaign_usage:
        if date_from <= entry["day"] <= date_to:
            grouped.setdefault(tuple(entry[field] for field in fields), []).append(entry)
    return [(dict(zip(fields, key, strict=True)), entries) for key, entries in sorted(grouped.items())]


def _defined(lists: Lists, campaign_id: str, *fields: str) -> Entry:
    """Give a campaign with what its definition says of it."""
    definition = lists.definition(campaign_id)
    if definition is None:
        return {"campaign_id": campaign_id, "campaign_name": campaign_id, **dict.fromkeys(fields, NULL)}
    return {
        "campaign_id": campaign_id,
        "campaign_name": definition["name"],
        **{field: definition[field] for field in fields},
    }


def _costs(uses: Iterable[Use]) -> str:
    """Add up the costs of uses by currency, and round each sum to 2 digits."""
    sums: dict[str, Decimal] = {}
    for use in uses:
        for currency, cost in use.costs:
            sums[currency] = sums.get(currency, Decimal(0)) + cost
    rounded = ((currency, cost.quantize(Decimal("0.01"), ROUND_HALF_UP)) for currency, cost in sorted(sums.items()))
    return ", ".join(f"{currency} {shown(cost)}" for currency, cost in rounded)


def _time_of(use: Use) -> tuple[int, str]:
    return use.occurred_at, use.event_id
