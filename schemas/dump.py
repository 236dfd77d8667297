"""Raw dumps of topics as JSON lines: every record as it lies in its topic partition (docs/ledger.md 1.12)."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

from schemas.codec import NO_REGISTRY
from schemas.errors import DecodeError, SettingsError
from schemas.instants import MICROSECONDS_PER_MILLISECOND, from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord, ReadRecord
from schemas.strict_json import parse_object

FORMAT = "credits_dump"
FORMAT_VERSION = 1
_NAMES_OF_HEAD = {FORMAT, "partition_count"}
_NAMES_OF_RECORD = {"topic", "partition", "offset", "timestamp", "key", "value", "headers"}


def write_dump(records: Iterable[RawRecord], *, partition_count: int) -> Iterator[bytes]:
    """Write raw records as the lines of a dump, each with its line end; `partition_count` is that of the input topics.

    `read_dump` reads the records back as they were, with timestamps in whole milliseconds as Kafka keeps them.
    """
    yield _line({FORMAT: FORMAT_VERSION, "partition_count": partition_count})
    for record in records:
        yield _line(
            {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "timestamp": record.timestamp // MICROSECONDS_PER_MILLISECOND,
                "key": _write_bytes(record.key),
                "value": _write_bytes(record.value),
                "headers": [[name, _write_bytes(value)] for name, value in record.headers],
            }
        )


def read_dump(lines: Iterable[bytes], *, registry: Mapping[int, str] = NO_REGISTRY) -> Iterator[ReadRecord]:
    """Read the records of a dump, given as its lines, as `schemas.reading.read_record` reads them from a topic.

    `registry` maps the ids of a schema registry to names of shipped schemas. Holds one line at a time. Raises SettingsError,
    naming the line, where the file is no dump of this version or is damaged.
    """
    numbered = enumerate(lines, start=1)
    partition_count = _read_head(numbered)
    for number, line in numbered:
        if line.strip():
            yield read_record(_read_raw(number, line), partition_count=partition_count, registry=registry)


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def _write_bytes(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _read_head(numbered: Iterator[tuple[int, bytes]]) -> int:
    number, line = next(numbered, (1, b""))
    head = _object(number, line)
    partition_count: object = head.get("partition_count")
    if head.keys() != _NAMES_OF_HEAD or head[FORMAT] != FORMAT_VERSION or not _is_whole(partition_count, least=1):
        wanted = json.dumps({FORMAT: FORMAT_VERSION, "partition_count": 8})
        raise SettingsError(f"line {number}: the first line of a dump is such as {wanted}")
    return partition_count


def _read_raw(number: int, line: bytes) -> RawRecord:
    content = _object(number, line)
    if content.keys() != _NAMES_OF_RECORD:
        raise SettingsError(f"line {number}: a record of a dump has the entries {', '.join(sorted(_NAMES_OF_RECORD))}")
    if not isinstance(content["topic"], str):
        raise SettingsError(f"line {number}: topic must be a text")
    for name in ("partition", "offset", "timestamp"):
        if not _is_whole(content[name], least=0):
            raise SettingsError(f"line {number}: {name} must be a whole number of 0 or more")
    return RawRecord(
        topic=content["topic"],
        partition=content["partition"],
        offset=content["offset"],
        timestamp=from_milliseconds(content["timestamp"]),
        key=_read_bytes(number, "key", content["key"]),
        value=_read_bytes(number, "value", content["value"]),
        headers=_read_headers(number, content["headers"]),
    )


def _object(number: int, line: bytes) -> dict[str, Any]:
    try:
        return parse_object(line)
    except DecodeError as error:
        raise SettingsError(f"line {number} of the dump: {error}") from error


def _is_whole(value: object, *, least: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _read_headers(number: int, headers: object) -> tuple[tuple[str, bytes], ...]:
    if not isinstance(headers, list):
        raise SettingsError(f"line {number}: headers must be a list of [name, base64]")
    return tuple(_read_header(number, header) for header in headers)


def _read_header(number: int, header: object) -> tuple[str, bytes]:
    if isinstance(header, list) and len(header) == 2 and isinstance(header[0], str):
        return header[0], _read_bytes(number, "the value of a header", header[1]) or b""
    raise SettingsError(f"line {number}: headers must be a list of [name, base64]")


def _read_bytes(number: int, name: str, text: object) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingsError(f"line {number}: {name} must be base64 or null") from error
