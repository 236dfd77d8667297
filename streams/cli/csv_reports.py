"""`credits report`: reports as CSV on standard output, for spreadsheets."""

import csv
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from streams.cli import options
from streams.cli.books import opened_books, require_organization
from streams.cli.listings import VIEW_OF_CAMPAIGNS_BY, CampaignsBy
from streams.clickhouse.asking import Answer, AnswerColumn, ask

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for a formula when a cell begins with it."""

report = typer.Typer(
    help="Write a report as CSV to standard output; columns are those of its view in docs/views.md.", rich_markup_mode=None
)


class Usage(StrEnum):
    """What a usage report lists."""

    SESSIONS = "sessions"
    TOP_UPS = "top-ups"
    BOTH = "both"


@report.callback()
def group() -> None:
    """Write a report as CSV to standard output; columns are those of its view in docs/views.md.

    A text that begins with =, +, - or @ has a ' before it, so that no spreadsheet takes it for a formula.
    """


@report.command(short_help="Sessions and daily top-ups of one month, with their cost.")
def usage(
    organization: options.ORGANIZATION,
    month: Annotated[str, typer.Option(help="The month, such as 2026-03.", metavar="MONTH")],
    kind: Annotated[Usage, typer.Option("--usage", help="What to list.")] = Usage.BOTH,
) -> None:
    """Sessions and daily top-ups of one month: who, for whom, how long, how many credits, at what cost.

    Exit status: 0, also where there is none; 1 where the books have nothing of the organization; 2 for wrong use, or where
    ClickHouse does not answer.
    """
    _write("credit_usage_report", organization, {"month": options.asked_month("--month", month), "usage": kind.value})


@report.command(short_help="What campaigns sent and used, by center or by date.")
def campaigns(
    organization: options.ORGANIZATION,
    by: Annotated[CampaignsBy, typer.Option(help="What to tell apart.")] = CampaignsBy.CENTER,
    day_from: options.FROM_DAY = options.FIRST_DAY,
    day_to: options.TO_DAY = options.LAST_DAY,
) -> None:
    """What campaigns sent and used over a range of days, by center or by date.

    Exit status: 0, also where there is none; 1 where the books have nothing of the organization; 2 for wrong use, or where
    ClickHouse does not answer.
    """
    _write(VIEW_OF_CAMPAIGNS_BY[by], organization, options.asked_days(day_from, day_to))


@report.command(short_help="Coins of each customer over a range of months.")
def coins(
    organization: options.ORGANIZATION,
    month_from: options.FROM_MONTH = options.FIRST_MONTH,
    month_to: options.TO_MONTH = options.LAST_MONTH,
) -> None:
    """Coins of each customer over a range of months: opening, granted, used, expired, closing.

    Exit status: 0, also where there is none; 1 where the books have nothing of the organization; 2 for wrong use, or where
    ClickHouse does not answer.
    """
    _write("coins_by_customer", organization, options.asked_months(month_from, month_to))


@report.command(short_help="Hours of each customer over a range of months.")
def hours(
    organization: options.ORGANIZATION,
    month_from: options.FROM_MONTH = options.FIRST_MONTH,
    month_to: options.TO_MONTH = options.LAST_MONTH,
) -> None:
    """Hours of each customer over a range of months: opening, granted, used, expired, closing.

    Exit status: 0, also where there is none; 1 where the books have nothing of the organization; 2 for wrong use, or where
    ClickHouse does not answer.
    """
    _write("hourly_credits_by_customer", organization, options.asked_months(month_from, month_to))


def _write(view: str, organization: str, parameters: Mapping[str, str]) -> None:
    asked = options.asked_id("ORGANIZATION", organization)
    with opened_books() as client:
        answer = ask(client, view, {"organization": asked, **parameters})
        if not answer.entries:
            require_organization(client, asked)
    write_csv(answer)


def write_csv(answer: Answer) -> None:
    """Write an answer to standard output as CSV: a line of names, then a line an entry, nothing for null."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(column.name for column in answer.columns)
    writer.writerows([_cell(column, entry[column.name]) for column in answer.columns] for entry in answer.entries)


def _cell(column: AnswerColumn, value: Any) -> str:
    cell = "" if value is None else str(value)
    # What an upstream calls a customer must not run in the spreadsheet of whoever opens the report; an amount may be negative.
    return f"'{cell}" if not column.is_figure and cell.startswith(_BEGINS_A_FORMULA) else cell
