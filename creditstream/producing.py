"""The producer of all events, and how a Kafka client is started and ended: within seconds, or with one sentence."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from creditstream.closing import close_producer, close_within
from creditstream.connection import Brokers, Connection, connection_of
from schemas.errors import TransientError

START_SECONDS = 10
_CLOSE_SECONDS = 5
_CLOSING_TRIES = 3
"""A producer flushes first, and where it cannot, its parts are closed one after another."""
_BATCH_BYTES = 1 << 18


@contextlib.asynccontextmanager
async def producer_of(brokers: Brokers, *, advice: str = "") -> AsyncIterator[AIOKafkaProducer]:
    """Give an idempotent producer, whose records all replicas acknowledge.

    It tries a record again for ever: whoever waits for an acknowledgement sets the limit. Raises TransientError, with
    `advice` at its end, where Kafka does not answer, at the start or to anything that is asked inside the block.
    """
    connection = connection_of(brokers)
    producer = AIOKafkaProducer(
        **connection.arguments(), enable_idempotence=True, acks="all", linger_ms=5, max_batch_size=_BATCH_BYTES
    )
    async with running(producer.start, lambda: close_producer(producer, seconds=_CLOSE_SECONDS), connection, advice=advice):
        yield producer


@contextlib.asynccontextmanager
async def running(
    start: Callable[[], Coroutine[Any, Any, None]],
    close: Callable[[], Coroutine[Any, Any, None]],
    connection: Connection,
    *,
    advice: str,
) -> AsyncIterator[None]:
    """Start a client, and close it when the block is left; raises as `producer_of` does."""
    try:
        await _started(start, connection, advice)
        yield
    except KafkaError as error:
        raise TransientError(f"Kafka at {connection} does not answer: {error!r}") from error
    finally:
        await close_within(_CLOSING_TRIES * _CLOSE_SECONDS, close())


async def _started(start: Callable[[], Coroutine[Any, Any, None]], connection: Connection, advice: str) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            await start()
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        # A client is not told why it was turned away, only that it was.
        refused = f", or does not take a client that comes by {connection.security.protocol}"
        how = "" if connection.security.protocol == "plaintext" else refused
        raise TransientError(f"Kafka at {connection} does not answer{how}{advice and f': {advice}'}") from error
