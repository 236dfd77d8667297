"""The reports of the examples: one view of ClickHouse each, printed as people read it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from projections.statements import VIEWS_DATABASE


class Report(NamedTuple):
    """A view, the parameters that it is asked with, what people call it, and those of its columns that fit a terminal."""

    title: str
    view: str
    parameters: Mapping[str, str]
    columns: tuple[str, ...]


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


def print_report(console: Console, client: Client, report: Report) -> None:
    """Ask a view and print its rows."""
    arguments = ", ".join(f"{name}={{{name}:String}}" for name in report.parameters)
    statement = f"SELECT {', '.join(report.columns)} FROM {VIEWS_DATABASE}.{report.view}({arguments})"  # noqa: S608 -- names of ours, values are bound
    found = client.query(statement, parameters=dict(report.parameters))
    if not found.result_rows:
        console.print(f"{report.title}: nothing yet\n", style="bold")
        return
    table = Table(title=report.title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    figures = [
        any(isinstance(row[index], Decimal | int) for row in found.result_rows) for index in range(len(found.column_names))
    ]
    for name, is_figure in zip(found.column_names, figures, strict=True):
        table.add_column(name.replace("_", " "), justify="right" if is_figure else "left", overflow="fold")
    for row in found.result_rows:
        table.add_row(*(shown(value) for value in row))
    console.print(table)
    console.print()


def shown(value: Any) -> str:
    """Write a value for people: amounts without needless zeros, nothing for null."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value.normalize():f}"
        case datetime():
            return value.isoformat(sep=" ")
        case list() | tuple():
            return ", ".join(shown(part) for part in value)
        case _:
            return str(value)
