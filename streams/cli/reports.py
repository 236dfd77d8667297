"""The reports of the examples: one view of ClickHouse each, printed as people read it."""

from collections.abc import Mapping
from typing import NamedTuple

from clickhouse_connect.driver.client import Client
from rich.console import Console

from streams.cli.tables import Entry, figure, print_table, text
from streams.clickhouse.asking import ask
from streams.demo.customers import COWORKING

_LARGEST = 5
"""So many entries are shown where the largest are asked for."""


class Report(NamedTuple):
    """A view, the parameters that it is asked with, what people call it, and those of its columns that fit a terminal.

    `largest` is the column, a count, whose largest entries are shown, the largest first; with none, all are, as the view has
    them.
    """

    title: str
    view: str
    parameters: Mapping[str, str]
    columns: tuple[str, ...]
    largest: str | None = None


REPORTS = (
    Report(
        "Coworking: coins of each customer, January to May",
        "coins_by_customer",
        {"organization": "harbor-desks", "month_from": "2026-01", "month_to": "2026-05"},
        (
            "customer_name",
            "once_granted",
            "once_used",
            "expired",
            "voided",
            "closing",
            "monthly_granted",
            "monthly_used",
            "overage",
        ),
    ),
    Report(
        "Salons: what each campaign sent from each center, February to May",
        "campaign_by_center",
        {"organization": "velvet-salons", "date_from": "2026-02-01", "date_to": "2026-05-31"},
        ("campaign_name", "status", "center_name", "channel", "processed", "credits"),
    ),
    Report(
        "Care: sessions and top-ups of March",
        "credit_usage_report",
        {"organization": "brightcare", "month": "2026-03", "usage": "both"},
        ("date", "usage", "staff", "client", "duration_minutes", "credits", "cost"),
    ),
    Report(
        "Cloud: what credits paid of each invoice line, and what is due, March",
        "invoice_credits",
        {"organization": "nimbus-cloud", "month_from": "2026-03", "month_to": "2026-03"},
        ("customer_id", "invoice_id", "kind", "item", "amount", "credited", "due"),
    ),
)


def report_of_feed(*, month_from: str, month_to: str) -> Report:
    """Give the report of the demo feed: the coins of its largest customers over a range of months such as 2026-03."""
    return Report(
        f"Demo feed: coins of the customers with most bookings, {month_from} to {month_to}",
        "coins_by_customer",
        {"organization": COWORKING, "month_from": month_from, "month_to": month_to},
        (
            "customer_name",
            "bookings",
            "once_granted",
            "once_used",
            "expired",
            "voided",
            "closing",
            "monthly_granted",
            "monthly_used",
            "overage",
        ),
        largest="bookings",
    )


def print_report(console: Console, client: Client, report: Report) -> None:
    """Ask a view and print its rows."""
    answer = ask(client, report.view, report.parameters)
    if not answer.entries:
        console.print(f"{report.title}: nothing yet\n", style="bold")
        return
    figures = {column.name for column in answer.columns if column.is_figure}
    columns = [
        figure(name.replace("_", " "), name) if name in figures else text(name.replace("_", " "), name)
        for name in report.columns
    ]
    print_table(console, report.title, columns, _shown(report, answer.entries))


def _shown(report: Report, entries: list[Entry]) -> list[Entry]:
    largest = report.largest
    if largest is None:
        return entries
    return sorted(entries, key=lambda entry: -int(entry[largest]))[:_LARGEST]
