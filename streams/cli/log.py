"""The files that a command is given, read as one log."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from schemas.errors import SettingsError
from schemas.records import ReadRecord
from streams.cli import options
from streams.files import RefusedLine, Source, read_feed, read_log

_NAMED_MAX = 20
"""So many refused lines are named; of more only the number is told."""


class AskedLog(NamedTuple):
    """The records of the files, and the instant asked about in UTC microseconds (None: the default)."""

    records: list[ReadRecord]
    as_of: int | None


def read_asked_log(paths: Iterable[Path], *, as_of: str | None, event_type: str | None, activity: str | None) -> AskedLog:
    """Read the files of a command line; a `.toml` is a feed, whose own instant counts where none is given.

    Names refused lines on standard error. Raises SettingsError where a file cannot be read or two feeds disagree.
    """
    sources: list[Source] = []
    instants = set()
    for path in paths:
        if path.suffix.lower() == ".toml":
            feed = read_feed(path)
            sources += feed.sources
            instants.add(feed.as_of)
        else:
            sources.append(Source(path, event_type, activity))
    asked = options.read_instant("--as-of", as_of)
    if asked is None and instants:
        if len(instants) > 1:
            raise SettingsError("the feeds name different instants; say which to ask about with --as-of")
        asked = instants.pop()
    log = read_log(sources)
    name_refused(log.refused)
    return AskedLog(log.records, asked)


def name_refused(refused: list[RefusedLine]) -> None:
    """Name refused lines on standard error, one a line."""
    for line in refused[:_NAMED_MAX]:
        sys.stderr.write(f"{line}\n")
    if len(refused) > _NAMED_MAX:
        sys.stderr.write(f"... and {len(refused) - _NAMED_MAX} more refused lines\n")
