"""`credits explain`: which lots paid for a use, why in this order, and what else was valid."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from projections.explanation import explain as explain_rows
from projections.fold import fold_rows
from projections.results import Rows, explanation_facts
from projections.rows import AllocationRow, ConflictRow, LedgerRow, LotRow
from schemas.errors import SettingsError
from schemas.instants import format_instant
from streams.cli import options
from streams.cli.log import read_asked_catalog, read_asked_log
from streams.cli.tables import console_for_people, figure, instant, print_table, text
from streams.files import Log


def explain(
    organization: Annotated[str, typer.Argument(help="The organization's id.", metavar="ORGANIZATION")],
    customer: Annotated[str, typer.Argument(help="The customer's id.", metavar="CUSTOMER")],
    event: Annotated[str, typer.Argument(help="The event_id of the consumption.", metavar="EVENT_ID")],
    events: options.EVENTS,
    catalog: options.CATALOG = options.DEFAULT_CATALOG,
    as_of: options.AS_OF = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="Which one, where an event_id was used again after its time.", metavar="T")
    ] = None,
    event_type: options.EVENT_TYPE = None,
    activity: options.ACTIVITY = None,
    as_json: options.JSON = False,
) -> None:
    """Explain one use of credits: every lot that was valid then, in burn order, what it paid and why it stands there."""
    known = read_asked_catalog(catalog)
    log, asked = read_asked_log(events, as_of=as_of, event_type=event_type, activity=activity)
    folded = fold_rows(log.records, catalog=known, as_of=asked)
    wanted_at = options.read_instant("--occurred-at", occurred_at)
    wanted = (organization, customer, event)
    uses = [
        row
        for row in folded.rows.of(LedgerRow)
        if (row.organization_id, row.customer_id, row.event_id) == wanted and wanted_at in (None, row.occurred_at)
    ]
    if not uses:
        asked_at = "" if wanted_at is None else f" at {format_instant(wanted_at)}"
        hint = _hint(folded.rows, log, wanted)
        raise SettingsError(f"customer {customer} of {organization} has no consumption {event}{asked_at}{hint}")
    if len(uses) > 1:
        instants = ", ".join(format_instant(use.occurred_at) for use in uses)
        raise SettingsError(f"{event} was used more than once, at {instants}; say which with --occurred-at")
    use = uses[0]
    key = use[:4]
    allocation = next(row for row in folded.rows.of(AllocationRow) if row[:4] == key)
    account = (organization, customer, use.credit_type)
    explanation = explain_rows(use, allocation, [row for row in folded.rows.of(LotRow) if row[:3] == account])
    written = explanation_facts(explanation, as_of=folded.as_of)
    if as_json:
        json.dump(written, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    else:
        _print(console_for_people(), written)


def _hint(rows: Rows, log: Log, wanted: tuple[str, str, str]) -> str:
    """Say why a consumption that was looked for may be missing: it has no effect, or its line was refused."""
    for row in rows.of(ConflictRow):
        if (row.organization_id, row.customer_id, row.identity) == wanted:
            return f" that has effect: {row.conflict}, {row.detail}"
    refused = f"; of the lines given, {len(log.refused)} are refused ('credits fold' names them)" if log.refused else ""
    return f" in these events{refused}"


def _print(console: Console, written: dict[str, Any]) -> None:
    console.print(
        f"{written['event_id']}: {written['activity']} of {written['customer_id']} at {written['occurred_at']}, "
        f"{written['net']} {written['credit_type']}"
        + (f" ({written['amount']}, {written['reversed']} taken back)" if written["reversed"] != "0" else "")
        + f": {written['paid']} paid by lots, {written['overage']} overage",
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
