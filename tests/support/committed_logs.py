"""What a reader of committed records has of the topics: the published rows, and the state of every partition number.

Both are read on from where they were read up to the last time, and checked on the way: a key's revision only grows, and no
key of an output is written by two partitions.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from creditstream.closing import close_within
from projections.books import Books
from projections.results import Rows
from projections.row_codec import decode_change
from projections.rows import Change
from projections.state import MemoryState
from schemas import topics
from schemas.catalog import Catalog
from streams.kafka.topics import CHANGELOG, OUTPUT_TOPICS
from streams.worker.worker_keys import read_position

_FETCH_MILLISECONDS = 50
_CLOSE_SECONDS = 5
_OF_THE_WORKER = b"\x00"
"""With this begin the keys of a state that hold no part of the books: positions, commit number and the like."""


@contextlib.asynccontextmanager
async def reader_of_committed(servers: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Run a consumer of no group that reads committed records only."""
    async with _reader(servers, isolation_level="read_committed") as consumer:
        yield consumer


async def open_transaction_count(servers: str, *, numbers: Iterable[int]) -> int:
    """Count the partition numbers whose changelog the broker holds up for readers, since a transaction is open in it."""
    changelogs = [TopicPartition(CHANGELOG, number) for number in numbers]
    if not changelogs:
        return 0
    ends, stable_ends = await asyncio.gather(
        *[_ends_as_seen(servers, changelogs, level) for level in ("read_uncommitted", "read_committed")]
    )
    return sum(stable_ends[log] < ends[log] for log in changelogs)


async def has_open_transaction(servers: str, names: Sequence[str], *, partition_count: int) -> bool:
    """Say whether the broker holds up any partition of some topics for readers, since a transaction is open in it."""
    logs = _partitions_of(names, partition_count)
    levels = ("read_uncommitted", "read_committed")
    ends, stable_ends = await asyncio.gather(*[_ends_as_seen(servers, logs, level) for level in levels])
    return ends != stable_ends


async def _ends_as_seen(servers: str, logs: Sequence[TopicPartition], isolation_level: str) -> dict[TopicPartition, int]:
    async with _reader(servers, isolation_level=isolation_level) as reader:
        return await reader.end_offsets(logs)


@contextlib.asynccontextmanager
async def _reader(servers: str, *, isolation_level: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level=isolation_level,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=_FETCH_MILLISECONDS,
        max_partition_fetch_bytes=4 << 20,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await close_within(_CLOSE_SECONDS, consumer.stop())


async def ends_of(consumer: AIOKafkaConsumer, names: Sequence[str], *, partition_count: int) -> dict[TopicPartition, int]:
    """Give the last stable offset of every partition of some topics."""
    return await consumer.end_offsets(_partitions_of(names, partition_count))


class Logs:
    """Some topics, of which each record is given once, in the order of its log."""

    def __init__(self, names: Sequence[str], *, partition_count: int) -> None:
        self._positions = dict.fromkeys(_partitions_of(names, partition_count), 0)

    async def read_on(self, consumer: AIOKafkaConsumer) -> list[ConsumerRecord]:
        """Give what was committed since the last time, up to the ends as of now."""
        logs = list(self._positions)
        consumer.assign(logs)
        for log, position in self._positions.items():
            consumer.seek(log, position)
        records: list[ConsumerRecord] = []
        ends = await consumer.end_offsets(logs)
        while any([await consumer.position(log) < end for log, end in ends.items()]):
            for fetched in (await consumer.getmany(timeout_ms=_FETCH_MILLISECONDS)).values():
                records.extend(fetched)
        self._positions = {log: await consumer.position(log) for log in logs}
        return records


class PublishedRows:
    """The rows that a reader of the output topics has: of each key the row with the greatest revision."""

    def __init__(self, *, partition_count: int) -> None:
        self._logs = Logs(OUTPUT_TOPICS, partition_count=partition_count)
        self._written: dict[tuple[str, bytes], tuple[int, int]] = {}
        self.rows = Rows()
        self.row_count = 0

    async def read_on(self, consumer: AIOKafkaConsumer) -> None:
        """Take in what was published since the last time."""
        for record in await self._logs.read_on(consumer):
            self._take(record)

    def _take(self, record: ConsumerRecord) -> None:
        published = decode_change(record.topic, record.value)
        partition, revision = self._written.get((record.topic, record.key), (record.partition, 0))
        where = f"{record.topic}/{record.partition}/{record.offset}, key {record.key!r}"
        assert record.partition == partition, f"{where}: this key was written by partition {partition}"
        assert published.revision > revision, f"{where}: revision {published.revision} follows {revision}"
        self._written[record.topic, record.key] = (partition, published.revision)
        self.rows.take([Change(published.row, published.source, published.deleted)])
        self.row_count += 1


class CommittedStates:
    """The state of every partition number as its changelog has it."""

    def __init__(self, *, partition_count: int) -> None:
        self._logs = Logs([CHANGELOG], partition_count=partition_count)
        self.states = [MemoryState() for _ in range(partition_count)]

    async def read_on(self, consumer: AIOKafkaConsumer) -> None:
        """Take in what was committed since the last time."""
        for record in await self._logs.read_on(consumer):
            state = self.states[record.partition]
            if record.value is None:
                state.delete(record.key)
            else:
                state.put(record.key, record.value)

    def is_anything_due(self, catalog: Catalog) -> bool:
        """Say whether anything is left to do that no record brings: accounts to be derived further, months to be settled."""
        return any(Books(state, catalog=catalog).has_due() for state in self.states)

    def positions(self) -> Mapping[TopicPartition, int]:
        """Give the fetch position up to which each input topic partition is applied."""
        return {
            TopicPartition(topic, number): read_position(state, topic)
            for number, state in enumerate(self.states)
            for topic in topics.INPUT_TOPICS
        }


def books_part(state: MemoryState) -> dict[bytes, bytes]:
    """Give what a state holds of the books: accepted events, clocks, and rows that are kept; the same for any batches."""
    return {key: value for key, value in state.scan(b"") if not key.startswith(_OF_THE_WORKER)}


def _partitions_of(names: Sequence[str], partition_count: int) -> list[TopicPartition]:
    return [TopicPartition(name, number) for name in names for number in range(partition_count)]
