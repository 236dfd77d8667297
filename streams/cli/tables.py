"""Results as tables for people: the same figures as the JSON form, fewer columns, and nothing computed."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from projections.results import Results
from schemas.amounts import UNLIMITED

Entry = dict[str, Any]


class Shown(NamedTuple):
    """One column of a table: its heading and what of an entry stands in it; figures stand to the right."""

    heading: str
    text: Callable[[Entry], str]
    is_figure: bool = False


def print_results(console: Console, results: Results) -> None:
    """Print every list that has entries, the balances first, and say what was refused."""
    for title, name, columns in _LISTS:
        entries = results[name]
        if entries:
            print_table(console, title, columns, entries)
    counts = ", ".join(f"{len(results[name])} {title.lower()}" for title, name, _ in _LISTS)
    console.print(f"{counts}; {results['duplicates']} duplicates left out", style="dim", highlight=False)


def print_table(console: Console, title: str, columns: Sequence[Shown], entries: Sequence[Entry]) -> None:
    """Print one table; a text that is too long for its column is folded, never cut."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.is_figure else "left", overflow="fold")
    for entry in entries:
        table.add_row(*(column.text(entry) for column in columns))
    console.print(table)
    console.print()


def text(heading: str, field: str) -> Shown:
    """Make a column that shows a text field; nothing where it is null."""
    return Shown(heading, lambda entry: "" if entry[field] is None else str(entry[field]))


def figure(heading: str, *fields: str) -> Shown:
    """Make a column that shows an amount; of several fields, the amounts joined by a slash."""
    return Shown(heading, lambda entry: " / ".join(str(entry[field]) for field in fields), is_figure=True)


def instant(heading: str, field: str) -> Shown:
    """Make a column that shows an instant to the second, or `never` where there is none."""
    return Shown(heading, lambda entry: "never" if entry[field] is None else shown_instant(entry[field]))


def shown_instant(written: str) -> str:
    """Write an RFC 3339 instant for people: midnight as the date alone."""
    day, _, time = written.rstrip("Z").partition("T")
    return day if time == "00:00:00" else f"{day} {time}"


def _payers(entry: Entry) -> str:
    return ", ".join(f"{part['amount']} by {part['grant_id']}" for part in entry["paid_by"])


def _costs(entry: Entry) -> str:
    return ", ".join(f"{currency} {cost}" for currency, cost in entry["cost"].items())


def _unlimited_or(field: str) -> Callable[[Entry], str]:
    return lambda entry: UNLIMITED if entry["unlimited"] else entry[field]


def _final(entry: Entry) -> str:
    return "final" if entry["final"] else ""


_ACCOUNT = (text("organization", "organization_id"), text("customer", "customer_id"), text("credits", "credit_type"))

_LISTS: tuple[tuple[str, str, tuple[Shown, ...]], ...] = (
    (
        "Balances",
        "balances",
        (
            *_ACCOUNT,
            instant("as of", "as_of"),
            figure("granted", "granted"),
            figure("used", "used"),
            figure("balance", "balance"),
            figure("committed", "committed"),
            Shown("available", _unlimited_or("available"), is_figure=True),
            figure("restricted", "restricted"),
            figure("overage", "overage"),
            Shown(
                "next to lapse",
                lambda entry: (
                    f"{entry['next_expiry_amount']} at {shown_instant(entry['next_expiry'])}" if entry["next_expiry"] else ""
                ),
            ),
        ),
    ),
    (
        "Months",
        "snapshots",
        (
            *_ACCOUNT,
            text("month", "month"),
            figure("opening", "once_opening"),
            figure("granted", "once_granted"),
            figure("used", "once_used"),
            figure("expired", "once_expired"),
            figure("voided", "once_voided"),
            figure("closing", "once_closing"),
            figure(
                "monthly granted / used / unused / voided",
                "monthly_granted",
                "monthly_used",
                "monthly_unused",
                "monthly_voided",
            ),
            figure("unlimited", "unlimited_used"),
            figure("overage", "overage"),
            Shown("", _final),
        ),
    ),
    (
        "Lots",
        "lots",
        (
            *_ACCOUNT,
            text("grant", "grant_id"),
            instant("start", "start"),
            instant("end", "end"),
            figure("amount", "amount"),
            figure("used", "used"),
            figure("expired / unused / voided", "expired", "unused", "voided"),
            figure("rest", "rest"),
        ),
    ),
    (
        "Allocations",
        "allocations",
        (
            *_ACCOUNT,
            instant("occurred", "occurred_at"),
            text("event", "event_id"),
            figure("amount", "amount"),
            figure("reversed", "reversed"),
            Shown("paid", _payers),
            figure("overage", "overage"),
            Shown("cost", _costs),
        ),
    ),
    (
        "Campaign usage",
        "campaign_usage",
        (
            text("organization", "organization_id"),
            text("customer", "customer_id"),
            text("credits", "credit_type"),
            text("campaign", "campaign_id"),
            text("center", "center_id"),
            text("day", "day"),
            text("channel", "channel"),
            text("source", "credit_source"),
            figure("processed", "processed"),
            figure("credits used", "credits"),
        ),
    ),
    (
        "Conflicts",
        "conflicts",
        (
            text("organization", "organization_id"),
            text("customer", "customer_id"),
            instant("occurred", "occurred_at"),
            text("event", "event_id"),
            text("conflict", "conflict"),
            text("detail", "detail"),
        ),
    ),
    (
        "Refusals",
        "refusals",
        (
            text("topic", "topic"),
            text("partition", "partition"),
            text("offset or line", "offset"),
            text("reason", "reason"),
            text("field", "field"),
            text("detail", "detail"),
        ),
    ),
)
