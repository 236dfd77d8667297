"""The one producer of a worker for what is brought over HTTP, and for its own word on what it owns.

It is started when it is first needed, and anew after Kafka has turned a record down: an idempotent producer that failed once
may fail for ever.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from creditstream.connection import Brokers
from creditstream.records import Outgoing
from creditstream.sending import Position, send_in_chunks
from schemas.errors import NotAcknowledged
from streams.kafka.clients import producer_of

_AT_A_TIME = 250


class Sender:
    """Sends records and awaits that all replicas have them; any number of tasks may use it at a time.

    `seconds` is the time that Kafka has to acknowledge all that one call sends.
    """

    def __init__(self, brokers: Brokers, *, seconds: float) -> None:
        self._brokers = brokers
        self._seconds = seconds
        self._starting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._exits = contextlib.AsyncExitStack()

    async def send(self, records: Sequence[Outgoing]) -> list[Position]:
        """Send records in their order; gives where each lies.

        Raises TransientError where Kafka does not answer, and NotAcknowledged, which is one, where it has not confirmed all
        of them in time: some may be stored.
        """
        try:
            async with asyncio.timeout(self._seconds):
                async with self._starting:
                    producer = self._producer or await self._started()
                return await self._sent(records, producer)
        except TimeoutError as error:
            raise NotAcknowledged(f"Kafka has not acknowledged everything within {self._seconds:g} s") from error

    async def _sent(self, records: Sequence[Outgoing], producer: AIOKafkaProducer) -> list[Position]:
        """Send piece by piece, since to begin many sends at once would hold the loop."""
        positions: list[Position] = []
        try:
            for begin in range(0, len(records), _AT_A_TIME):
                piece = records[begin : begin + _AT_A_TIME]
                async for chunk in send_in_chunks(piece, producer, seconds=self._seconds):
                    positions += chunk
        except NotAcknowledged as error:
            if isinstance(error.__cause__, KafkaError):
                await self._drop(producer)
            raise
        return positions

    async def close(self) -> None:
        """Let go of the brokers; returns within seconds whatever they do."""
        async with self._starting:
            self._producer = None
            await self._exits.aclose()

    async def _started(self) -> AIOKafkaProducer:
        producer: Any = await self._exits.enter_async_context(producer_of(self._brokers))
        self._producer = producer
        return producer

    async def _drop(self, failed: AIOKafkaProducer) -> None:
        async with self._starting:
            if self._producer is failed:
                self._producer = None
                await self._exits.aclose()
