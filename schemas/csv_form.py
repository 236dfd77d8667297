"""Events as rows of a CSV file (docs/ledger.md 1.12).

UTF-8, commas, double quotes, a header. A file holds events of one type, which is given for the whole file or stands in a
column `type`. Columns are named as the fields; those of an activity are `activity.booking_id`, or plain `booking_id` where
the activity's type is given for the whole file. An empty cell is a field that is left out. A scope is written in one cell:
selectors parted by `;`, kind and item by the first `:`, as in `USAGE_METER:gpu-hours;ADDON`; an item that contains `;` goes
into a file of JSON lines.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from schemas.checks import LEAVES
from schemas.errors import DecodeError, SettingsError
from schemas.events import ACTIVITY_TYPES, EVENT_TYPES, CreditConsumed
from schemas.lines import records_of_object, undecodable_line
from schemas.records import ReadRecord

_COUNTS = frozenset({"priority", "targeted", "processed", "minutes"})
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
_BYTE_ORDER_MARK = "\ufeff"
_ACTIVITY = "activity."


class _Row(NamedTuple):
    """One row: its cells, the number of its first line from 1, its bytes, and what makes it no row of CSV, if anything."""

    cells: Sequence[str]
    number: int
    line: bytes
    error: str | None


class _Column(NamedTuple):
    """Which field a column holds: one of the event, or one of its activity."""

    is_of_activity: bool
    field: str


class _Told(NamedTuple):
    """What is given for the whole file, where a row does not say it: the event's type and its activity's type."""

    event_type: str | None
    activity_type: str | None


def read_csv(
    lines: Iterable[bytes], *, event_type: str | None = None, activity_type: str | None = None
) -> Iterator[ReadRecord]:
    """Read a CSV file, given as its lines; each row becomes the records of one event.

    `event_type` and `activity_type` say what a row does not say itself. Offsets are the numbers of the rows' first lines; the
    header's is 1. A row that is no CSV, or has another number of cells than the header, is `undecodable`; blank lines are
    passed over. Holds one row at a time. Raises SettingsError where the file as a whole is at fault: no header, a column that
    no event has or that stands there twice, a type that there is not or that is told nowhere.
    """
    told = _checked(_Told(event_type, activity_type))
    rows = _rows(lines)
    columns = _columns(next(rows, None), told)
    return _records(rows, columns, told)


def _records(rows: Iterator[_Row], columns: Sequence[_Column], told: _Told) -> Iterator[ReadRecord]:
    for row in rows:
        if not row.cells and row.error is None:
            continue
        try:
            fields = _fields(row, columns, told)
        except DecodeError as error:
            yield undecodable_line(error, number=row.number, line=row.line)
        else:
            yield from records_of_object(fields, number=row.number, line=row.line)


def _rows(lines: Iterable[bytes]) -> Iterator[_Row]:
    taken: list[bytes] = []

    def texts() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line.decode("utf-8", "surrogateescape")

    reader = csv.reader(texts(), strict=True)
    number = 1
    while True:
        error = None
        try:
            cells = next(reader, None)
        except csv.Error as broken:
            cells, error = [], f"the row is not CSV: {broken}"
        if cells is None:
            return
        if any(_NOT_UTF_8.search(cell) for cell in cells):
            error = "the row is not UTF-8"
        yield _Row(cells, number, b"".join(taken), error)
        number += len(taken)
        taken.clear()


def _checked(told: _Told) -> _Told:
    """Check what is told; an activity is always that of a CreditConsumed."""
    if told.event_type is not None and told.event_type not in EVENT_TYPES:
        raise SettingsError(f"there is no event of type {told.event_type!r}; there are {', '.join(EVENT_TYPES)}")
    if told.activity_type is None:
        return told
    if told.activity_type not in ACTIVITY_TYPES:
        raise SettingsError(f"there is no activity of type {told.activity_type!r}; there are {', '.join(ACTIVITY_TYPES)}")
    if told.event_type not in (None, CreditConsumed.__name__):
        raise SettingsError(f"a {told.event_type} has no activity; {told.activity_type} was told for it")
    return told._replace(event_type=CreditConsumed.__name__)


def _columns(header: _Row | None, told: _Told) -> list[_Column]:
    if header is not None and header.error is not None:
        raise SettingsError(f"the header cannot be read: {header.error}")
    if header is None or not header.cells:
        raise SettingsError("the file has no header in its first line")
    names = [header.cells[0].removeprefix(_BYTE_ORDER_MARK), *header.cells[1:]]
    if told.event_type is None and "type" not in names:
        raise SettingsError(
            "the type of the events is told nowhere: neither in a column 'type' nor for the whole file "
            "(with --type, or in a feed.toml under [types])"
        )
    known = _known_columns(told)
    for name in names:
        if name not in known:
            raise SettingsError(f"the column {name!r} is unknown; known are {', '.join(known)}")
    columns = [known[name] for name in names]
    for name, column in zip(names, columns, strict=True):
        if columns.count(column) > 1:
            raise SettingsError(f"the column {name!r} stands there twice")
    return columns


def _known_columns(told: _Told) -> dict[str, _Column]:
    event_types = [EVENT_TYPES[told.event_type]] if told.event_type is not None else list(EVENT_TYPES.values())
    fields = ["type", *(field for event_type in event_types for field in LEAVES[event_type] if field != "activity")]
    known = {field: _Column(is_of_activity=False, field=field) for field in fields}
    if CreditConsumed not in event_types:
        return known
    activity_types = [ACTIVITY_TYPES[told.activity_type]] if told.activity_type is not None else list(ACTIVITY_TYPES.values())
    for field in ["type", *(field for activity_type in activity_types for field in LEAVES[activity_type])]:
        known[f"{_ACTIVITY}{field}"] = _Column(is_of_activity=True, field=field)
        if told.activity_type is not None and field != "type":
            known[field] = _Column(is_of_activity=True, field=field)
    return known


def _fields(row: _Row, columns: Sequence[_Column], told: _Told) -> dict[str, object]:
    """Give the JSON object that a row stands for."""
    if row.error is not None:
        raise DecodeError(row.error)
    if len(row.cells) != len(columns):
        raise DecodeError(f"the row has {len(row.cells)} cells, the header {len(columns)}")
    fields: dict[str, object] = {} if told.event_type is None else {"type": told.event_type}
    activity: dict[str, object] = {} if told.activity_type is None else {"type": told.activity_type}
    for column, cell in zip(columns, row.cells, strict=True):
        if cell:
            (activity if column.is_of_activity else fields)[column.field] = _value(column.field, cell)
    return {**fields, "activity": activity} if activity else fields


def _value(field: str, cell: str) -> object:
    if field in _COUNTS and _WHOLE_NUMBER.fullmatch(cell):
        return int(cell)
    return [_selector(text) for text in cell.split(";")] if field == "scope" else cell


def _selector(text: str) -> dict[str, object]:
    kind, colon, item = text.partition(":")
    return {"kind": kind, "item": item} if colon else {"kind": kind}
