"""Sends events to the input topics: right key, right partition, the recorded instant as the record's timestamp.

Every send is acknowledged by all replicas before `emit` returns; an event that is sent twice is a duplicate and changes
nothing (docs/ledger.md 3.3).
"""

import asyncio
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from schemas import codec
from schemas.errors import TransientError
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced, key_of
from schemas.instants import MICROSECONDS_PER_MILLISECOND
from schemas.topics import partition_of

_IN_FLIGHT_MAX = 1_000
"""So many sends wait for their acknowledgement at a time."""


async def emit(
    events: Iterable[Event],
    *,
    bootstrap_servers: str,
    partition_count: int,
    on_acknowledged: Callable[[int], None],
) -> int:
    """Send events in their order and await every acknowledgement; gives the number of records.

    A TimeAdvanced goes to each partition of the three topics that have a clock. `on_acknowledged` is told how many more
    records are safe. Raises TransientError where the broker does not take one.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True, acks="all", linger_ms=5)
    sent = 0
    try:
        await producer.start()
        pending: list[asyncio.Future[RecordMetadata]] = []
        for event in events:
            for topic, partition in _destinations(event, partition_count):
                pending.append(
                    await producer.send(
                        topic,
                        value=codec.encode(event),
                        key=key_of(event),
                        partition=partition,
                        timestamp_ms=_record_instant(event) // MICROSECONDS_PER_MILLISECOND,
                    )
                )
            if len(pending) >= _IN_FLIGHT_MAX:
                sent += await _acknowledged(pending, on_acknowledged)
        sent += await _acknowledged(pending, on_acknowledged)
    except KafkaError as error:
        raise TransientError(f"Kafka at {bootstrap_servers} did not take an event: {error}") from error
    finally:
        await producer.stop()
    return sent


async def _acknowledged(pending: list[asyncio.Future[RecordMetadata]], on_acknowledged: Callable[[int], None]) -> int:
    count = len(pending)
    for acknowledgement in pending:
        await acknowledgement
    pending.clear()
    on_acknowledged(count)
    return count


def _destinations(event: Event, partition_count: int) -> list[tuple[str, int]]:
    topics = TOPICS_OF_TYPE[type(event)]
    key = key_of(event)
    if key is None:
        return [(topic, partition) for topic in topics for partition in range(partition_count)]
    return [(topics[0], partition_of(key, partition_count=partition_count))]


def _record_instant(event: Event) -> int:
    return event.as_of if isinstance(event, TimeAdvanced) else event.recorded_at
