"""Sends events to the input topics: right key, right partition, the recorded instant as the record's timestamp.

Every send is acknowledged by all replicas before `emit` returns; an event that is sent twice is a duplicate and changes
nothing (docs/ledger.md 3.3).
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas import codec
from schemas.errors import TransientError
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced, key_of
from schemas.instants import MICROSECONDS_PER_MILLISECOND
from schemas.topics import partition_of
from streams.kafka.clients import SILENT_SECONDS, producer_of

_IN_FLIGHT_MAX = 5_000
"""So many sends wait for their acknowledgement at a time."""


class Outgoing(NamedTuple):
    """One record that is to be sent to a topic partition; `timestamp` in UTC milliseconds."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


async def emit(
    events: Iterable[Event],
    *,
    bootstrap_servers: str,
    partition_count: int,
    on_acknowledged: Callable[[int], None],
) -> int:
    """Send events in their order and await every acknowledgement; gives the number of records.

    The rest is as in `send`.
    """
    records = (record for event in events for record in records_of(event, partition_count=partition_count))
    return await send(records, bootstrap_servers=bootstrap_servers, on_acknowledged=on_acknowledged)


def records_of(event: Event, *, partition_count: int) -> Iterator[Outgoing]:
    """Give the records of an event: one, and of a TimeAdvanced one for each partition of the three topics with a clock."""
    key, value = key_of(event), codec.encode(event)
    instant = event.as_of if isinstance(event, TimeAdvanced) else event.recorded_at
    for topic in TOPICS_OF_TYPE[type(event)]:
        partitions = range(partition_count) if key is None else (partition_of(key, partition_count=partition_count),)
        for partition in partitions:
            yield Outgoing(topic, partition, key, value, instant // MICROSECONDS_PER_MILLISECOND)


async def send(records: Iterable[Outgoing], *, bootstrap_servers: str, on_acknowledged: Callable[[int], None]) -> int:
    """Send records in their order and await every acknowledgement; gives their number.

    `on_acknowledged` is told how many more records are safe, also where it ends by an error or a cancellation. Raises
    TransientError where the brokers do not answer, do not take a record, or acknowledge nothing for half a minute.
    """
    tally = _Tally(on_acknowledged)
    try:
        async with producer_of(bootstrap_servers) as producer:
            await _send_all(records, producer, tally)
    finally:
        tally.tell()
    return tally.count


class _Tally:
    """Counts acknowledgements as they come, and tells of them when it is asked to."""

    def __init__(self, on_acknowledged: Callable[[int], None]) -> None:
        self.count = 0
        self._told = 0
        self._on_acknowledged = on_acknowledged

    def take(self, sending: "asyncio.Future[object]") -> None:
        if not sending.cancelled() and sending.exception() is None:
            self.count += 1

    def tell(self) -> None:
        self._on_acknowledged(self.count - self._told)
        self._told = self.count


async def _send_all(records: Iterable[Outgoing], producer: AIOKafkaProducer, tally: _Tally) -> None:
    rest = iter(records)
    while chunk := list(itertools.islice(rest, _IN_FLIGHT_MAX)):
        try:
            # An idempotent producer tries for ever.
            async with asyncio.timeout(SILENT_SECONDS):
                sendings = [await _begun(record, producer, tally) for record in chunk]
                # Unlike gather, this leaves them alone when it is cancelled: what is on its way may still be acknowledged.
                await asyncio.wait(sendings)
            for sending in sendings:
                sending.result()
        except TimeoutError as error:
            raise TransientError(f"Kafka has acknowledged nothing more for {SILENT_SECONDS} s") from error
        except KafkaError as error:
            raise TransientError(f"Kafka did not take a record: {error!r}") from error
        tally.tell()


async def _begun(record: Outgoing, producer: AIOKafkaProducer, tally: _Tally) -> "asyncio.Future[object]":
    sending: asyncio.Future[object] = await producer.send(
        record.topic,
        value=record.value,
        key=record.key,
        partition=record.partition,
        timestamp_ms=record.timestamp,
        headers=list(record.headers),
    )
    sending.add_done_callback(tally.take)
    return sending
