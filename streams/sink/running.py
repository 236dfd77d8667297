"""The sink: from the output topics into ClickHouse, at least once, where keys and revisions make repeats harmless.

A process and a consumer group of its own. Only what is committed is read; offsets are committed after the insert; an outage
of ClickHouse is waited out with a growing pause, while the topics keep what is to come (docs/architecture.md, the sink).
"""

import asyncio
import logging
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.client import Client

from projections.row_codec import PublishedRow, decode_change
from projections.rows import TABLES
from schemas.errors import DecodeError, InvariantViolation, TransientError
from streams.clickhouse import ClickHouseAddress, connect, insert, migrate
from streams.kafka.topics import GENERATION
from streams.logs import log_to_stderr
from streams.settings import SinkSettings

_Result = TypeVar("_Result")

_log = logging.getLogger("streams.sink")

_TABLE_OF_TOPIC = {table.topic: table for table in TABLES}
_PAUSE_SECONDS_FIRST = 0.5
_PAUSE_SECONDS_MAX = 30.0


def sink_group(generation: int) -> str:
    """Give the name of the sink's consumer group; its committed offsets tell what is visible in ClickHouse."""
    return f"credits-sink-{generation}"


async def carry(settings: SinkSettings, stop: asyncio.Event) -> None:
    """Carry rows from the output topics to ClickHouse until `stop` is set; what is in hand then is carried first."""
    client = await _retried(partial(_connect_and_migrate, settings), stop)
    if client is None:
        return
    consumer = AIOKafkaConsumer(
        *_TABLE_OF_TOPIC,
        bootstrap_servers=list(settings.brokers),
        group_id=sink_group(GENERATION),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    committed: dict[TopicPartition, int] = {}
    try:
        await consumer.start()
        while not stop.is_set():
            batch = await _collect(consumer, settings, stop)
            if await _retried(partial(_insert_all, client, batch, GENERATION), stop) is None:
                return
            committed |= await _commit(consumer, batch, committed)
    finally:
        await consumer.stop()
        client.close()


class _Batch(NamedTuple):
    """Rows by topic, and the position up to which each topic partition was read."""

    rows: dict[str, list[PublishedRow]]
    positions: dict[TopicPartition, int]
    token: str


async def _collect(consumer: AIOKafkaConsumer, settings: SinkSettings, stop: asyncio.Event) -> _Batch:
    """Read until the batch is full or old enough; it may be empty."""
    rows: dict[str, list[PublishedRow]] = {}
    row_count = 0
    begun = time.monotonic()
    while row_count < settings.batch_rows and not stop.is_set():
        left_seconds = begun + settings.batch_milliseconds / 1000 - time.monotonic()
        if left_seconds <= 0:
            break
        fetched = await consumer.getmany(timeout_ms=int(left_seconds * 1000) + 1, max_records=settings.batch_rows)
        for partition, records in fetched.items():
            rows.setdefault(partition.topic, []).extend(_published(records))
            row_count += len(records)
    positions = {partition: await consumer.position(partition) for partition in consumer.assignment()}
    return _Batch(rows, positions, token=uuid.uuid4().hex)


def _published(records: Iterable[ConsumerRecord]) -> Iterator[PublishedRow]:
    for record in records:
        try:
            yield decode_change(record.topic, record.value or b"")
        except DecodeError as error:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            raise InvariantViolation(f"no row lies at {place}, which only the worker may write: {error}") from error


def _insert_all(client: Client, batch: _Batch, generation: int) -> bool:
    """Insert every table's rows; the token is the batch's own, so that a repeat within this process is dropped."""
    for topic, published in batch.rows.items():
        insert(client, _TABLE_OF_TOPIC[topic], published, generation=generation, token=f"{batch.token}-{topic}")
    return True


async def _commit(
    consumer: AIOKafkaConsumer, batch: _Batch, committed: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Commit what was inserted, of the partitions that are still ours; gives the positions that are new."""
    held = consumer.assignment()
    positions = {
        partition: position
        for partition, position in batch.positions.items()
        if partition in held and committed.get(partition) != position
    }
    if positions:
        await consumer.commit(positions)
    return positions


def _connect_and_migrate(settings: SinkSettings) -> Client:
    client = connect(ClickHouseAddress(settings.host, settings.port, settings.user, settings.password))
    for name in migrate(client, generation=GENERATION):
        _log.info("migration %s applied", name)
    return client


async def _retried(work: Callable[[], _Result], stop: asyncio.Event) -> _Result | None:
    """Do the work in a thread until it succeeds; None where `stop` was set before it did.

    Retries are not bounded: while ClickHouse is out, the topics keep everything, and nothing may be acknowledged.
    """
    pause_seconds = _PAUSE_SECONDS_FIRST
    while True:
        try:
            return await asyncio.to_thread(work)
        except TransientError as error:
            _log.warning("%s; trying again in %.1f s", error, pause_seconds)
        try:
            await asyncio.wait_for(stop.wait(), pause_seconds)
        except TimeoutError:
            pause_seconds = min(2 * pause_seconds, _PAUSE_SECONDS_MAX)
        else:
            return None


async def _run_until_signalled(settings: SinkSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await carry(settings, stop)


def run_sink(settings: SinkSettings) -> None:
    """Carry rows until SIGTERM or SIGINT.

    Raises InvariantViolation where an output topic holds what is no row, and TransientError where Kafka gives up.
    """
    log_to_stderr(settings.log_level)
    try:
        asyncio.run(_run_until_signalled(settings))
    except KafkaError as error:
        raise TransientError(f"Kafka at {','.join(settings.brokers)} does not answer: {error!r}") from error
