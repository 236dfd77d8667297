"""`credits balance`, `snapshots`, `lots` and `statement`: what accounts have, had and did, out of ClickHouse."""

from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from schemas.errors import SettingsError
from schemas.instants import parse_instant
from streams.cli import options
from streams.cli.books import as_listed, now, opened_books, require_account, with_unlimited, write_json
from streams.cli.dialogue import say
from streams.cli.tables import (
    BALANCES,
    LOTS,
    MONTHS,
    Entry,
    Shown,
    console_for_people,
    figure,
    instant,
    print_list,
    print_table,
    text,
)
from streams.clickhouse.asking import ask

_BOUND_FROM = Annotated[
    str | None,
    typer.Option("--from", help="The first instant, or a month such as 2026-03. Default: the beginning.", metavar="T|MONTH"),
]
_BOUND_TO = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="The instant before which it ends, or the last month, which is included. Default: the end.",
        metavar="T|MONTH",
    ),
]


def balance(
    organization: options.ORGANIZATION,
    customer: options.CUSTOMER,
    credit_type: options.CREDIT_TYPE = None,
    as_of: options.ASKED_AT = None,
    as_json: options.JSON = False,
) -> None:
    """Show what a customer has, now or at another instant: granted, used, available, and what lapses next.

    With --json: the list `balances` of docs/ledger.md 8.3; an account that is being derived anew also has "deriving": true.

    Exit status: 0; 1 where there is no such account; 2 for wrong use, or where ClickHouse does not answer.
    """
    asked = _account(organization, customer, credit_type)
    parameters = {**asked, "as_of": now() if as_of is None else options.asked_instant("--as-of", as_of)}
    with opened_books() as client:
        entries = ask(client, "account_balances", parameters).entries
        if not entries:
            require_account(client, **asked)
            entries = ask(client, "account_balances", parameters).entries  # it has come in the meantime
    if as_json:
        write_json(as_listed(entries))
        return
    print_table(console_for_people(), f"Balances of {entries[0]['customer_name']}", _BALANCE_COLUMNS, entries)
    if any(entry["deriving"] for entry in entries):
        say("deriving: being derived anew after a late event; the figures are those of before ('credits wait' waits for it)")


def snapshots(
    organization: options.ORGANIZATION,
    customer: options.ONE_CUSTOMER = None,
    credit_type: options.CREDIT_TYPE = None,
    month_from: options.FROM_MONTH = options.FIRST_MONTH,
    month_to: options.TO_MONTH = options.LAST_MONTH,
    as_json: options.JSON = False,
) -> None:
    """Show the months of accounts: what was granted, used, expired and left over in each.

    With --json: the list `snapshots` of docs/ledger.md 8.3.

    Exit status: 0, also where no month is in the range; 1 where there is no such account; 2 for wrong use, or where ClickHouse
    does not answer.
    """
    asked = _account(organization, customer, credit_type)
    months = options.asked_months(month_from, month_to)
    with opened_books() as client:
        entries = ask(client, "account_snapshots", {**asked, **months}).entries
        if not entries:
            require_account(client, **asked)
    if as_json:
        write_json(as_listed(entries))
    else:
        _print_months(entries, nothing=f"no month from {month_from} to {month_to}")


def lots(
    organization: options.ORGANIZATION,
    customer: options.CUSTOMER,
    credit_type: options.CREDIT_TYPE = None,
    as_of: options.ASKED_AT = None,
    as_json: options.JSON = False,
) -> None:
    """Show the lots of a customer: what each grant gave in each interval, and what became of it.

    With --json: the list `lots` of docs/ledger.md 8.3.

    Exit status: 0; 1 where there is no such account; 2 for wrong use, or where ClickHouse does not answer.
    """
    asked = _account(organization, customer, credit_type)
    parameters = {**asked, "as_of": now() if as_of is None else options.asked_instant("--as-of", as_of)}
    with opened_books() as client:
        entries = with_unlimited(ask(client, "account_lots", parameters).entries)
        if not entries:
            require_account(client, **asked)
    if as_json:
        write_json(as_listed(entries))
    else:
        print_lots(entries)


def statement(
    organization: options.ORGANIZATION,
    customer: options.CUSTOMER,
    credit_type: Annotated[str, typer.Argument(help="The credit type, such as coins.", metavar="CREDIT_TYPE")],
    begin: _BOUND_FROM = None,
    end: _BOUND_TO = None,
    as_json: options.JSON = False,
) -> None:
    """Show an account's movements: each lot's start, each consumption and each lot's end, with the balance after it.

    Months are those of the organization's time zone. The balance runs from the beginning, also where only a part is shown.

    With --json: a list with the columns of the view account_statement (docs/views.md).

    Exit status: 0, also where nothing moved; 1 where there is no such account; 2 for wrong use, or where ClickHouse does not
    answer.
    """
    asked = _account(organization, customer, credit_type)
    with opened_books() as client:
        bounds = {
            "from": _bound(client, "--from", begin, organization=organization, of_month="month_start"),
            "to": _bound(client, "--to", end, organization=organization, of_month="month_end"),
        }
        _require_order(begin, end, bounds)
        entries = ask(client, "account_statement", {**asked, **bounds}).entries
        if not entries:
            require_account(client, **asked)
    if as_json:
        write_json(entries)
    elif entries:
        print_table(console_for_people(), f"{credit_type} of {customer}", _STATEMENT_COLUMNS, entries)
    else:
        say("nothing moved")


def _account(organization: str, customer: str | None, credit_type: str | None) -> dict[str, str]:
    """Give the parameters that say which accounts; raises SettingsError for what can be no id."""
    return {
        "organization": options.asked_id("ORGANIZATION", organization),
        "customer": options.asked_id("CUSTOMER", customer),
        "credit_type": options.asked_id("the credit type", credit_type),
    }


def _bound(client: Client, option: str, given: str | None, *, organization: str, of_month: str) -> str:
    """Give a bound as the view takes it; that of a month is looked up, since no command computes a zone."""
    if given is None:
        return ""
    if not options.is_month(given):
        return _instant_bound(option, given)
    found = ask(client, "months", {"organization": organization, "month_from": given, "month_to": given}).entries
    if not found:
        raise SettingsError(f"{option} is {given}, and ClickHouse knows no months ('credits migrate' writes them)")
    bound: str = found[0][of_month]
    return bound


def _require_order(begin: str | None, end: str | None, bounds: dict[str, str]) -> None:
    """Raise SettingsError for a stretch of time that ends before it begins."""
    first, last = parse_instant(bounds["from"]), parse_instant(bounds["to"])
    if first is not None and last is not None and last < first:
        raise SettingsError(f"--to is {end}, which lies before --from, {begin}")


def _instant_bound(option: str, given: str) -> str:
    try:
        return options.asked_instant(option, given)
    except SettingsError as error:
        raise SettingsError(f"{error}, or a month such as 2026-03") from error


def _print_months(entries: list[Entry], *, nothing: str) -> None:
    shown = [table for table in MONTHS if any(table.is_shown(entry) for entry in entries)]
    for table in shown:
        print_list(console_for_people(), table, entries)
    if not shown:
        months = ", ".join(sorted({entry["month"] for entry in entries}))
        say(f"nothing moved in {months}" if entries else nothing)


def print_lots(entries: list[Entry]) -> None:
    """Print lots of the view account_lots, or say that there is none."""
    if entries:
        print_table(console_for_people(), LOTS.title, _LOT_COLUMNS, entries)
    else:
        say("no lot")


_BALANCE_COLUMNS = (*BALANCES.columns, Shown("", lambda entry: "deriving" if entry["deriving"] else ""))
_LOT_COLUMNS = (*LOTS.columns, text("status", "status"), text("name", "grant_name"))
_STATEMENT_COLUMNS = (
    instant("at", "at"),
    text("what", "line"),
    Shown("grant or event", lambda entry: entry["grant_id"] or entry["event_id"]),
    text("name", "name"),
    Shown("amount", lambda entry: "unlimited" if entry["unlimited"] else str(entry["amount"]), is_figure=True),
    figure("paid without limit", "unlimited_used"),
    figure("overage", "overage"),
    figure("balance", "balance"),
)
