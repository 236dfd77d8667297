"""`credits explain`: which lots paid for a use, why in this order, and what else was valid."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console

from projections.explanation import Explanation
from projections.explanation import explain as explain_rows
from projections.fold import fold_rows
from projections.results import Rows, explanation_facts
from projections.rows import AllocationRow, ConflictRow, LedgerRow, LotRow
from schemas.errors import NotThereError, SettingsError
from schemas.instants import format_instant
from streams.cli import options
from streams.cli.books import opened_books, require_account, write_json
from streams.cli.log import read_asked_catalog, read_asked_log
from streams.cli.tables import console_for_people, figure, instant, print_table, printable, text
from streams.clickhouse.asking import ask
from streams.clickhouse.payments import explanations_of
from streams.files import Log

EVENTS = Annotated[
    list[Path] | None,
    typer.Option(
        help="Events: .jsonl, .csv, a raw dump or a feed.toml; may be given several times. Default: ask ClickHouse.",
        metavar="FILE",
    ),
]


class _Wanted(NamedTuple):
    """The consumption that is asked about; `at` is its instant in UTC microseconds, or None for any."""

    organization: str
    customer: str
    event: str
    at: int | None

    def missing(self) -> str:
        """Say that there is none."""
        at = "" if self.at is None else f" at {format_instant(self.at)}"
        return f"customer {self.customer} of {self.organization} has no consumption {self.event}{at}"


def explain(
    organization: options.ORGANIZATION,
    customer: options.CUSTOMER,
    event: Annotated[str, typer.Argument(help="The event_id of the consumption.", metavar="EVENT_ID")],
    events: EVENTS = None,
    catalog: options.CATALOG = options.DEFAULT_CATALOG,
    as_of: options.AS_OF = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="Which one, where an event_id was used again after its time.", metavar="T")
    ] = None,
    event_type: options.EVENT_TYPE = None,
    activity: options.ACTIVITY = None,
    as_json: options.JSON = False,
) -> None:
    """Explain one use of credits: every lot that was valid then, in burn order, what it paid and why it stands there.

    ClickHouse is asked, unless --events names files to fold; --catalog, --as-of, --type and --activity are for files.

    Exit status: 0; 1 where there is no such consumption; 2 for wrong use, where there are several, or where ClickHouse does not
    answer.
    """
    wanted = _Wanted(organization, customer, event, options.read_instant("--occurred-at", occurred_at))
    if events:
        folded_catalog = read_asked_catalog(catalog)
        log, asked = read_asked_log(events, as_of=as_of, event_type=event_type, activity=activity)
        found = _explain_files(wanted, log, fold_rows(log.records, catalog=folded_catalog, as_of=asked).rows)
    else:
        _refuse_options_of_files({"--as-of": as_of, "--type": event_type, "--activity": activity})
        found = _explain_books(wanted)
    if len(found) > 1:
        instants = ", ".join(format_instant(one.consumption.occurred_at) for one in found)
        raise SettingsError(f"{event} was used more than once, at {instants}; say which with --occurred-at")
    written = explanation_facts(found[0], as_of=found[0].consumption.occurred_at)
    if as_json:
        write_json(written)
    else:
        _print(console_for_people(), written)


def _refuse_options_of_files(given: Mapping[str, str | None]) -> None:
    for option, value in given.items():
        if value is not None:
            raise SettingsError(f"{option} is for files, which --events names; without them ClickHouse is asked")


def _explain_files(wanted: _Wanted, log: Log, rows: Rows) -> list[Explanation]:
    """Explain what is wanted out of folded files, in order of time; raises NotThereError where it is not among them."""
    uses = [
        row
        for row in rows.of(LedgerRow)
        if (row.organization_id, row.customer_id, row.event_id) == wanted[:3] and wanted.at in (None, row.occurred_at)
    ]
    if not uses:
        conflicts = (
            (row.conflict, row.detail)
            for row in rows.of(ConflictRow)
            if (row.organization_id, row.customer_id, row.identity) == wanted[:3]
        )
        refused = f"; of the lines given, {len(log.refused)} are refused ('credits fold' names them)" if log.refused else ""
        raise NotThereError(f"{wanted.missing()}{_without_effect(conflicts) or f' in these events{refused}'}")
    allocations = {row[:4]: row for row in rows.of(AllocationRow)}
    return [
        explain_rows(use, allocations[use[:4]], [row for row in rows.of(LotRow) if row[:3] == _account(use)]) for use in uses
    ]


def _account(use: LedgerRow) -> tuple[str, str, str]:
    return use.organization_id, use.customer_id, use.credit_type


def _explain_books(wanted: _Wanted) -> list[Explanation]:
    """Explain what is wanted out of ClickHouse, in order of time; raises NotThereError where it is not there."""
    who = {
        "organization": options.asked_id("ORGANIZATION", wanted.organization),
        "customer": options.asked_id("CUSTOMER", wanted.customer),
    }
    options.asked_id("EVENT_ID", wanted.event)
    with opened_books() as client:
        found = explanations_of(client, **who, event_id=wanted.event, occurred_at=wanted.at)
        if not found:
            entries = ask(client, "conflicts", who).entries
            conflicts = ((one["conflict"], one["detail"]) for one in entries if one["event_id"] == wanted.event)
            without_effect = _without_effect(conflicts)
            if not without_effect:
                require_account(client, **who, credit_type="")
            raise NotThereError(f"{wanted.missing()}{without_effect}")
    return found


def _without_effect(conflicts: Iterable[tuple[str, str]]) -> str:
    """Say why an event that is known is no consumption that was paid: it has no effect; '' where no conflict tells of it."""
    return next((f" that has effect: {conflict}, {detail}" for conflict, detail in conflicts), "")


def _print(console: Console, written: dict[str, Any]) -> None:
    console.print(
        printable(
            f"{written['event_id']}: {written['activity']} of {written['customer_id']} at {written['occurred_at']}, "
            f"{written['net']} {written['credit_type']}"
            + (f" ({written['amount']}, {written['reversed']} taken back)" if written["reversed"] != "0" else "")
            + f": {written['paid']} paid by lots, {written['overage']} overage"
        ),
        highlight=False,
    )
    if not written["lots"]:
        console.print("no lot was valid at that instant", highlight=False)
        return
    columns = (
        text("grant", "grant_id"),
        instant("start", "start"),
        instant("end", "end"),
        figure("amount", "amount"),
        text("part", "part"),
        figure("paid", "paid"),
        text("because it", "because"),
    )
    print_table(console, "Lots valid then, in burn order", columns, written["lots"])
