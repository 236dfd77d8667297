"""The files that a command is given, read as one log."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from schemas.catalog import Catalog
from schemas.errors import SettingsError
from schemas.refusals import Reason, Refusal
from streams.cli import options
from streams.cli.dialogue import asked_names
from streams.files import Log, RefusedLine, Source, read_catalog, read_feed, read_log

_CONTRADICTIONS = (Reason.EVENT_CONFLICT, Reason.GRANT_CONFLICT)
"""The refusals whose sentence ends with the place of the record that stands."""

_NAMED_MAX = 20
"""So many refused lines are named; of more only the number is told."""


class AskedLog(NamedTuple):
    """The files as one log, and the instant asked about in UTC microseconds (None: the default)."""

    log: Log
    as_of: int | None


def read_asked_catalog(path: Path) -> Catalog:
    """Read the catalog of a command line; raises SettingsError where it is missing or wrong."""
    if not path.exists():
        raise SettingsError(f"there is no catalog {path}; say with --catalog where it lies")
    return read_catalog(path)


def read_asked_log(paths: Iterable[Path], *, as_of: str | None, event_type: str | None, activity: str | None) -> AskedLog:
    """Read the files of a command line; a `.toml` is a feed, whose own instant counts where none is given.

    Raises SettingsError where a file cannot be read, two feeds name different instants, or there is no event in any file.
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
    log = read_log(sources, registry=asked_names())
    if not log.records:
        raise SettingsError(f"there is no event in {', '.join(str(source.path) for source in sources) or 'no file'}")
    return AskedLog(log, asked)


def name_refusals(log: Log, refusals: Sequence[Mapping[str, Any]]) -> None:
    """Name the refusals of a result on standard error: by file and line where they lie in a file."""
    if log.starts:
        # A TimeAdvanced stands for three records: one line, named once.
        name_refused(list(dict.fromkeys(_refused_line(log, refusal) for refusal in refusals)))


def with_lines(log: Log, refusals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the refusals of a result as people look for them: with file and line in place of the offset in the whole log."""
    if not log.starts:
        return [dict(refusal) for refusal in refusals]
    named = [(refusal, _refused_line(log, refusal)) for refusal in refusals]
    return [
        {**refusal, "offset": f"{line.path.name}, line {line.line}", "detail": line.refusal.detail} for refusal, line in named
    ]


def _refused_line(log: Log, refusal: Mapping[str, Any]) -> RefusedLine:
    path, line = log.name_line(refusal["offset"])
    reason, detail = Reason(refusal["reason"]), refusal["detail"]
    if reason in _CONTRADICTIONS:
        sentence, _, place = detail.rpartition(", at ")
        standing_path, standing_line = log.name_line(int(place.rpartition("/")[2]))
        detail = f"{sentence}, in {standing_path.name}, line {standing_line}"
    return RefusedLine(path, line, Refusal(reason, refusal["field"], detail))


def name_refused(refused: Sequence[RefusedLine]) -> None:
    """Name refused lines on standard error, one a line."""
    for line in refused[:_NAMED_MAX]:
        sys.stderr.write(f"{line}\n")
    if len(refused) > _NAMED_MAX:
        sys.stderr.write(f"... and {len(refused) - _NAMED_MAX} more refused lines\n")
