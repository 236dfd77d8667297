"""The one writer of a partition number: a transactional producer that has fenced every earlier one of its id.

aiokafka commits a transaction although a batch of it failed, so every result is awaited before the commit; a transaction
that is still open when a producer stops would hold up all readers of committed data until it times out, so it is aborted
first. After any error the producer is of no more use: the outcome of its transaction may be unknown, and its owner fences
anew and restores. aiokafka checks its states by `assert`, so this refuses to run where Python was told to leave those out.
"""

import asyncio
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, MessageSizeTooLargeError, ProducerFenced
from aiokafka.structs import RecordMetadata

from creditstream.closing import close_within
from creditstream.connection import Brokers, connection_of
from schemas.errors import CreditsError, InvariantViolation, SettingsError, TransientError
from streams.kafka.messages import Message
from streams.kafka.topics import MESSAGE_BYTES_MAX
from streams.turns import Turn

_START_SECONDS = 30
_COMMIT_SECONDS = 20
_CLOSE_SECONDS = 5
_TRANSACTION_MILLISECONDS = 15_000
_BATCH_BYTES = 1 << 20

_TROUBLE = (KafkaError, IllegalOperation, AssertionError, OSError, TimeoutError)
"""What aiokafka raises when a broker, a connection or its own state machine gives up."""


class FencedError(TransientError):
    """Another worker has taken the partition number over; what this one had not committed is void."""


def refuse_optimized_python() -> None:
    """Raise SettingsError where `python -O` or PYTHONOPTIMIZE leaves out the checks that aiokafka's transactions rest on."""
    if not __debug__:
        raise SettingsError(
            "Python runs with -O or PYTHONOPTIMIZE, which leaves out checks that commits rest on; start it without"
        )


class FencedProducer:
    """A context in which this process is the only writer of its transactional id.

    Entering it fences every earlier owner: whatever they had in flight is aborted or committed by then, for good. Raises
    TransientError where the brokers do not answer, FencedError where a later owner has come.
    """

    def __init__(self, brokers: Brokers, *, transactional_id: str) -> None:
        refuse_optimized_python()
        self._producer = AIOKafkaProducer(
            **connection_of(brokers).arguments(),
            transactional_id=transactional_id,
            transaction_timeout_ms=_TRANSACTION_MILLISECONDS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=MESSAGE_BYTES_MAX,
            # Kafka 4 answers the first write to a partition with a retriable error while it verifies the transaction.
            retry_backoff_ms=20,
            linger_ms=0,
            acks="all",
        )
        self._is_open = False

    async def __aenter__(self) -> Self:
        try:
            # aiokafka asks for a producer id for ever.
            await asyncio.wait_for(self._producer.start(), _START_SECONDS)
        except BaseException as error:
            await close_within(_CLOSE_SECONDS, self._producer.stop())
            if isinstance(error, _TROUBLE):
                raise _named(error, "the transactional producer cannot be started") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_open:
            await close_within(_CLOSE_SECONDS, self._producer.abort_transaction())
        await close_within(_CLOSE_SECONDS, self._producer.stop())

    async def commit(self, messages: Iterator[Message]) -> Mapping[tuple[str, int], int]:
        """Write messages in one transaction; when this returns, all of them are committed.

        Returns the offset of the first record that was written to each topic partition.

        When it raises (TransientError, FencedError, or InvariantViolation for a message that is too large) or is cancelled, the
        outcome is unknown.
        """
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await self._producer.begin_transaction()
                self._is_open = True
                first_offsets = await self._write(messages)
                self._is_open = False
                await self._producer.commit_transaction()
        except _TROUBLE as error:
            raise _named(error, "the transaction cannot be committed") from error
        return first_offsets

    async def _write(self, messages: Iterator[Message]) -> Mapping[tuple[str, int], int]:
        """Send all messages and await every result; raises the first error among them."""
        outbox = _Outbox(self._producer)
        turn = Turn()
        for message in messages:
            await outbox.add(message)
            await turn.pass_on()
        await outbox.send_all()
        written: list[RecordMetadata] = await asyncio.gather(*outbox.results)
        first_offsets: dict[tuple[str, int], int] = {}
        for batch in written:
            log = (batch.topic, batch.partition)
            first_offsets[log] = min(batch.offset, first_offsets.get(log, batch.offset))
        return first_offsets


class _Outbox:
    """Packs messages into record batches, one being filled for each topic partition."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._filling: dict[tuple[str, int], Any] = {}
        self.results: list[asyncio.Future[Any]] = []

    async def add(self, message: Message) -> None:
        target = message.topic, message.partition
        batch = self._filling.get(target)
        if batch is None or not _appended(batch, message):
            if batch is not None:
                await self._send(batch, target)
            self._filling[target] = batch = self._producer.create_batch()
            # An empty batch takes a message of any size; the broker says whether it is too large.
            _appended(batch, message)

    async def send_all(self) -> None:
        for target, batch in self._filling.items():
            await self._send(batch, target)
        self._filling.clear()

    async def _send(self, batch: Any, target: tuple[str, int]) -> None:
        topic, partition = target
        result: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        result.add_done_callback(_look_at)
        self.results.append(result)


def _appended(batch: Any, message: Message) -> bool:
    """Append a message to a record batch; False where the batch is full."""
    appended = batch.append(timestamp=message.timestamp, key=message.key, value=message.value, headers=list(message.headers))
    return appended is not None


def _look_at(result: asyncio.Future[Any]) -> None:
    """Take note of a result that nobody waits for any more, because another one failed before."""
    if not result.cancelled():
        result.exception()


def _named(error: BaseException, what: str) -> CreditsError:
    """Give the error of the project's own that stands for one of aiokafka's."""
    if isinstance(error, ProducerFenced | InvalidProducerEpoch):
        return FencedError(f"{what}: another worker has taken over")
    if isinstance(error, MessageSizeTooLargeError):
        return InvariantViolation(f"{what}: a record is larger than its topic takes, {error}")
    return TransientError(f"{what}: {error!r}")
