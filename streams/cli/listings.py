"""`credits campaigns`, `conflicts` and `search`: what there is in an organization, out of ClickHouse."""

from enum import StrEnum
from typing import Annotated

import typer

from schemas.checks import check_text
from schemas.errors import SettingsError
from streams.cli import options
from streams.cli.books import opened_books, require_account, require_organization, write_json
from streams.cli.dialogue import say
from streams.cli.tables import CONFLICTS, Shown, console_for_people, figure, print_list, print_table, shown_instant, text
from streams.clickhouse.asking import ask


class CampaignsBy(StrEnum):
    """What the use of campaigns is told apart by."""

    CENTER = "center"
    DATE = "date"


VIEW_OF_CAMPAIGNS_BY = {CampaignsBy.CENTER: "campaign_by_center", CampaignsBy.DATE: "campaign_by_date"}


def campaigns(
    organization: options.ORGANIZATION,
    by: Annotated[CampaignsBy | None, typer.Option(help="Tell centers or days apart. Default: whole campaigns.")] = None,
    day_from: options.FROM_DAY = options.FIRST_DAY,
    day_to: options.TO_DAY = options.LAST_DAY,
    as_json: options.JSON = False,
) -> None:
    """Show campaigns: what each has sent and what that came to, in all, or by center or date over a range of days.

    With --json: a list with the columns of the view campaigns, campaign_by_center or campaign_by_date (docs/views.md).

    Exit status: 0, also where there is none; 1 where the books have nothing of the organization; 2 for wrong use, or where
    ClickHouse does not answer.
    """
    asked = {"organization": options.asked_id("ORGANIZATION", organization)}
    days = options.asked_days(day_from, day_to)
    if by is None and (day_from, day_to) != (options.FIRST_DAY, options.LAST_DAY):
        raise SettingsError("--from and --to cut what is told by center or by date; say which with --by")
    with opened_books() as client:
        view, parameters = ("campaigns", asked) if by is None else (VIEW_OF_CAMPAIGNS_BY[by], {**asked, **days})
        entries = ask(client, view, parameters).entries
        if not entries:
            require_organization(client, asked["organization"])
    if as_json:
        write_json(entries)
    elif entries:
        print_table(console_for_people(), "Campaigns", _CAMPAIGN_COLUMNS[by], entries)
    else:
        say("no campaign")


def conflicts(organization: options.ORGANIZATION, customer: options.ONE_CUSTOMER = None, as_json: options.JSON = False) -> None:
    """Show the accepted events that do not fit the rest of the books, such as a void of a grant that never came.

    With --json: the list `conflicts` of docs/ledger.md 8.3.

    Exit status: 0, also where there is none; 1 where the books have nothing of the organization or customer; 2 for wrong use,
    or where ClickHouse does not answer.
    """
    asked = {
        "organization": options.asked_id("ORGANIZATION", organization),
        "customer": options.asked_id("--customer", customer),
    }
    with opened_books() as client:
        entries = ask(client, "conflicts", asked).entries
        if not entries and customer:
            require_account(client, **asked, credit_type="")
        elif not entries:
            require_organization(client, asked["organization"])
    if as_json:
        write_json(entries)
    elif entries:
        print_list(console_for_people(), CONFLICTS, entries)
    else:
        say("no conflict")


def search(
    organization: options.ORGANIZATION,
    wanted: Annotated[
        str, typer.Argument(help="The beginning of an id, in its letters, or a part of a name, in any.", metavar="TEXT")
    ],
    as_json: options.JSON = False,
) -> None:
    """Find customers, centers, campaigns, grants, invoices, bookings, sessions, devices and consumption; at most 100.

    With --json: a list with the columns of the view search (docs/views.md).

    Exit status: 0, also where nothing is found; 1 where the books have nothing of the organization; 2 for wrong use, or where
    ClickHouse does not answer.
    """
    asked = {"organization": options.asked_id("ORGANIZATION", organization), "text": wanted}
    fault = check_text(wanted)
    if fault:
        raise SettingsError(f"TEXT is {wanted!r}; it {fault}")
    with opened_books() as client:
        entries = ask(client, "search", asked).entries
        if not entries:
            require_organization(client, asked["organization"])
    if as_json:
        write_json(entries)
    elif entries:
        print_table(console_for_people(), "", _FOUND_COLUMNS, entries)
    else:
        say("nothing has an id that begins with it, or a name that contains it")


_DEFINED = (text("campaign", "campaign_id"), text("name", "campaign_name"), text("status", "status"))
_USED = (text("credits", "credit_type"), figure("processed", "processed"), figure("used", "credits"))
_CAMPAIGN_COLUMNS = {
    None: (
        *_DEFINED,
        text("channel", "channel"),
        text("targeted", "targeted"),
        *_USED,
        text("first day", "first_day"),
        text("last day", "last_day"),
    ),
    CampaignsBy.CENTER: (*_DEFINED, text("center", "center_id"), text("", "center_name"), text("channel", "channel"), *_USED),
    CampaignsBy.DATE: (text("day", "day"), *_DEFINED, text("channel", "channel"), *_USED),
}
_FOUND_COLUMNS = (
    text("kind", "kind"),
    text("id", "id"),
    text("customer", "customer_id"),
    text("name", "name"),
    Shown("at", lambda entry: "" if entry["at"] is None else shown_instant(entry["at"])),
)
