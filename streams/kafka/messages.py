"""Records on their way to the broker, and as they come from it."""

from typing import Any, NamedTuple

from aiokafka import ConsumerRecord

from schemas.instants import from_milliseconds
from schemas.records import RawRecord


class Message(NamedTuple):
    """One record to be written to a topic partition; `timestamp` in UTC milliseconds (None: now)."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def raw_record(record: ConsumerRecord[Any, Any]) -> RawRecord:
    """Give a fetched record as it lies in its topic partition; a header without a value is one with an empty value."""
    return RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=from_milliseconds(record.timestamp),
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers),
    )
