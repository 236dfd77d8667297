"""Results as tables for people: the same figures as the JSON form, fewer columns, and nothing computed."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from projections.results import Results
from schemas.amounts import UNLIMITED

Entry = dict[str, Any]

_FILE_WIDTH = 160


class Shown(NamedTuple):
    """One column of a table: its heading and what of an entry stands in it; figures stand to the right."""

    heading: str
    text: Callable[[Entry], str]
    is_figure: bool = False


class ShownList(NamedTuple):
    """One table of the results: its title, the list that it shows, its columns, and which entries are worth a line."""

    title: str
    name: str
    columns: tuple[Shown, ...]
    is_shown: Callable[[Entry], bool] = lambda _: True


def console_for_people() -> Console:
    """Give a console as wide as the terminal, or wide enough for every table where the output goes into a file.

    It prints texts as they are: an id may look like markup, or like the name of an emoji.
    """
    return Console(width=None if sys.stdout.isatty() else _FILE_WIDTH, markup=False, emoji=False)


def print_results(console: Console, results: Results) -> None:
    """Print the tables of each organization, then what was refused, then how much there is of everything."""
    for organization in sorted({entry["organization_id"] for name in _OF_ORGANIZATION for entry in results[name]}):
        console.rule(Text(organization, style="bold"), align="left", style="dim")
        for shown in _LISTS:
            print_list(console, shown, [entry for entry in results[shown.name] if entry["organization_id"] == organization])
    print_list(console, _REFUSALS, results["refusals"])
    counts = ", ".join(f"{len(results[name])} {name.replace('_', ' ')}" for name in (*_OF_ORGANIZATION, "refusals"))
    console.print(f"{counts}; {results['duplicates']} duplicates left out", style="dim", highlight=False)


def print_list(console: Console, shown: ShownList, entries: Sequence[Entry]) -> None:
    """Print one table of results: those of the entries that are worth a line, and nothing where none is."""
    worth = [entry for entry in entries if shown.is_shown(entry)]
    if worth:
        print_table(console, shown.title, shown.columns, worth)


def print_table(console: Console, title: str, columns: Sequence[Shown], entries: Sequence[Entry]) -> None:
    """Print one table; a text that is too long for its column is folded, never cut."""
    table = Table(
        title=printable(title), title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column.heading, justify="right" if column.is_figure else "left", overflow="fold")
    for entry in entries:
        table.add_row(*(printable(column.text(entry)) for column in columns))
    console.print(table)
    console.print()


def printable(written: str) -> str:
    """Write what no terminal should act on, such as an escape character, as Python writes it."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in written)


def text(heading: str, field: str) -> Shown:
    """Make a column that shows a text field; nothing where it is null."""
    return Shown(heading, lambda entry: "" if entry[field] is None else str(entry[field]))


def figure(heading: str, field: str) -> Shown:
    """Make a column that shows an amount; nothing where it is null."""
    return text(heading, field)._replace(is_figure=True)


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


def _available(entry: Entry) -> str:
    return UNLIMITED if entry["unlimited"] else str(entry["available"])


def _next_to_lapse(entry: Entry) -> str:
    if entry["next_expiry"] is None:
        return ""
    return f"{entry['next_expiry_amount']} at {shown_instant(entry['next_expiry'])}"


def _final(entry: Entry) -> str:
    return "final" if entry["final"] else ""


_ACCOUNT = (text("customer", "customer_id"), text("credits", "credit_type"))
_ONCE = ("once_opening", "once_granted", "once_used", "once_expired", "once_voided", "overage")
_MONTHLY = ("monthly_granted", "monthly_used", "monthly_unused", "monthly_voided", "unlimited_used")


def _has_any(*fields: str) -> Callable[[Entry], bool]:
    return lambda entry: any(entry[field] != "0" for field in fields)


BALANCES = ShownList(
    "Balances",
    "balances",
    (
        *_ACCOUNT,
        instant("as of", "as_of"),
        figure("granted", "granted"),
        figure("used", "used"),
        figure("balance", "balance"),
        figure("committed", "committed"),
        Shown("available", _available, is_figure=True),
        figure("restricted", "restricted"),
        figure("overage", "overage"),
        Shown("next to lapse", _next_to_lapse),
    ),
)
_MONTHS_ONCE = ShownList(
    "Months: what was granted once",
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
        figure("overage", "overage"),
        Shown("", _final),
    ),
    _has_any(*_ONCE),
)
_MONTHS_MONTHLY = ShownList(
    "Months: what was granted monthly or without limit",
    "snapshots",
    (
        *_ACCOUNT,
        text("month", "month"),
        figure("granted", "monthly_granted"),
        figure("used", "monthly_used"),
        figure("unused", "monthly_unused"),
        figure("voided", "monthly_voided"),
        figure("unlimited used", "unlimited_used"),
        Shown("", _final),
    ),
    _has_any(*_MONTHLY),
)
MONTHS = (_MONTHS_ONCE, _MONTHS_MONTHLY)
LOTS = ShownList(
    "Lots",
    "lots",
    (
        *_ACCOUNT,
        text("grant", "grant_id"),
        instant("start", "start"),
        instant("end", "end"),
        figure("amount", "amount"),
        figure("used", "used"),
        figure("expired", "expired"),
        figure("unused", "unused"),
        figure("voided", "voided"),
        figure("rest", "rest"),
    ),
)
_ALLOCATIONS = ShownList(
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
)
_CAMPAIGN_USAGE = ShownList(
    "Campaign usage",
    "campaign_usage",
    (
        *_ACCOUNT,
        text("campaign", "campaign_id"),
        text("center", "center_id"),
        text("day", "day"),
        text("channel", "channel"),
        text("source", "credit_source"),
        figure("processed", "processed"),
        figure("used", "credits"),
    ),
)
CONFLICTS = ShownList(
    "Conflicts",
    "conflicts",
    (
        text("customer", "customer_id"),
        instant("occurred", "occurred_at"),
        text("event", "event_id"),
        text("conflict", "conflict"),
        text("detail", "detail"),
    ),
)
_LISTS = (BALANCES, *MONTHS, LOTS, _ALLOCATIONS, _CAMPAIGN_USAGE, CONFLICTS)
_OF_ORGANIZATION = ("balances", "snapshots", "lots", "allocations", "campaign_usage", "conflicts", "campaigns", "names")

_REFUSALS = ShownList(
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
)
