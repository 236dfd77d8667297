"""Files of events as one log: read from disk here, understood in `schemas.files`.

A feed is a file `feed.toml` that names files in their order, the event type of each CSV file, and the instant to ask about.
"""

import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from schemas.catalog import Catalog, parse_catalog
from schemas.codec import NO_REGISTRY
from schemas.errors import SettingsError
from schemas.files import read_csv, read_dump, read_json_lines
from schemas.instants import parse_instant
from schemas.records import ReadRecord
from schemas.refusals import Refusal

START_BYTES = 1_024
"""A file with a zero byte among so many first ones is no text: a spreadsheet, an archive, UTF-16."""

_KNOWN_IN_A_FEED = ("description", "files", "types", "as_of")


class Source(NamedTuple):
    """One file to be read; `event_type` and `activity_type` say what a CSV file does not say itself (None: it does)."""

    path: Path
    event_type: str | None = None
    activity_type: str | None = None


class RefusedLine(NamedTuple):
    """A line that is no event: where it stands, and why it was refused."""

    path: Path
    line: int
    refusal: Refusal

    def __str__(self) -> str:
        """Name file, line, field and what is wrong."""
        field = f"{self.refusal.field} " if self.refusal.field else ""
        return f"{self.path}, line {self.line}: {self.refusal.reason.value}: {field}{self.refusal.detail}"


class FileStart(NamedTuple):
    """Where the lines of a file begin in a log of several files: so many lines lie before its first."""

    path: Path
    lines_before: int


class Log(NamedTuple):
    """Several files read as one log.

    Offsets count the lines of all files in their order, so that every record has a place of its own; the records of a dump
    keep theirs. `refused` names the lines that are no event by file and line.
    """

    records: list[ReadRecord]
    refused: list[RefusedLine]
    starts: list[FileStart]

    def name_line(self, offset: int) -> tuple[Path, int]:
        """Give the file and the line number, from 1, of a record by its offset in this log."""
        start = next(start for start in reversed(self.starts) if start.lines_before < offset)
        return start.path, offset - start.lines_before


class Feed(NamedTuple):
    """What a `feed.toml` says: its files, and the instant to ask about in UTC microseconds (None: it names none)."""

    description: str
    sources: tuple[Source, ...]
    as_of: int | None


def opened(path: Path) -> BufferedReader:
    """Open a file to read its bytes.

    Raises SettingsError with a sentence that names the file and what is wrong with it.
    """
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise SettingsError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise SettingsError(f"{path} is a folder; a file is wanted") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:  # a zero character, which no path has
        raise SettingsError(f"{str(path)!r} cannot be read: {error}") from error


def unreadable(path: Path, error: OSError) -> SettingsError:
    """Give the error of a file that cannot be read any further."""
    return SettingsError(f"{path} cannot be read: {error.strerror}")


def read_bytes(path: Path) -> bytes:
    """Read a whole file; raises as `opened` does."""
    with opened(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise unreadable(path, error) from error


def read_catalog(path: Path) -> Catalog:
    """Read a catalog file.

    Raises SettingsError with a sentence that names the file and the entry.
    """
    content = read_bytes(path)
    try:
        return parse_catalog(content.decode())
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def read_set_catalog(path: Path) -> Catalog:
    """Read the catalog that CREDITS_CATALOG names; raises SettingsError as `read_catalog` does, and where there is none."""
    if not path.exists():
        raise SettingsError(
            f"there is no catalog {path}; say with CREDITS_CATALOG where it lies (examples/catalog.toml is one)"
        )
    return read_catalog(path)


def read_feed(path: Path) -> Feed:
    """Read a `feed.toml`; its files lie beside it.

    Raises SettingsError with a sentence that names the file and what is wrong with it.
    """
    try:
        content = tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    for entry in content:
        if entry not in _KNOWN_IN_A_FEED:
            raise SettingsError(f"{path} has the unknown entry {entry!r}; known are {', '.join(_KNOWN_IN_A_FEED)}")
    names, types = content.get("files"), content.get("types", {})
    if not _is_list_of_texts(names) or not isinstance(types, dict):
        raise SettingsError(f'{path}: files must be a list such as ["grants.csv"], and types a table from file to event type')
    for name, event_type in types.items():
        _check_type(path, names, name, event_type)
    sources = tuple(Source(path.parent / name, types.get(name)) for name in names)
    return Feed(str(content.get("description", "")), sources, _as_of(path, content))


def _check_type(path: Path, names: Sequence[str], name: str, event_type: Any) -> None:
    if name not in names:
        raise SettingsError(f"{path}: types names {name}, which is not among its files")
    if not isinstance(event_type, str):
        raise SettingsError(f"{path}: the type of {name} is {event_type!r}; it must be an event's name such as CreditGranted")


def _as_of(path: Path, content: Mapping[str, Any]) -> int | None:
    """Read the instant of a feed, which may be a text or an instant of TOML."""
    said = content.get("as_of")
    if said is None:
        return None
    text = said.isoformat() if isinstance(said, datetime) else str(said)
    instant = parse_instant(text)
    if instant is None:
        raise SettingsError(f"{path}: as_of is {text!r}; it must be an instant with an offset, such as 2026-05-15T12:00:00Z")
    return instant


def _is_list_of_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def read_log(sources: Iterable[Source], *, registry: Mapping[int, str] = NO_REGISTRY) -> Log:
    """Read files as one log, in their order; lines that are no events are kept and named.

    `registry` is as in `schemas.codec.decode`, for the records of a dump.

    Raises SettingsError where a file as a whole cannot be read, or where a dump, which is a whole log of its own with
    partitions of its own, is given together with anything else.
    """
    log = Log([], [], [])
    lines_before = 0
    given = list(sources)
    for source in given:
        lines = _lines(source.path)
        if _begins_a_dump(lines) and len(given) > 1:
            raise SettingsError(f"{source.path} is a dump, which is a whole log; it must be given alone")
        try:
            records = list(_read(source, lines, registry))
        except SettingsError as error:
            raise SettingsError(f"{source.path}: {error}") from error
        if not _begins_a_dump(lines):
            log.refused.extend(dict.fromkeys(_refused(source.path, records)))  # a TimeAdvanced stands for three records
            log.starts.append(FileStart(source.path, lines_before))
            records = [_moved(record, by=lines_before) for record in records]
        log.records.extend(records)
        lines_before += len(lines)
    return log


def shuffled(records: Sequence[ReadRecord], *, seed: int) -> list[ReadRecord]:
    """Mix topic partitions anew by a seed; the order within each is kept."""
    queues: dict[tuple[str, int], list[ReadRecord]] = {}
    for record in records:
        queues.setdefault((record.place.topic, record.place.partition), []).append(record)
    turns = [place for place, queue in queues.items() for _ in queue]
    random.Random(seed).shuffle(turns)  # noqa: S311 -- a mixing that can be repeated, no secret
    remaining = {place: iter(queue) for place, queue in queues.items()}
    return [next(remaining[place]) for place in turns]


def _lines(path: Path) -> list[bytes]:
    content = read_bytes(path)
    check_text(path, content)
    return content.splitlines(keepends=True)


def check_text(path: Path, start: bytes) -> None:
    """Raise SettingsError where a file that starts so is no text."""
    if b"\0" in start[:START_BYTES]:
        raise SettingsError(f"{path} is not UTF-8 text; spreadsheets and UTF-16 have to be saved as UTF-8 text first")


def is_dump(start: bytes) -> bool:
    """Tell whether a file that starts so is a raw dump of topics."""
    return start.lstrip().startswith(b'{"credits_dump"')


def _read(source: Source, lines: list[bytes], registry: Mapping[int, str]) -> Iterator[ReadRecord]:
    if source.path.suffix.lower() == ".csv":
        return read_csv(lines, event_type=source.event_type, activity_type=source.activity_type)
    return read_dump(lines, registry=registry) if _begins_a_dump(lines) else read_json_lines(lines)


def _refused(path: Path, records: Iterable[ReadRecord]) -> Iterator[RefusedLine]:
    for record in records:
        if isinstance(record.content, Refusal):
            yield RefusedLine(path, record.place.offset, record.content)


def _begins_a_dump(lines: Sequence[bytes]) -> bool:
    return bool(lines) and is_dump(lines[0])


def _moved(record: ReadRecord, *, by: int) -> ReadRecord:
    """Let a record's offset count the lines of the files before its own as well."""
    place = record.place._replace(offset=record.place.offset + by)
    return record._replace(place=place, first_place=place, raw=record.raw._replace(offset=place.offset))
