"""Sending records: in their order, so many at a time, and every acknowledgement awaited."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from creditstream.records import Outgoing
from schemas.errors import NotAcknowledged

SILENT_SECONDS = 30
"""So long brokers may acknowledge nothing before they count as gone."""

_IN_FLIGHT_MAX = 5_000
"""So many sends wait for their acknowledgement at a time."""

Sending = asyncio.Future[Any]


class Position(NamedTuple):
    """Where a record lies: what a reader of balances waits for to see an event of its own."""

    topic: str
    partition: int
    offset: int


async def send_in_chunks(
    records: Iterable[Outgoing],
    producer: AIOKafkaProducer,
    *,
    seconds: float = SILENT_SECONDS,
    on_begun: Callable[[Sending], None] = lambda _: None,
) -> AsyncIterator[list[Position]]:
    """Send records in their order; gives the positions of one chunk after another, each when all of it is acknowledged.

    `on_begun` is given the sending of each record as it begins. Raises NotAcknowledged where brokers do not take a record, or
    acknowledge nothing for so many seconds.
    """
    rest = iter(records)
    while chunk := list(itertools.islice(rest, _IN_FLIGHT_MAX)):
        try:
            # An idempotent producer tries for ever.
            async with asyncio.timeout(seconds):
                sendings = [await _begun(record, producer, on_begun) for record in chunk]
                # Unlike gather, this leaves them alone when it is cancelled: what is on its way may still be acknowledged.
                await asyncio.wait(sendings)
            lies = [sending.result() for sending in sendings]
        except TimeoutError as error:
            raise NotAcknowledged(f"Kafka has acknowledged nothing more for {seconds:g} s") from error
        except KafkaError as error:
            raise NotAcknowledged(f"Kafka did not take a record: {error!r}") from error
        yield [Position(one.topic, one.partition, one.offset) for one in lies]


async def _begun(record: Outgoing, producer: AIOKafkaProducer, on_begun: Callable[[Sending], None]) -> Sending:
    sending: Sending = await producer.send(
        record.topic,
        value=record.value,
        key=record.key,
        partition=record.partition,
        timestamp_ms=record.timestamp,
        headers=list(record.headers),
    )
    sending.add_done_callback(_look_at)
    on_begun(sending)
    return sending


def _look_at(sending: Sending) -> None:
    """Take note of a result that nobody waits for any more."""
    if not sending.cancelled():
        sending.exception()
