"""`credits grant show`: what a grant promised, its void, its lots, and everything that it paid."""

from collections.abc import Iterator
from typing import Annotated

import typer
from clickhouse_connect.driver.client import Client

from schemas.errors import NotThereError, SettingsError
from streams.cli import options
from streams.cli.accounts import print_lots
from streams.cli.books import as_listed, now, opened_books, require_organization, with_unlimited, write_json
from streams.cli.dialogue import say
from streams.cli.tables import Entry, console_for_people, figure, instant, print_table, printable, shown_instant, text
from streams.clickhouse.asking import ask

grant = typer.Typer(help="Look at one grant: its promise, its lots, and what it paid.", rich_markup_mode=None)


@grant.callback()
def group() -> None:
    """Look at one grant: its promise, its lots, and what it paid."""


@grant.command()
def show(
    organization: options.ORGANIZATION,
    grant_id: Annotated[str, typer.Argument(help="The grant's id.", metavar="GRANT_ID")],
    customer: Annotated[
        str | None,
        typer.Option("--customer", help="Whose, where several customers have a grant of this id.", metavar="CUSTOMER"),
    ] = None,
    as_json: options.JSON = False,
) -> None:
    """Show a grant: what was promised, whether it was voided, its lots as of now, and every consumption that they paid.

    With --json: an object of `grant` (columns of the view grants; its amount may be "unlimited"), `lots` (as in docs/ledger.md
    8.3) and `paid` (columns of the view grant_statement).

    Exit status: 0; 1 where there is no such grant; 2 for wrong use, where several customers have it, or where ClickHouse does
    not answer.
    """
    asked = {
        "organization": options.asked_id("ORGANIZATION", organization),
        "customer": options.asked_id("--customer", customer),
        "grant_id": options.asked_id("GRANT_ID", grant_id),
    }
    with opened_books() as client:
        promise = _promise(client, asked)
        own = {"organization": organization, "customer": promise["customer_id"]}
        lots = ask(client, "account_lots", {**own, "credit_type": promise["credit_type"], "as_of": now()}).entries
        paid = ask(client, "grant_statement", {**own, "grant_id": grant_id}).entries
    lots = with_unlimited(entry for entry in lots if entry["grant_id"] == grant_id)
    if as_json:
        del promise["amount_text"]
        write_json({"grant": promise, "lots": as_listed(lots), "paid": paid})
        return
    for line in _lines_of(promise):
        say(printable(line))
    say("")
    print_lots(lots)
    if paid:
        print_table(console_for_people(), "What it paid", _PAID_COLUMNS, paid)
    else:
        say("it has paid nothing")


def _promise(client: Client, asked: dict[str, str]) -> Entry:
    found = with_unlimited(ask(client, "grants", asked).entries)
    if len(found) > 1:
        customers = ", ".join(entry["customer_id"] for entry in found)
        raise SettingsError(f"{asked['grant_id']} is a grant of several customers: {customers}; say whose with --customer")
    if not found:
        require_organization(client, asked["organization"])
        of_whom = f"customer {asked['customer']}" if asked["customer"] else "no customer"
        has = "has no grant that has effect" if asked["customer"] else "has a grant that has effect"
        raise NotThereError(f"{of_whom} of {asked['organization']} {has} with the id {asked['grant_id']}")
    return found[0]


def _lines_of(promise: Entry) -> Iterator[str]:
    """Write a promise for people: one line each on what, when, for what, at what cost, and its void."""
    name = promise["customer_name"]
    whose = promise["customer_id"] if name == promise["customer_id"] else f"{promise['customer_id']} ({name})"
    how_often = "every month" if promise["cadence"] == "MONTHLY" else "once"
    yield f"{promise['grant_id']}: {promise['name']}, {promise['amount']} {promise['credit_type']} {how_often}, for {whose}"
    by = "" if promise["actor"] is None else f" by {promise['actor']}"
    yield f"made      {shown_instant(promise['occurred_at'])}{by}, event {promise['event_id']}"
    until = "for ever" if promise["expires_at"] is None else f"until {shown_instant(promise['expires_at'])}"
    yield f"valid     from {shown_instant(promise['effective_at'])} {until}"
    yield f"priority  {promise['priority']}"
    yield f"pays for  {_scope(promise)}"
    if promise["unit_cost"] is not None:
        yield f"costs     {promise['currency']} {promise['unit_cost']} a credit"
    if promise["voided_at"] is not None:
        why = "" if promise["void_reason"] is None else f": {promise['void_reason']}"
        yield f"voided    {shown_instant(promise['voided_at'])}, event {promise['void_event_id']}{why}"


def _scope(promise: Entry) -> str:
    selectors = (" ".join(filter(None, (selector["kind"], selector["item"]))) for selector in promise["scope"])
    return ", ".join(selectors) or "everything"


_PAID_COLUMNS = (
    instant("occurred", "occurred_at"),
    text("event", "event_id"),
    text("activity", "activity"),
    figure("net", "net"),
    figure("paid by it", "paid"),
    instant("lot of", "lot_start"),
)
