"""The wire form of events: Avro bodies behind a header that names the writer's schema (docs/ledger.md 1.4 and 3.8).

Written is Avro's single-object encoding; read is also Confluent's header, whose ids a mapping tells. The reader's schemas
are stripped of their logical types, so that instants come as whole microseconds and amounts as the bytes of whole numbers:
no datetime and no Decimal is ever made. Nothing is checked here but that the bytes are what they claim to be; what they say
is checked by `schemas.checks`.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import fastavro
from fastavro.types import Schema as FastavroSchema

from schemas.avro_records import event_maker, record_maker
from schemas.avro_wire import SINGLE_OBJECT_HEADER_LENGTH, SINGLE_OBJECT_MARKER
from schemas.errors import DecodeError, InvariantViolation
from schemas.events import EVENT_TYPES, Event
from schemas.shipped import Schema, ShippedSchema, shipped_schemas

NO_REGISTRY: Mapping[int, str] = MappingProxyType({})
"""No schema registry is configured: a Confluent header names nothing."""

_CONFLUENT_MARKER = b"\x00"
_CONFLUENT_HEADER_LENGTH = 5


def encode(event: Event) -> bytes:
    """Write an event in single-object encoding with the newest schema of its type.

    The event has passed `schemas.checks`; `decode` gives it back. Raises InvariantViolation for one that Avro cannot hold.
    """
    writer = _codecs().writers[type(event)]
    content = io.BytesIO()
    content.write(writer.header)
    try:
        fastavro.schemaless_writer(content, writer.schema, writer.to_record(event))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InvariantViolation(f"{type(event).__name__} was not checked before it was written: {error}") from error
    return content.getvalue()


def encode_registered(event: Event, *, schema_id: int) -> bytes:
    """Write an event behind a Confluent header; `schema_id` is a registry's id of the newest schema of the event's type."""
    return _CONFLUENT_MARKER + schema_id.to_bytes(4, "big") + encode(event)[SINGLE_OBJECT_HEADER_LENGTH:]


def schema_id_of(value: bytes | None) -> int | None:
    """Give the registry's id that a value names in its Confluent header; None where it has none, or not the whole of one."""
    if value is None or value[:1] != _CONFLUENT_MARKER or len(value) < _CONFLUENT_HEADER_LENGTH:
        return None
    return int.from_bytes(value[1:_CONFLUENT_HEADER_LENGTH], "big")


def kept_form(event: Event, value: bytes | None) -> bytes:
    """Give the wire form in which an event is kept: that in which it came, if it was written with the newest schema.

    `value` is what `event` was decoded from.
    """
    header = _codecs().writers[type(event)].header
    return value if value is not None and value.startswith(header) else encode(event)


def decode(value: bytes | None, *, registry: Mapping[int, str] = NO_REGISTRY) -> Event:
    """Read an event from single-object encoding, or from behind a Confluent header.

    `registry` maps the ids of a schema registry to names of shipped schemas such as `CreditGranted.v1`. Guarantees that
    defaults are filled in and the scope is a sorted set; checks nothing of what the event says. Raises DecodeError, with a
    sentence, for bytes that no shipped schema can read whole.
    """
    if value is None:
        raise DecodeError("the record has no value")
    codecs = _codecs()
    if value[:2] == SINGLE_OBJECT_MARKER:
        reader = codecs.by_fingerprint.get(value[2:SINGLE_OBJECT_HEADER_LENGTH])
        if reader is None:
            raise DecodeError(_unknown_fingerprint(value))
        return reader.read(value, start=SINGLE_OBJECT_HEADER_LENGTH)
    if value[:1] == _CONFLUENT_MARKER:
        return _confluent_reader(value, registry, codecs).read(value, start=_CONFLUENT_HEADER_LENGTH)
    raise DecodeError(
        "the value is empty" if not value else f"the value begins with neither c301 nor 00 but with {value[:2].hex()}"
    )


def _unknown_fingerprint(value: bytes) -> str:
    if len(value) < SINGLE_OBJECT_HEADER_LENGTH:
        return f"the value ends inside its header, after {len(value)} bytes"
    return f"no shipped schema has the fingerprint {value[2:SINGLE_OBJECT_HEADER_LENGTH].hex()}"


def _confluent_reader(value: bytes, registry: Mapping[int, str], codecs: "_Codecs") -> "_Reader":
    if len(value) < _CONFLUENT_HEADER_LENGTH:
        raise DecodeError(f"the value ends inside its header, after {len(value)} bytes")
    schema_id = int.from_bytes(value[1:_CONFLUENT_HEADER_LENGTH], "big")
    name = registry.get(schema_id)
    if name is None:
        raise DecodeError(f"the registry maps the schema id {schema_id} to no shipped schema")
    reader = codecs.by_name.get(name)
    if reader is None:
        raise DecodeError(f"the registry maps the schema id {schema_id} to {name}, which is not shipped")
    return reader


class _Writer(NamedTuple):
    """Writes one type of event: header, schema, and how an event becomes what fastavro takes."""

    header: bytes
    schema: FastavroSchema
    to_record: Callable[[Any], dict[str, Any]]


class _Reader(NamedTuple):
    """Reads what one shipped schema wrote; `reader_schema` is the subject's newest, or None where that is the writer's."""

    name: str
    writer_schema: FastavroSchema
    reader_schema: FastavroSchema | None
    to_event: Callable[[dict[str, Any]], Event]

    def read(self, value: bytes, *, start: int) -> Event:
        content = io.BytesIO(value)
        content.seek(start)
        try:
            record: Any = fastavro.schemaless_reader(content, self.writer_schema, self.reader_schema, return_record_name=True)
        except UnicodeDecodeError as error:
            raise DecodeError(f"a text of the {self.name} is not UTF-8: {error.reason}") from error
        except (EOFError, IndexError, ValueError, OverflowError) as error:
            raise DecodeError(f"the bytes end or break off inside the {self.name}") from error
        if content.tell() != len(value):
            raise DecodeError(f"{len(value) - content.tell()} bytes follow after the {self.name}")
        return self.to_event(record)


class _Codecs(NamedTuple):
    writers: Mapping[type[Event], _Writer]
    by_fingerprint: Mapping[bytes, _Reader]
    by_name: Mapping[str, _Reader]


@lru_cache(maxsize=1)
def _codecs() -> _Codecs:
    return _codecs_of(shipped_schemas())


def _codecs_of(schemas: Iterable[ShippedSchema]) -> _Codecs:
    """Make the codecs of schemas that are sorted by version, so that the newest of a subject comes last."""
    schemas = tuple(schemas)
    writers: dict[type[Event], _Writer] = {}
    by_fingerprint: dict[bytes, _Reader] = {}
    by_name: dict[str, _Reader] = {}
    newest = {shipped.subject: shipped for shipped in schemas}
    for shipped in schemas:
        event_type = EVENT_TYPES[shipped.subject]
        is_newest = newest[shipped.subject] is shipped
        schema = _parsed(shipped.content)
        reader_schema = None if is_newest else _parsed(newest[shipped.subject].content)
        reader = _Reader(shipped.name, schema, reader_schema, event_maker(event_type))
        by_fingerprint[shipped.fingerprint] = by_name[shipped.name] = reader
        if is_newest:
            header = SINGLE_OBJECT_MARKER + shipped.fingerprint
            writers[event_type] = _Writer(header, schema, record_maker(event_type))
    return _Codecs(writers, by_fingerprint, by_name)


def _parsed(schema: Schema) -> FastavroSchema:
    return fastavro.parse_schema(without_logical_types(schema))


def without_logical_types(schema: Schema) -> Schema:
    """Give a schema in which instants are plain longs and amounts plain bytes."""
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: without_logical_types(part) if name in ("type", "items", "fields") else part
        for name, part in schema.items()
        if name not in ("logicalType", "precision", "scale")
    }
