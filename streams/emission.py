"""Files of events read to be emitted: a line at a time, so that a file of any size fits into memory.

A line says the same as to `credits fold` (docs/ledger.md 1.12), with one difference: an event that does not say when it was
recorded is recorded now (docs/ledger.md 1.4).
"""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from schemas.checks import RECORDING_AHEAD_MAX
from schemas.errors import InvariantViolation, SettingsError
from schemas.events import Event, TimeAdvanced
from schemas.files import read_csv, read_json_lines
from schemas.instants import format_instant
from schemas.records import ReadRecord, Reroute
from schemas.refusals import Reason, Refusal
from streams.files import START_BYTES, RefusedLine, Source, check_text, is_dump, opened, unreadable

STANDARD_INPUT = Path("standard input")


class _Text(NamedTuple):
    """The lines of a file, and the line of its header where it is CSV."""

    lines: Iterator[bytes]
    header: bytes | None


def read_emission(source: Source, file: BufferedReader, *, is_csv: bool, now: int) -> Iterator[Event | RefusedLine]:
    """Give the events of a file in their order, and in their places the lines that are none; `now` in UTC microseconds.

    Raises SettingsError, naming the file, where it is no text, or a dump, or its header cannot be used.
    """
    start = file.peek(START_BYTES)
    check_text(source.path, start)
    if is_dump(start):
        raise SettingsError(
            f"{source.path} is a dump, which is a whole log with a clock of its own; 'credits fold' reads it, and emitted are "
            "JSON lines and CSV"
        )
    try:
        yield from _events(source, _text_of(source, file, is_csv=is_csv), now)
    except SettingsError as error:
        raise SettingsError(f"{source.path}: {error}") from error


def read_emission_file(source: Source, *, now: int) -> Iterator[Event | RefusedLine]:
    """Give the events of a file that is named by its path, as `read_emission` does."""
    with opened(source.path) as file:
        yield from read_emission(source, file, is_csv=source.path.suffix.lower() == ".csv", now=now)


def _text_of(source: Source, file: BufferedReader, *, is_csv: bool) -> _Text:
    lines = _lines(source, file)
    if not is_csv:
        return _Text(lines, None)
    header = next(lines, b"")
    return _Text(itertools.chain([header] if header else [], lines), header)


def _lines(source: Source, file: BufferedReader) -> Iterator[bytes]:
    """Give the lines of a file; they may also end as on old Macs, so that their numbers are those that `credits fold` gives."""
    try:
        for whole in file:
            yield from whole.splitlines(keepends=True)
    except OSError as error:
        raise unreadable(source.path, error) from error


def _events(source: Source, text: _Text, now: int) -> Iterator[Event | RefusedLine]:
    records: Iterable[ReadRecord]
    if text.header is None:
        records = read_json_lines(text.lines)
    else:
        records = read_csv(text.lines, event_type=source.event_type, activity_type=source.activity_type)
    last_number = 0
    for record in records:
        if record.place.offset != last_number:  # a TimeAdvanced is one line, and read as three records
            last_number = record.place.offset
            said = _said(record, text.header, now)
            yield RefusedLine(source.path, last_number, said) if isinstance(said, Refusal) else said


def _said(record: ReadRecord, header: bytes | None, now: int) -> Event | Refusal:
    """Give the event of a record, recorded now where it does not say when, or why it cannot be emitted."""
    event = record.content
    if isinstance(event, Refusal):
        return event
    if isinstance(event, Reroute):
        raise InvariantViolation(f"{record.place} lies in no topic, and is rerouted")
    if isinstance(event, TimeAdvanced):
        return _ahead("as_of", event.as_of, now) or event
    if event.recorded_at == event.occurred_at and not _says_when_recorded(record.raw.value or b"", header):
        return event._replace(recorded_at=now)
    return _ahead("recorded_at", event.recorded_at, now) or event


def _says_when_recorded(line: bytes, header: bytes | None) -> bool:
    """Tell whether a line that is an event has a value for `recorded_at`, which else was read as its `occurred_at`."""
    text = line.decode("utf-8-sig")
    if header is None:
        return json.loads(text).get("recorded_at") is not None
    return bool(next(csv.DictReader([header.decode("utf-8-sig"), text])).get("recorded_at"))


def _ahead(field: str, instant: int, now: int) -> Refusal | None:
    """Refuse a record whose timestamp the brokers would not take."""
    if instant <= now + RECORDING_AHEAD_MAX:
        return None
    return Refusal(Reason.INVALID, field, f"lies more than an hour ahead of now, which is {format_instant(now)}")
