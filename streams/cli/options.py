"""Options that several commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import SettingsError
from schemas.instants import parse_instant

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
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


def read_instant(option: str, text: str | None) -> int | None:
    """Read the value of an option into UTC microseconds; None where it was not given.

    Raises SettingsError where it is no instant.
    """
    if text is None:
        return None
    instant = parse_instant(text)
    if instant is None:
        raise SettingsError(f"{option} is {text!r}; it must be an instant with an offset, such as 2026-05-15T12:00:00Z")
    return instant
