"""Options that several commands share, each declared once."""

import re
from pathlib import Path
from typing import Annotated

import typer

from schemas.checks import check_id, check_instant
from schemas.errors import SettingsError
from schemas.instants import format_instant, parse_instant

DEFAULT_CATALOG = Path("catalog.toml")

FILES = Annotated[
    list[Path],
    typer.Argument(help="Events, one log in this order: .jsonl, .csv, a raw dump, or a feed.toml.", metavar="FILE..."),
]
EVENTS = Annotated[
    list[Path],
    typer.Option(help="Events: .jsonl, .csv, a raw dump or a feed.toml; may be given several times.", metavar="FILE"),
]
CATALOG = Annotated[
    Path, typer.Option(help="The catalog: credit types, and organizations' time zones and currencies.", metavar="FILE")
]
AS_OF = Annotated[
    str | None,
    typer.Option(help="The instant to ask about (2026-05-15T12:00:00Z). Default: the last that the events say.", metavar="T"),
]
EVENT_TYPE = Annotated[
    str | None,
    typer.Option("--type", help="The event type of CSV files whose columns fit more than one.", metavar="TYPE"),
]
ACTIVITY = Annotated[
    str | None, typer.Option(help="The activity type of CSV files whose activity columns are plain.", metavar="TYPE")
]
ORGANIZATION = Annotated[str, typer.Argument(help="The organization's id.", metavar="ORGANIZATION")]
CUSTOMER = Annotated[str, typer.Argument(help="The customer's id.", metavar="CUSTOMER")]
ONE_CUSTOMER = Annotated[str | None, typer.Option("--customer", help="Only this customer. Default: all.", metavar="CUSTOMER")]
CREDIT_TYPE = Annotated[
    str | None, typer.Option("--credit-type", help="Only credits of this type, such as coins. Default: all.", metavar="TYPE")
]
ASKED_AT = Annotated[
    str | None,
    typer.Option("--as-of", help="The instant to ask about (2026-05-15T12:00:00Z). Default: now.", metavar="T"),
]
FIRST_MONTH = "1970-01"
LAST_MONTH = "2199-12"
FROM_MONTH = Annotated[
    str, typer.Option("--from", help="The first month, such as 2026-03. Default: the beginning.", metavar="MONTH")
]
TO_MONTH = Annotated[str, typer.Option("--to", help="The last month, which is included. Default: the end.", metavar="MONTH")]
FIRST_DAY = "1970-01-01"
LAST_DAY = "2199-12-31"
FROM_DAY = Annotated[
    str, typer.Option("--from", help="The first day, such as 2026-03-14. Default: the beginning.", metavar="DAY")
]
TO_DAY = Annotated[str, typer.Option("--to", help="The last day, which is included. Default: the end.", metavar="DAY")]
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]

_MONTH = re.compile(r"(?:19[7-9]\d|20\d\d|21\d\d)-(?:0[1-9]|1[0-2])", re.ASCII)


def read_instant(option: str, text: str | None) -> int | None:
    """Read the value of an option into UTC microseconds; None where it was not given.

    Raises SettingsError where it is no instant.
    """
    return None if text is None else _instant(option, text)


def _instant(option: str, text: str) -> int:
    instant = parse_instant(text)
    if instant is None:
        raise SettingsError(f"{option} is {text!r}; it must be an instant with an offset, such as 2026-05-15T12:00:00Z")
    return instant


def asked_instant(option: str, text: str) -> str:
    """Read an instant that the books may be asked about, and write it as views take it.

    Raises SettingsError where it is no instant, or lies before 1970 or after 2199.
    """
    instant = _instant(option, text)
    fault = check_instant(instant)
    if fault:
        raise SettingsError(f"{option} is {text!r}; it {fault}")
    return format_instant(instant)


def asked_month(option: str, text: str) -> str:
    """Read a month such as 2026-03; raises SettingsError where it is none from 1970 up to 2199."""
    if not is_month(text):
        raise SettingsError(f"{option} is {text!r}; it must be a month from 1970-01 to 2199-12, such as 2026-03")
    return text


def asked_day(option: str, text: str) -> str:
    """Read a day such as 2026-03-14; raises SettingsError where it is in no calendar, or not from 1970 up to 2199."""
    if not is_month(text[: len(FIRST_MONTH)]) or parse_instant(f"{text}T00:00:00Z") is None:
        raise SettingsError(f"{option} is {text!r}; it must be a day from 1970-01-01 to 2199-12-31, such as 2026-03-14")
    return text


def asked_months(month_from: str, month_to: str) -> dict[str, str]:
    """Read the range of --from and --to as views take it; raises SettingsError where one is no month, or it has no month."""
    return _range("month", asked_month("--from", month_from), asked_month("--to", month_to))


def asked_days(day_from: str, day_to: str) -> dict[str, str]:
    """Read the range of --from and --to as views take it; raises SettingsError where one is no day, or it has no day."""
    return _range("date", asked_day("--from", day_from), asked_day("--to", day_to))


def _range(unit: str, begin: str, end: str) -> dict[str, str]:
    if end < begin:
        raise SettingsError(f"--to is {end}, which lies before --from, {begin}")
    return {f"{unit}_from": begin, f"{unit}_to": end}


def is_month(text: str) -> bool:
    """Tell whether a text is a month from 1970-01 to 2199-12."""
    return _MONTH.fullmatch(text) is not None


def asked_id(argument: str, text: str | None) -> str:
    """Read an id; '' where none was given, which views take for all. Raises SettingsError for what can be no id."""
    fault = None if text is None else check_id(text)
    if fault:
        raise SettingsError(f"{argument} is {text!r}; an id {fault}")
    return text or ""
