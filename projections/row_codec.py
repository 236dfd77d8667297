"""The rows as they lie on the output topics: Avro single-object encoding of one flat record a row (docs/architecture.md).

The record's key is the row's identity as JSON array text, readable in any Kafka tool; two rows have one key if and only if
they are the same row. The value is self-contained: row, revision, whether it is deleted, and the record that it comes from.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import fastavro
import msgspec

from projections.row_schemas import DECIMAL_DIGITS_MAX, Holds, Kind, kinds_of, schema_of
from projections.rows import TABLES, Change, Row, Table
from schemas.avro_wire import (
    SINGLE_OBJECT_HEADER_LENGTH,
    SINGLE_OBJECT_MARKER,
    fingerprint_of,
    read_decimal,
    write_decimal,
)
from schemas.codec import without_logical_types
from schemas.errors import DecodeError, InvariantViolation
from schemas.instants import format_instant
from schemas.records import Place

_DECIMAL_LIMIT = 10**DECIMAL_DIGITS_MAX

Convert = Callable[[Any], Any]


class PublishedRow(NamedTuple):
    """A row as a reader of an output topic gets it.

    Of two rows with the same key the one with the greater `revision` stands; `deleted` says that the row no longer follows
    from the events; `source` is the place of the record that it comes from.
    """

    row: Row
    source: Place
    revision: int
    deleted: bool


def encode_change(change: Change, *, revision: int) -> tuple[bytes, bytes]:
    """Write a change as key and value of a record on the topic of its table.

    `decode_change` gives row, source and `deleted` back. Raises InvariantViolation for an amount of more than 38 digits.
    """
    return _CODECS[type(change.row)].encode(change, revision)


def decode_change(topic: str, value: bytes) -> PublishedRow:
    """Read the value of a record of an output topic.

    Raises DecodeError for a topic without rows, and for bytes that no shipped schema of that topic's rows can read.
    """
    codec = _CODEC_OF_TOPIC.get(topic)
    if codec is None:
        raise DecodeError(f"{topic} is no topic of rows")
    return codec.decode(value)


class _RowCodec:
    """Writes and reads the rows of one table."""

    def __init__(self, table: Table) -> None:
        kinds = kinds_of(table.row_type)
        schema = schema_of(table.row_type)
        # Without logical types integers and bytes pass as they are, which is exact and fast.
        self._schema = fastavro.parse_schema(without_logical_types(schema))
        self._header = SINGLE_OBJECT_MARKER + fingerprint_of(schema)
        self._table = table
        self._names = tuple(kind.name for kind in kinds)
        self._writers = tuple((kind.name, write) for kind in kinds if (write := _writer_of(kind)) is not None)
        self._readers = tuple((kind.name, read) for kind in kinds if (read := _reader_of(kind)) is not None)
        key_kinds = kinds[: table.key_length]
        self._instants_in_key = tuple(index for index, kind in enumerate(key_kinds) if kind.holds is Holds.INSTANT)

    def encode(self, change: Change, revision: int) -> tuple[bytes, bytes]:
        row, source, deleted = change
        record: dict[str, Any] = dict(zip(self._names, row, strict=True))
        for name, write in self._writers:
            record[name] = write(record[name])
        record["revision"] = revision
        record["deleted"] = deleted
        record["source_topic"], record["source_partition"], record["source_offset"] = source
        value = io.BytesIO()
        value.write(self._header)
        fastavro.schemaless_writer(value, self._schema, record)
        return self._key_of(row), value.getvalue()

    def decode(self, value: bytes) -> PublishedRow:
        if value[:SINGLE_OBJECT_HEADER_LENGTH] != self._header:
            raise DecodeError(
                f"{value[:SINGLE_OBJECT_HEADER_LENGTH].hex()} is not the header of a {self._table.row_type.__name__}"
            )
        content = io.BytesIO(value)
        content.seek(SINGLE_OBJECT_HEADER_LENGTH)
        try:
            record: Any = fastavro.schemaless_reader(content, self._schema, None)
        except (EOFError, IndexError, ValueError, OverflowError) as error:
            raise DecodeError(f"the bytes end or break off inside a {self._table.row_type.__name__}: {error}") from error
        if content.tell() != len(value):
            raise DecodeError(f"bytes follow after a {self._table.row_type.__name__}")
        for name, read in self._readers:
            record[name] = read(record[name])
        return PublishedRow(
            row=self._table.row_type(*[record[name] for name in self._names]),
            source=Place(record["source_topic"], record["source_partition"], record["source_offset"]),
            revision=record["revision"],
            deleted=record["deleted"],
        )

    def _key_of(self, row: Row) -> bytes:
        identity: list[Any] = list(row[: self._table.key_length])
        for index in self._instants_in_key:
            identity[index] = format_instant(identity[index])
        return msgspec.json.encode(identity)


def _writer_of(kind: Kind) -> Convert | None:
    if kind.holds is Holds.DECIMAL:
        return _write_nullable_decimal if kind.nullable else _write_decimal
    if kind.entry is None:
        return None
    names = tuple(entry.name for entry in kind.entry.kinds)
    writers = tuple(_writer_of(entry) or _unchanged for entry in kind.entry.kinds)

    def write(entries: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        return [{name: convert(value) for name, convert, value in zip(names, writers, entry, strict=True)} for entry in entries]

    return write


def _reader_of(kind: Kind) -> Convert | None:
    if kind.holds is Holds.DECIMAL:
        return _read_nullable_decimal if kind.nullable else read_decimal
    if kind.entry is None:
        return None
    fields = tuple((entry.name, _reader_of(entry) or _unchanged) for entry in kind.entry.kinds)
    make = kind.entry.make

    def read(entries: list[dict[str, Any]]) -> tuple[Any, ...]:
        return tuple(make([convert(entry[name]) for name, convert in fields]) for entry in entries)

    return read


def _unchanged(value: Any) -> Any:
    return value


def _write_decimal(unscaled: int) -> bytes:
    if not -_DECIMAL_LIMIT < unscaled < _DECIMAL_LIMIT:
        raise InvariantViolation(f"an amount has more than {DECIMAL_DIGITS_MAX} digits: {unscaled}")
    return write_decimal(unscaled)


def _write_nullable_decimal(unscaled: int | None) -> bytes | None:
    return None if unscaled is None else _write_decimal(unscaled)


def _read_nullable_decimal(digits: bytes | None) -> int | None:
    return None if digits is None else read_decimal(digits)


_CODECS = {table.row_type: _RowCodec(table) for table in TABLES}
_CODEC_OF_TOPIC = {table.topic: _CODECS[table.row_type] for table in TABLES}
