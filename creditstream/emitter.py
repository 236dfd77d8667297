"""The emitters: what an upstream product sends its events with.

An event is sent to its own partition and kept by all replicas before `emit` returns. To send an event again is harmless: the
ledger knows it by its id, and a copy is a duplicate (docs/ledger.md 3.3). So whoever gets NotAcknowledged sends it again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from creditstream.connection import Brokers, connection_of
from creditstream.producing import producer_of
from creditstream.records import Outgoing, records_of
from creditstream.registry import Registry
from creditstream.sending import SILENT_SECONDS, Position, send_in_chunks
from creditstream.wall_clock import now_microseconds
from schemas import codec
from schemas.checks import fault_of
from schemas.errors import EmitterClosed, InvalidEvent, SettingsError, TransientError
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced
from schemas.topics import INPUT_TOPICS


class _Opened(NamedTuple):
    """A producer that runs, and the number of partitions of each topic that there is."""

    producer: AIOKafkaProducer
    partition_counts: Mapping[str, int]


class Emitter:
    """Sends events from asyncio: `async with Emitter("kafka1:9092") as emitter: await emitter.emit(event)`.

    Any number of tasks may use one emitter at a time. `brokers` are addresses, or a Connection where they are spoken to by TLS
    or as a user. With a schema `registry` (one, or its address) events are written behind a Confluent header, and the schemas
    are registered where they were not yet; without one, in Avro's single-object encoding. `acknowledgement_seconds` is how long
    brokers may be silent before NotAcknowledged is raised.
    """

    def __init__(
        self,
        brokers: Brokers,
        *,
        registry: Registry | str | None = None,
        acknowledgement_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._connection = connection_of(brokers)
        self._registry = Registry(registry) if isinstance(registry, str) else registry
        self._seconds = acknowledgement_seconds
        self._opened: _Opened | None = None
        self._exits = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Connect to the brokers.

        Raises TransientError where they do not answer, and SettingsError where the connection cannot be used.
        """
        if self._opened is not None:
            return
        async with contextlib.AsyncExitStack() as exits:
            producer = await exits.enter_async_context(producer_of(self._connection))
            self._opened = _Opened(producer, await self._partition_counts(producer))
            self._exits = exits.pop_all()

    async def close(self) -> None:
        """Flush what is on its way, and let go of the brokers; returns within seconds whatever they do."""
        self._opened = None
        await self._exits.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def emit(self, event: Event) -> Position:
        """Send an event and wait until all replicas have it; gives where it lies. Raises as `emit_all` does."""
        [position] = await self.emit_all([event])
        return position

    async def emit_all(self, events: Iterable[Event]) -> list[Position]:
        """Send events in their order and wait until all replicas have every one of them; gives where each lies.

        All are checked before the first is sent. Raises InvalidEvent for what is no event, of which nothing is sent;
        NotAcknowledged where brokers do not confirm in time, which leaves open what they have taken; SettingsError where a
        topic is missing; TransientError where a registry gives no answer; EmitterClosed where the emitter is not open.
        """
        opened = self._opened
        if opened is None:
            raise EmitterClosed("the emitter is not open: use it inside its block, or between start() and close()")
        said = list(events)
        now = now_microseconds()
        for event in said:
            check_event(event, now=now)
        encode = codec.encode if self._registry is None else await asyncio.to_thread(prepared, self._registry, said)
        records = [self._record_of(event, opened, encode) for event in said]
        chunks = send_in_chunks(records, opened.producer, seconds=self._seconds)
        return [position async for chunk in chunks for position in chunk]

    def _record_of(self, event: Event, opened: _Opened, encode: Callable[[Event], bytes]) -> Outgoing:
        [topic] = TOPICS_OF_TYPE[type(event)]
        partition_count = opened.partition_counts.get(topic)
        if partition_count is None:
            raise SettingsError(f"the topic {topic} does not exist at {self._connection}; 'credits topics create' makes it")
        [record] = records_of(event, partition_count=partition_count, encode=encode)
        return record

    async def _partition_counts(self, producer: AIOKafkaProducer) -> dict[str, int]:
        """Ask for all topics: to ask for one by its name could make it."""
        try:
            found = await producer.client.fetch_all_metadata()
        except KafkaError as error:
            raise TransientError(f"Kafka at {self._connection} does not say which topics there are: {error!r}") from error
        counts = {topic: found.partitions_for_topic(topic) for topic in INPUT_TOPICS}
        return {topic: len(partitions) for topic, partitions in counts.items() if partitions}


def prepared(registry: Registry, events: Sequence[Event]) -> Callable[[Event], bytes]:
    """Let a registry, which is asked over HTTP, know every schema that some events need; gives what writes them."""
    for event in {type(event): event for event in events}.values():
        registry.encode(event)
    return registry.encode


def check_event(event: Event, *, now: int) -> None:
    """Raise InvalidEvent for what a worker would refuse; `now` in UTC microseconds.

    Events that the functions of this package made pass, unless they are recorded more than an hour ahead of now, which the
    brokers would not take.
    """
    if type(event) is TimeAdvanced:
        raise InvalidEvent("type", "must not be TimeAdvanced: the workers say the time")
    if type(event) not in TOPICS_OF_TYPE:
        raise InvalidEvent("type", f"must be an event, not a {type(event).__name__}")
    fault = fault_of(event, record_timestamp=now)
    if fault is not None:
        raise InvalidEvent(fault.field, fault.detail)
