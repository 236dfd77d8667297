"""The files that a command is given, read as one log."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from schemas.errors import SettingsError
from schemas.refusals import Reason, Refusal
from streams.cli import options
from streams.files import Log, RefusedLine, Source, read_feed, read_log

_NAMED_MAX = 20
"""So many refused lines are named; of more only the number is told."""


class AskedLog(NamedTuple):
    """The files as one log, and the instant asked about in UTC microseconds (None: the default)."""

    log: Log
    as_of: int | None


def read_asked_log(paths: Iterable[Path], *, as_of: str | None, event_type: str | None, activity: str | None) -> AskedLog:
    """Read the files of a command line; a `.toml` is a feed, whose own instant counts where none is given.

    Raises SettingsError where a file cannot be read or two feeds name different instants.
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
    return AskedLog(read_log(sources), asked)


def name_refusals(log: Log, refusals: Sequence[Mapping[str, Any]]) -> None:
    """Name the refusals of a result on standard error: by file and line where they lie in a file."""
    if log.starts:
        name_refused([_refused_line(log, refusal) for refusal in refusals])


def _refused_line(log: Log, refusal: Mapping[str, Any]) -> RefusedLine:
    path, line = log.name_line(refusal["offset"])
    return RefusedLine(path, line, Refusal(Reason(refusal["reason"]), refusal["field"], refusal["detail"]))


def name_refused(refused: Sequence[RefusedLine]) -> None:
    """Name refused lines on standard error, one a line."""
    for line in refused[:_NAMED_MAX]:
        sys.stderr.write(f"{line}\n")
    if len(refused) > _NAMED_MAX:
        sys.stderr.write(f"... and {len(refused) - _NAMED_MAX} more refused lines\n")
