"""The Avro schemas of the rows, derived from their types, so that a row is declared once (`projections.rows`).

A field's name says what it holds: `_micro` and `_pico` are decimals of 6 and 12 digits, which as sums may need more than 64
bits; `_at`, `start`, `end` and `timestamp` are instants; the other whole numbers are counts. After the row's own fields come
those of `ENVELOPE`. The schemas are written out beside those of the events, and a test keeps the two equal, so that a
changed row type shows as a changed schema.
"""

import types
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from projections.rows import TABLES, Row
from schemas.errors import InvariantViolation

NAMESPACE = "credits.rows"
VERSION = 1
DECIMAL_DIGITS_MAX = 38

Schema = dict[str, Any]

ENVELOPE: tuple[Schema, ...] = (
    {
        "name": "revision",
        "type": "long",
        "doc": "Only grows for one key: of two rows with the same key the one with the greater revision stands.",
    },
    {"name": "deleted", "type": "boolean", "doc": "Whether the row no longer follows from the events."},
    {"name": "source_topic", "type": "string", "doc": "Topic of the record that the row comes from."},
    {"name": "source_partition", "type": "int", "doc": "Partition of that record."},
    {"name": "source_offset", "type": "long", "doc": "Offset of that record."},
)

_PAIRS = {"scope": ("ScopeSelector", ("kind", "item")), "headers": ("Header", ("name", "value"))}
"""Fields that hold plain pairs: what a pair is called, and what its two fields are called."""

_COUNTS = {
    "consumption_count": "Number of consumptions with a net amount above 0.",
    "minutes": "Whole minutes.",
    "offset": "Offset of the record.",
    "partition": "Partition of the record.",
    "priority": "1 to 100; lower burns first.",
    "processed": "Number of messages sent.",
    "targeted": "Number of guests.",
}


class Holds(Enum):
    """What is to be known of a field to write and read it."""

    PLAIN = "plain"
    DECIMAL = "decimal"
    INSTANT = "instant"
    ENTRIES = "entries"


class Entry(NamedTuple):
    """What the entries of an array are: the name of their record, its fields, and what makes one from their values."""

    name: str
    kinds: "tuple[Kind, ...]"
    make: Callable[[Iterable[Any]], Any]


class Kind(NamedTuple):
    """What a field holds: its Avro type, a sentence on its unit, and for an array what its entries are."""

    name: str
    nullable: bool
    holds: Holds
    type: Any
    doc: str | None = None
    entry: Entry | None = None

    @property
    def field(self) -> Schema:
        """The field as it stands in a schema."""
        schema: Schema = {"name": self.name, "type": ["null", self.type] if self.nullable else self.type}
        if self.doc is not None:
            schema["doc"] = self.doc
        if self.nullable:
            schema["default"] = None
        return schema


def kinds_of(record_type: type[Any]) -> tuple[Kind, ...]:
    """Give what each field of a row type, or of a record inside one, holds, in their order.

    Raises InvariantViolation for a field of which neither name nor type says that.
    """
    return tuple(_kind_of(name, annotation) for name, annotation in get_type_hints(record_type).items())


def schema_of(row_type: type[Row]) -> Schema:
    """Give the Avro schema of a row type with its envelope, with docs and units."""
    return {
        "type": "record",
        "name": row_type.__name__,
        "namespace": NAMESPACE,
        "doc": " ".join((row_type.__doc__ or "").split()),
        "fields": [*(kind.field for kind in kinds_of(row_type)), *ENVELOPE],
    }


def schema_files() -> dict[str, Schema]:
    """Give the schema of each row type under the name of the file that it is written to."""
    return {f"{table.row_type.__name__}.v{VERSION}.avsc": schema_of(table.row_type) for table in TABLES}


def _kind_of(name: str, annotation: Any) -> Kind:
    plain, nullable = _without_none(annotation)
    if plain is int:
        return _whole_number(name, nullable)
    if plain in _SCALARS:
        return Kind(name, nullable, Holds.PLAIN, _SCALARS[plain])
    if get_origin(plain) is tuple and get_args(plain)[1:] == (...,) and not nullable:
        entry = _entry_of(name, get_args(plain)[0])
        fields = [kind.field for kind in entry.kinds]
        record = {"type": "record", "name": entry.name, "namespace": NAMESPACE, "fields": fields}
        return Kind(name, nullable, Holds.ENTRIES, {"type": "array", "items": record}, entry=entry)
    raise InvariantViolation(f"no Avro type is known for the field {name}: {annotation}")


_SCALARS = {str: "string", bool: "boolean", bytes: "bytes"}


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    plain = [choice for choice in get_args(annotation) if choice is not type(None)]
    if len(plain) != 1:
        raise InvariantViolation(f"a row's field holds one type or null, not {annotation}")
    return plain[0], True


def _whole_number(name: str, nullable: bool) -> Kind:
    last_word = name.rpartition("_")[2]
    if last_word in _SCALES:
        scale = _SCALES[last_word]
        decimal = {"type": "bytes", "logicalType": "decimal", "precision": DECIMAL_DIGITS_MAX, "scale": scale}
        return Kind(name, nullable, Holds.DECIMAL, decimal, f"A decimal; its integer counts 10^-{scale}.")
    if last_word in _INSTANTS:
        instant = {"type": "long", "logicalType": "timestamp-micros"}
        return Kind(name, nullable, Holds.INSTANT, instant, "UTC microseconds since 1970.")
    if name in _COUNTS:
        return Kind(name, nullable, Holds.PLAIN, "long", _COUNTS[name])
    raise InvariantViolation(f"the name of the field {name} does not say whether it is an amount, an instant or a count")


_SCALES = {"micro": 6, "pico": 12}
_INSTANTS = ("at", "start", "end", "timestamp")


def _entry_of(name: str, entry_type: Any) -> Entry:
    if hasattr(entry_type, "_make"):
        return Entry(entry_type.__name__, kinds_of(entry_type), entry_type._make)
    types_of_pair = get_args(entry_type)
    if name not in _PAIRS or len(types_of_pair) != 2:
        raise InvariantViolation(f"the entries of the field {name} have no names: {entry_type}")
    entry_name, field_names = _PAIRS[name]
    return Entry(entry_name, tuple(map(_kind_of, field_names, types_of_pair)), tuple)
