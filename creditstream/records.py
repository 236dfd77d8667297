"""The records of events: right topic, key and partition, the recorded instant as the record's timestamp.

Rule: docs/ledger.md 1.4.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from schemas import codec
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced, key_of
from schemas.instants import MICROSECONDS_PER_MILLISECOND
from schemas.topics import partition_of


class Outgoing(NamedTuple):
    """One record that is to be sent to a topic partition; `timestamp` in UTC milliseconds."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


def records_of(event: Event, *, partition_count: int, encode: Callable[[Event], bytes] = codec.encode) -> Iterator[Outgoing]:
    """Give the records of an event: one, and of a TimeAdvanced one for each partition of the three topics with a clock."""
    key, value = key_of(event), encode(event)
    instant = event.as_of if isinstance(event, TimeAdvanced) else event.recorded_at
    for topic in TOPICS_OF_TYPE[type(event)]:
        partitions = range(partition_count) if key is None else (partition_of(key, partition_count=partition_count),)
        for partition in partitions:
            yield Outgoing(topic, partition, key, value, instant // MICROSECONDS_PER_MILLISECOND)
