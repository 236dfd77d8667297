"""The columns of every table in ClickHouse, derived from the row types: their names, types and values.

Amounts are Decimal(38, 6) and costs Decimal(38, 12) under the field's name without its unit; instants are
DateTime64(6, 'UTC'). Behind a row's own columns stand where it came from, its revision and whether it is deleted. The
tables themselves are made by `projections/migrations`; a test holds them to what is said here.
"""

import types
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from projections.rows import CostPart, PaidPart
from schemas.instants import from_datetime, to_datetime

_EXACT = Context(prec=76)
"""More digits than any amount or sum has, so that scaling never rounds."""

INSTANT = "DateTime64(6, 'UTC')"
AMOUNT = "Decimal(38, 6)"
COST = "Decimal(38, 12)"

_INSTANT_FIELDS = {
    "effective_at",
    "end",
    "expires_at",
    "granted_at",
    "lot_start",
    "month_end",
    "month_start",
    "natural_end",
    "occurred_at",
    "recorded_at",
    "start",
    "timestamp",
    "voided_at",
}


class Column(NamedTuple):
    """One column: its name and type in ClickHouse, how a field's value is written into it, and how it is read back."""

    name: str
    type: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


SOURCE_COLUMNS = (
    Column("source_topic", "LowCardinality(String)", str, str),
    Column("source_partition", "UInt32", int, int),
    Column("source_offset", "Int64", int, int),
    Column("revision", "UInt64", int, int),
    Column("deleted", "UInt8", int, bool),
)
"""What stands behind the columns of every row: the place of its record, and which of several versions is the last."""


def columns_of(row_type: Any) -> tuple[Column, ...]:
    """Give the columns of a row type (one of `projections.rows`, or a part of a row) in the order of its fields."""
    return _columns_of(row_type)


@cache
def _columns_of(row_type: Any) -> tuple[Column, ...]:
    hints = get_type_hints(row_type)
    return tuple(_column(name, hints[name]) for name in row_type._fields)


def _column(field: str, hint: Any) -> Column:
    name = field.removesuffix("_micro").removesuffix("_pico")
    if get_origin(hint) is types.UnionType:
        plain = next(argument for argument in get_args(hint) if argument is not type(None))
        column = _column(field, plain)
        return Column(name, f"Nullable({column.type})", _optional(column.write), _optional(column.read))
    if field.endswith("_micro"):
        return Column(name, AMOUNT, *_decimal(6))
    if field.endswith("_pico"):
        return Column(name, COST, *_decimal(12))
    if field in _INSTANT_FIELDS:
        return Column(name, INSTANT, to_datetime, from_datetime)
    if get_origin(hint) is tuple:
        return _array(name, get_args(hint)[0])
    return Column(name, *_PLAIN[hint])


def _decimal(digits: int) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return lambda units: Decimal(units).scaleb(-digits, _EXACT), lambda value: int(value.scaleb(digits, _EXACT))


def _array(name: str, element: Any) -> Column:
    if element in (PaidPart, CostPart):
        columns = _columns_of(element)
        inner = ", ".join(f"{column.name} {column.type}" for column in columns)
        return Column(
            name,
            f"Array(Tuple({inner}))",
            lambda parts: [tuple(column.write(value) for column, value in zip(columns, part, strict=True)) for part in parts],
            lambda parts: tuple(
                element(*(column.read(value) for column, value in zip(columns, _values(part), strict=True))) for part in parts
            ),
        )
    if name == "scope":
        return Column(name, "Array(Tuple(kind String, item Nullable(String)))", list, _read_selectors)
    return Column(name, "Array(Tuple(name String, value String))", _write_headers, _read_headers)


def _read_selectors(selectors: Iterable[Any]) -> tuple[tuple[str, str | None], ...]:
    return tuple((kind, item) for kind, item in map(_values, selectors))


def _write_headers(headers: Iterable[tuple[str, bytes]]) -> list[tuple[bytes, bytes]]:
    """Write headers with their names as bytes too: strings inside one column are of one kind."""
    return [(name.encode(), value) for name, value in headers]


def _read_headers(headers: Iterable[Any]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name.decode(), value) for name, value in map(_values, headers))


def _values(part: Any) -> Iterable[Any]:
    """Give the values of a named tuple as the driver reads it: a mapping by name, in order."""
    return part.values() if isinstance(part, Mapping) else part


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


_PLAIN: dict[Any, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    str: ("String", str, str),
    bytes: ("String", bytes, bytes),
    bool: ("Bool", bool, bool),
    int: ("UInt64", int, int),
}
