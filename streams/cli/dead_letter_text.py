"""Refused records as people and programs read them: as an event where they are one, else as bytes."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas import codec
from schemas.codec import NO_REGISTRY
from schemas.errors import DecodeError
from schemas.instants import format_instant
from schemas.json_form import write_object
from streams.cli.tables import printable
from streams.kafka.dead_letters import DeadLetter

_BYTES_A_LINE = 16


def lines_of(letter: DeadLetter, *, registry: Mapping[int, str] = NO_REGISTRY) -> Iterator[str]:
    """Write a refused record for people, line by line."""
    row = letter.row
    field = f" {row.field}" if row.field else ""
    yield f"refused    {format_instant(letter.refused_at)} as {row.reason}:{field} {printable(row.detail)}"
    yield f"place      {row.topic}, partition {row.partition}, offset {row.offset}"
    yield f"timestamp  {format_instant(row.timestamp)}"
    yield f"key        {'none' if row.key is None else _text(row.key)}"
    for name, value in row.headers:
        yield f"header     {printable(name)}: {_text(value)}"
    if row.value is None:
        yield "value      none"
        return
    event = event_of(row.value, registry=registry)
    yield f"value      {len(row.value)} bytes, {'which are no event' if event is None else 'an event'}"
    yield from _dumped(row.value) if event is None else json.dumps(event, ensure_ascii=False, indent=2).splitlines()


def object_of(letter: DeadLetter, *, registry: Mapping[int, str] = NO_REGISTRY) -> dict[str, Any]:
    """Give a refused record for programs; key, value and the values of headers are base64, as in a dump."""
    row = letter.row
    return {
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "refused_at": format_instant(letter.refused_at),
        "reason": row.reason,
        "field": row.field,
        "detail": row.detail,
        "timestamp": format_instant(row.timestamp),
        "key": _base64(row.key),
        "value": _base64(row.value),
        "headers": [[name, _base64(value)] for name, value in row.headers],
        "event": event_of(row.value, registry=registry),
    }


def event_of(value: bytes | None, *, registry: Mapping[int, str]) -> dict[str, object] | None:
    """Give the event that a value holds, in its JSON form, however wrong what it says; None where there is none to be read."""
    try:
        return write_object(codec.decode(value, registry=registry))
    except (DecodeError, OverflowError):  # an instant that no calendar has
        return None


def _text(content: bytes) -> str:
    """Write bytes as the text that they mostly are."""
    return printable(content.decode("utf-8", "backslashreplace"))


def _dumped(content: bytes) -> Iterator[str]:
    for start in range(0, len(content), _BYTES_A_LINE):
        piece = content[start : start + _BYTES_A_LINE]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        yield f"{start:08x}  {piece.hex(' '):<{3 * _BYTES_A_LINE}} {shown}"


def _base64(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()
