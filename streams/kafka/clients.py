"""Kafka's clients as the commands use them: they answer within seconds, or one sentence says that nobody does."""

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from creditstream import producing
from creditstream.connection import Brokers, connection_of
from creditstream.producing import running
from creditstream.sending import SILENT_SECONDS
from schemas.errors import TransientError

_ADVICE = "say with CREDITS_KAFKA_BROKERS where it is, or start one on this machine with 'credits up'"
_FETCH_MILLISECONDS = 100
_FETCH_WAIT_MILLISECONDS = 20


@contextlib.asynccontextmanager
async def admin_of(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a client for topics and groups.

    Raises TransientError where Kafka does not answer, at the start or to anything that is asked inside the block.
    """
    connection = connection_of(brokers)
    admin = AIOKafkaAdminClient(**connection.arguments())
    async with running(admin.start, admin.close, connection, advice=_ADVICE):
        yield admin


@contextlib.asynccontextmanager
async def reader_of(brokers: Brokers, *, wait_milliseconds: int = _FETCH_WAIT_MILLISECONDS) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a reader of committed records, of no group, to which nothing is assigned yet; raises as `admin_of` does.

    Where there is nothing new the brokers wait so long before they say so.
    """
    connection = connection_of(brokers)
    reader = AIOKafkaConsumer(
        **connection.arguments(),
        isolation_level="read_committed",
        # A position that is no more in the log is an error, never a jump to another one.
        auto_offset_reset="none",
        enable_auto_commit=False,
        # What is asked next of a broker waits behind a fetch.
        fetch_max_wait_ms=wait_milliseconds,
    )
    async with running(reader.start, reader.stop, connection, advice=_ADVICE):
        yield reader


@contextlib.asynccontextmanager
async def producer_of(brokers: Brokers) -> AsyncIterator[AIOKafkaProducer]:
    """Give an idempotent producer, whose records all replicas acknowledge; raises as `admin_of` does.

    It tries a record again for ever: whoever waits for an acknowledgement sets the limit.
    """
    async with producing.producer_of(brokers, advice=_ADVICE) as producer:
        yield producer


async def spans_of(reader: AIOKafkaConsumer, logs: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
    """Give where logs begin and where, as of now, what is committed in them ends: the offset after the last."""
    # Assigned first, so that all become known at once, and not one after another.
    reader.assign(logs)
    for log in logs:
        reader.pause(log)
        reader.seek(log, 0)  # a log without a position makes an error, which a later read would meet
    ends = await reader.end_offsets(logs)
    beginnings = await reader.beginning_offsets(logs)
    return {log: (beginnings[log], ends[log]) for log in logs}


async def read_spans(
    reader: AIOKafkaConsumer, spans: Mapping[TopicPartition, tuple[int, int]]
) -> AsyncGenerator[list[ConsumerRecord[bytes, bytes]], None]:
    """Read logs from one offset up to another, which is left out, in pieces; each piece is of one log and in its order.

    Guarantees that a log is read to its end also where that is no record but the mark of a commit. Raises TransientError
    where nothing comes for half a minute.
    """
    ends = {log: end for log, (begin, end) in spans.items() if begin < end}
    reader.assign(list(ends))
    for log in ends:
        reader.seek(log, spans[log][0])
    moved_seconds = time.monotonic()
    while ends:
        fetched = await reader.getmany(timeout_ms=_FETCH_MILLISECONDS)
        for log, records in fetched.items():
            yield [record for record in records if record.offset < spans[log][1]]
        for log in [log for log, end in ends.items() if await reader.position(log) >= end]:
            reader.pause(log)
            del ends[log]
            moved_seconds = time.monotonic()
        if fetched:
            moved_seconds = time.monotonic()
        if time.monotonic() - moved_seconds > SILENT_SECONDS:
            names = ", ".join(sorted({log.topic for log in ends}))
            raise TransientError(f"Kafka has given nothing more of {names} for {SILENT_SECONDS} s")
