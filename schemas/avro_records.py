"""Events as the plain records that the Avro library takes and gives, and back (docs/ledger.md 1.4).

A record is a dict by field name with instants as whole microseconds and amounts as the bytes of a decimal's whole number.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from schemas.avro_wire import read_decimal, write_decimal
from schemas.checks import LEAVES
from schemas.errors import DecodeError
from schemas.events import ACTIVITY_TYPES, Activity, Event, Selector, sorted_scope

_NAMESPACE = "credits.events"
_DECIMALS = ("amount", "unit_cost", "cost")
"""The fields of events that are decimals on the wire."""

_DECIMAL_BYTES_MAX = 16
"""A decimal of more bytes is no amount, not even one that is too large, but garbage."""

_ACTIVITY_OF_RECORD = {f"{_NAMESPACE}.{name}": activity_type for name, activity_type in ACTIVITY_TYPES.items()}


def event_maker(event_type: type[Event]) -> Callable[[dict[str, Any]], Event]:
    """Make what turns a record as fastavro reads it into an event; the fields' names and order are those of the leaves."""
    names = tuple(LEAVES[event_type])
    values_of: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*names)
    convert = {name: _read_decimal for name in _DECIMALS if name in names} | {
        name: read for name, read in (("scope", _read_scope), ("activity", _read_activity)) if name in names
    }
    converters = tuple(convert.items())
    has_effective_at = "effective_at" in names

    def to_event(record: dict[str, Any]) -> Event:
        for name, read in converters:
            record[name] = read(record[name])
        if has_effective_at and record["effective_at"] is None:
            record["effective_at"] = record["occurred_at"]
        return event_type._make(values_of(record))

    return to_event


def _read_decimal(digits: bytes | None) -> int | None:
    if digits is None:
        return None
    if not 1 <= len(digits) <= _DECIMAL_BYTES_MAX:
        raise DecodeError(f"an amount has {len(digits)} bytes; a decimal has 1 to {_DECIMAL_BYTES_MAX}")
    return read_decimal(digits)


def _read_scope(entries: list[dict[str, Any]]) -> tuple[Selector, ...]:
    return sorted_scope(Selector(entry["kind"], entry["item"]) for entry in entries) if entries else ()


def _read_activity(named: tuple[str, dict[str, Any]]) -> Activity:
    name, fields = named
    return _ACTIVITY_OF_RECORD[name](**fields)


def record_maker(event_type: type[Event]) -> Callable[[Any], dict[str, Any]]:
    """Make what turns an event into a record as fastavro writes it."""
    names = tuple(LEAVES[event_type])
    convert = {name: _write_decimal for name in _DECIMALS if name in names} | {
        name: write for name, write in (("scope", _write_scope), ("activity", _write_activity)) if name in names
    }
    converters = tuple(convert.items())

    def to_record(event: Any) -> dict[str, Any]:
        record = dict(zip(names, event, strict=True))
        for name, write in converters:
            record[name] = write(record[name])
        return record

    return to_record


def _write_decimal(unscaled: int | None) -> bytes | None:
    return None if unscaled is None else write_decimal(unscaled)


def _write_scope(scope: tuple[Selector, ...]) -> list[dict[str, Any]]:
    return [selector._asdict() for selector in scope]


def _write_activity(activity: Activity) -> tuple[str, dict[str, Any]]:
    return f"{_NAMESPACE}.{type(activity).__name__}", activity._asdict()
