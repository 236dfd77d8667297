"""The wire form of events: Avro in single-object encoding, or behind Confluent's header (docs/ledger.md 3.8).

The reader takes integers and bytes as they are: logical types are stripped from the schemas that it reads with, so that no
Decimal and no datetime is made on the way. Every version that was ever shipped stays readable: a record is read with the
schema that it was written with, and resolved to the newest one.
"""

import importlib.resources
import io
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas import events
from schemas.errors import DecodeError
from schemas.events import Event, Selector

SINGLE_OBJECT_MARKER = b"\xc3\x01"
CONFLUENT_MARKER = b"\x00"
_SINGLE_OBJECT_LENGTH = 10
_CONFLUENT_LENGTH = 5
_DECIMAL_BYTES_MAX = 16
"""A decimal of more bytes is no amount that anybody could have meant."""

NO_REGISTRY: Mapping[int, str] = MappingProxyType({})

Fields = dict[str, Any]


class ShippedSchema(NamedTuple):
    """One version of an event's schema: `CreditGranted` and 1, as written in its file, and what records are read with."""

    event_name: str
    version: int
    text: str
    parsed: Any
    fingerprint: bytes

    @property
    def name(self) -> str:
        """How a registry's mapping names it: `CreditGranted.v1`."""
        return f"{self.event_name}.v{self.version}"


class _Shipped(NamedTuple):
    by_fingerprint: Mapping[bytes, ShippedSchema]
    by_name: Mapping[str, ShippedSchema]
    newest: Mapping[str, ShippedSchema]


@lru_cache(maxsize=1)
def shipped() -> _Shipped:
    """Give all schemas that this release knows; read once a process from `schemas/avro`."""
    found = []
    for file in importlib.resources.files("schemas").joinpath("avro").iterdir():
        if file.name.endswith(".avsc"):
            event_name, version, _ = file.name.split(".")
            found.append(_shipped_schema(event_name, int(version.removeprefix("v")), file.read_text(encoding="utf-8")))
    found.sort(key=lambda schema: (schema.event_name, schema.version))
    return _Shipped(
        by_fingerprint=MappingProxyType({schema.fingerprint: schema for schema in found}),
        by_name=MappingProxyType({schema.name: schema for schema in found}),
        newest=MappingProxyType({schema.event_name: schema for schema in found}),
    )


def _shipped_schema(event_name: str, version: int, text: str) -> ShippedSchema:
    canonical = to_parsing_canonical_form(json.loads(text))
    mark = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    return ShippedSchema(event_name, version, text, fastavro.parse_schema(_without_logical_types(json.loads(text))), mark)


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    if isinstance(schema, dict):
        if "logicalType" in schema:
            return schema["type"]
        return {name: _without_logical_types(part) for name, part in schema.items()}
    return schema


def encode(event: Event) -> bytes:
    """Write an event in single-object encoding with the newest schema; `decode` gives it back."""
    name = type(event).__name__
    schema = shipped().newest[name]
    content = io.BytesIO()
    content.write(SINGLE_OBJECT_MARKER + schema.fingerprint)
    fastavro.schemaless_writer(content, schema.parsed, _WRITERS[name](event))
    return content.getvalue()


def decode(value: bytes | None, *, registry: Mapping[int, str] = NO_REGISTRY) -> Event:
    """Read an event from its wire form, with defaults filled in; what it says is not checked.

    `registry` gives the name of the shipped schema (`CreditGranted.v1`) for an id of a schema registry. Raises DecodeError
    with a sentence where the bytes are none that a shipped schema can read.
    """
    if value is None:
        raise DecodeError("the record has no value")
    schema, start = _schema_of(value, registry)
    content = io.BytesIO(value)
    content.seek(start)
    newest = shipped().newest[schema.event_name]
    try:
        fields: Any = fastavro.schemaless_reader(
            content, schema.parsed, None if newest is schema else newest.parsed, return_record_name=True
        )
    except (EOFError, IndexError, ValueError, OverflowError, MemoryError, TypeError, SchemaResolutionError) as error:
        raise DecodeError(f"the bytes are no whole {schema.name}: {error or type(error).__name__}") from error
    if content.tell() != len(value):
        raise DecodeError(f"{len(value) - content.tell()} bytes follow after the {schema.name}")
    return _READERS[schema.event_name](fields)


def _schema_of(value: bytes, registry: Mapping[int, str]) -> tuple[ShippedSchema, int]:
    """Find the schema that a value was written with, and where its body starts."""
    if value[:2] == SINGLE_OBJECT_MARKER and len(value) >= _SINGLE_OBJECT_LENGTH:
        mark = value[2:_SINGLE_OBJECT_LENGTH]
        schema = shipped().by_fingerprint.get(mark)
        if schema is None:
            raise DecodeError(f"no schema of this release has the fingerprint {mark.hex()}")
        return schema, _SINGLE_OBJECT_LENGTH
    if value[:1] == CONFLUENT_MARKER and len(value) >= _CONFLUENT_LENGTH:
        schema_id = int.from_bytes(value[1:_CONFLUENT_LENGTH], "big")
        name = registry.get(schema_id)
        if name is None:
            raise DecodeError(f"the registry's id {schema_id} stands for no schema of this release")
        return shipped().by_name[name], _CONFLUENT_LENGTH
    raise DecodeError("the value begins with neither Avro's single-object marker nor a schema registry's")


def _read_amount(digits: bytes | None) -> int | None:
    return None if digits is None else _read_decimal(digits)


def _read_decimal(digits: bytes) -> int:
    if len(digits) > _DECIMAL_BYTES_MAX:
        raise DecodeError(f"a decimal has {len(digits)} bytes; {_DECIMAL_BYTES_MAX} are more than any amount needs")
    return int.from_bytes(digits, "big", signed=True)


def _write_amount(units: int | None) -> bytes | None:
    if units is None:
        return None
    return units.to_bytes((units + (units < 0)).bit_length() // 8 + 1, "big", signed=True)


def _read_granted(fields: Fields) -> Event:
    scope = {Selector(selector["kind"], selector["item"]) for selector in fields["scope"]}
    effective_at = fields["effective_at"]
    return events.CreditGranted(
        event_id=fields["event_id"],
        organization_id=fields["organization_id"],
        customer_id=fields["customer_id"],
        occurred_at=fields["occurred_at"],
        recorded_at=fields["recorded_at"],
        actor=fields["actor"],
        grant_id=fields["grant_id"],
        credit_type=fields["credit_type"],
        name=fields["name"],
        cadence=fields["cadence"],
        amount_micro=_read_amount(fields["amount"]),
        priority=fields["priority"],
        effective_at=fields["occurred_at"] if effective_at is None else effective_at,
        expires_at=fields["expires_at"],
        scope=events.sorted_scope(scope),
        unit_cost_micro=_read_amount(fields["unit_cost"]),
        currency=fields["currency"],
    )


def _write_granted(event: Any) -> Fields:
    fields = event._asdict()
    fields["amount"] = _write_amount(fields.pop("amount_micro"))
    fields["unit_cost"] = _write_amount(fields.pop("unit_cost_micro"))
    fields["scope"] = [selector._asdict() for selector in event.scope]
    return fields  # type: ignore[no-any-return]  # _asdict of an event is a dict of its fields


def _read_consumed(fields: Fields) -> Event:
    record_name, activity = fields["activity"]
    activity_type = events.ACTIVITY_TYPES[record_name.rpartition(".")[2]]
    return events.CreditConsumed(
        event_id=fields["event_id"],
        organization_id=fields["organization_id"],
        customer_id=fields["customer_id"],
        occurred_at=fields["occurred_at"],
        recorded_at=fields["recorded_at"],
        actor=fields["actor"],
        credit_type=fields["credit_type"],
        amount_micro=_read_decimal(fields["amount"]),
        activity=activity_type(**activity),
        cost_micro=_read_amount(fields["cost"]),
        currency=fields["currency"],
    )


def _write_consumed(event: Any) -> Fields:
    fields = event._asdict()
    fields["amount"] = _write_amount(fields.pop("amount_micro"))
    fields["cost"] = _write_amount(fields.pop("cost_micro"))
    fields["activity"] = (f"credits.events.{type(event.activity).__name__}", event.activity._asdict())
    return fields  # type: ignore[no-any-return]  # _asdict of an event is a dict of its fields


def _read_reversed(fields: Fields) -> Event:
    fields["amount_micro"] = _read_amount(fields.pop("amount"))
    return events.ConsumptionReversed(**fields)


def _write_reversed(event: Any) -> Fields:
    fields = event._asdict()
    fields["amount"] = _write_amount(fields.pop("amount_micro"))
    return fields  # type: ignore[no-any-return]  # _asdict of an event is a dict of its fields


def _read_plain(event_type: type[Event]) -> Callable[[Fields], Event]:
    return lambda fields: event_type(**fields)


def _write_plain(event: Any) -> Fields:
    return event._asdict()  # type: ignore[no-any-return]  # _asdict of an event is a dict of its fields


_READERS: dict[str, Callable[[Fields], Event]] = {
    **{name: _read_plain(event_type) for name, event_type in events.EVENT_TYPES.items()},
    "CreditGranted": _read_granted,
    "CreditConsumed": _read_consumed,
    "ConsumptionReversed": _read_reversed,
}
_WRITERS: dict[str, Callable[[Any], Fields]] = {
    **dict.fromkeys(events.EVENT_TYPES, _write_plain),
    "CreditGranted": _write_granted,
    "CreditConsumed": _write_consumed,
    "ConsumptionReversed": _write_reversed,
}
