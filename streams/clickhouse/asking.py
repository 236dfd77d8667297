"""Asking the views: the one way in which commands read the books (docs/views.md).

What a view gives comes back in the form of docs/ledger.md 8.2: amounts as the shortest decimal strings, instants with `Z`,
null for nothing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult

from projections.described_views import described_views
from projections.statements import VIEWS_DATABASE
from schemas.errors import SettingsError
from schemas.instants import format_instant, from_datetime
from streams.clickhouse.troubles import RefusedError, telling_trouble

Entry = dict[str, Any]
"""One row of a view by the names of its columns."""

_NUMBER = re.compile(r"(?:Nullable\()?(?:Decimal|U?Int)[(\d]")

_NOT_OF_THIS_RELEASE = {
    46: "UNKNOWN_FUNCTION",
    47: "UNKNOWN_IDENTIFIER",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    456: "UNKNOWN_QUERY_PARAMETER",
}
"""Codes that say that a view is missing, or is that of another release."""


class AnswerColumn(NamedTuple):
    """A column of an answer, and whether it holds amounts or counts."""

    name: str
    is_figure: bool


class Answer(NamedTuple):
    """What a view gave: its columns in their order, and an entry for each row."""

    columns: tuple[AnswerColumn, ...]
    entries: list[Entry]


def ask(client: Client, view: str, parameters: Mapping[str, str]) -> Answer:
    """Ask a view of this release with its parameters; what it gives is in the order of the view.

    Raises SettingsError where the view is missing or that of another release, and TransientError where ClickHouse does not
    answer.
    """
    found = _query(client, view, parameters, _columns(view))
    columns = (
        AnswerColumn(name, _NUMBER.match(kind.name) is not None)
        for name, kind in zip(found.column_names, found.column_types, strict=True)
    )
    return Answer(tuple(columns), [written(row) for row in found.named_results()])


def ask_values(client: Client, view: str, parameters: Mapping[str, str]) -> list[Entry]:
    """Ask a view like `ask`, but for its values as the driver reads them, of which rows of the books can be made."""
    return list(_query(client, view, parameters, _columns(view)).named_results())


def has_any(client: Client, view: str, parameters: Mapping[str, str]) -> bool:
    """Tell whether a view has any row; raises like `ask`."""
    return bool(_query(client, view, parameters, "1", ending="LIMIT 1").result_rows)


def written(value: Any) -> Any:
    """Write a value as docs/ledger.md 8.2 does; what holds values is written part by part."""
    match value:
        case Decimal():
            return _shortest(value)
        case datetime():
            return format_instant(from_datetime(value))
        case Mapping():
            return {name: written(part) for name, part in value.items()}
        case Sequence() if not isinstance(value, str):
            return [written(part) for part in value]
        case _:
            return value


def _shortest(amount: Decimal) -> str:
    text = f"{amount:f}"
    text = text.rstrip("0").removesuffix(".") if "." in text else text
    return "0" if text == "-0" else text


@cache
def _names_of_columns() -> dict[str, tuple[str, ...]]:
    return {view.name: tuple(column.name for column in view.columns) for view in described_views()}


def _columns(view: str) -> str:
    """Name the columns that this release knows of a view, so that one of another release is found out."""
    return ", ".join(f"`{name}`" for name in _names_of_columns()[view])


def _query(client: Client, view: str, parameters: Mapping[str, str], wanted: str, *, ending: str = "") -> QueryResult:
    arguments = ", ".join(f"`{name}` = {{{name}:String}}" for name in parameters)
    statement = f"SELECT {wanted} FROM {VIEWS_DATABASE}.{view}({arguments}) {ending}"  # noqa: S608 -- names of ours, values are bound
    try:
        with telling_trouble(f"answer {view}"):
            return client.query(statement, parameters=dict(parameters))
    except RefusedError as error:
        if error.code in _NOT_OF_THIS_RELEASE:
            raise SettingsError(
                f"the view {view} is missing in ClickHouse, or is that of another release ('credits migrate' makes it): "
                f"{error.words}"
            ) from error
        raise
