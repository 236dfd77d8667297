"""The rows that were read and are not inserted yet: a queue for each table, bounded by bytes, and cut into blocks.

Each table has its own share of the buffer, so that one whose rows ClickHouse does not take holds up no other. Records wait as
the bytes that came, since rows that are taken apart need several times as much memory.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from projections.rows import TABLES, Table
from schemas.records import RawRecord

_RECORD_BYTES = 300
"""What a record needs in memory beside the bytes of key and value, about."""


class Block(NamedTuple):
    """Rows of one table that are inserted together: records of its topic, in the order of partition and offset.

    `assignment` numbers the assignment of partitions during which they were read.
    """

    table: Table
    records: tuple[RawRecord, ...]
    assignment: int


class TableQueue:
    """What waits for one table, in the order in which it was read.

    A block is cut at `batch_bytes`, or when the oldest record has waited `batch_seconds`. Nothing is refused for want of
    room: whoever reads asks `is_full` first.
    """

    def __init__(self, table: Table, *, batch_bytes: int, batch_seconds: float, limit_bytes: int) -> None:
        self.table = table
        self.size_bytes = 0
        self._batch_bytes = min(batch_bytes, limit_bytes)
        self._batch_seconds = batch_seconds
        self._limit_bytes = limit_bytes
        self._records: deque[RawRecord] = deque()
        self._oldest_since = 0.0
        self._cut_at = 0.0
        self._assignment = 0
        self._read_to: dict[int, int] = {}
        self._waiting_from: dict[int, int] = {}
        self._waiting_counts: Counter[int] = Counter()
        self._something = asyncio.Event()
        self._enough = asyncio.Event()

    def __len__(self) -> int:
        """Count the records that wait."""
        return len(self._records)

    @property
    def is_full(self) -> bool:
        """Say whether so much waits that no more should be read."""
        return self.size_bytes >= self._limit_bytes

    @property
    def is_half_empty(self) -> bool:
        """Say whether there is room enough to read on after the queue was full."""
        return self.size_bytes < self._limit_bytes / 2

    def put(self, records: Iterable[RawRecord]) -> None:
        """Add records as they were read, each partition's in the order of its log."""
        if not self._records:
            self._oldest_since = time.monotonic()
        for record in records:
            if not self._waiting_counts[record.partition]:
                self._waiting_from[record.partition] = record.offset
            self._waiting_counts[record.partition] += 1
            self._records.append(record)
            self.size_bytes += _size_of(record)
        self._tell()

    def note_position(self, partition: int, position: int) -> None:
        """Note how far a partition was read, by its fetch position: what lies before it was put here, or is no record."""
        self._read_to[partition] = position

    def positions(self) -> Mapping[int, int]:
        """Give for each partition how far everything is inserted, as a fetch position."""
        waiting = {number: self._waiting_from[number] for number, count in self._waiting_counts.items() if count}
        return {**self._read_to, **waiting}

    async def next_block(self) -> Block:
        """Wait for enough rows, or for old ones, and give them; they stay here until they are `done`."""
        while True:
            await self._something.wait()
            left_seconds = self._oldest_since + self._batch_seconds - time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_seconds):
                    await self._enough.wait()
            if self._records:
                return self._cut()

    def holds(self, block: Block) -> bool:
        """Say whether a block's rows are still to be inserted from here; a new assignment may have given them to others."""
        return block.assignment == self._assignment

    def done(self, block: Block) -> None:
        """Let go of the rows of the block that was cut last, which are inserted."""
        if not self.holds(block):
            return
        for record in (self._records.popleft() for _ in block.records):
            self.size_bytes -= _size_of(record)
            self._waiting_counts[record.partition] -= 1
            self._waiting_from[record.partition] = record.offset + 1
        self._oldest_since = self._cut_at
        self._tell()

    def clear(self) -> None:
        """Forget everything: the partitions are assigned anew, and are read from what was committed."""
        self._assignment += 1
        self.size_bytes = 0
        self._records.clear()
        self._read_to.clear()
        self._waiting_from.clear()
        self._waiting_counts.clear()
        self._tell()

    def _cut(self) -> Block:
        self._cut_at = time.monotonic()
        sizes = itertools.accumulate(map(_size_of, self._records))
        count = sum(1 for _ in itertools.takewhile(lambda size: size <= self._batch_bytes, sizes))
        records = itertools.islice(self._records, max(count, 1))
        ordered = sorted(records, key=lambda record: (record.partition, record.offset))
        return Block(self.table, tuple(ordered), self._assignment)

    def _tell(self) -> None:
        for event, is_so in ((self._something, bool(self._records)), (self._enough, self.size_bytes >= self._batch_bytes)):
            if is_so:
                event.set()
            else:
                event.clear()


class Queues:
    """The queues of all tables, by topic, and the buffer that they share."""

    def __init__(self, *, batch_bytes: int, batch_seconds: float, buffer_bytes: int) -> None:
        share_bytes = buffer_bytes // len(TABLES)
        self.of_topic = {
            table.topic: TableQueue(table, batch_bytes=batch_bytes, batch_seconds=batch_seconds, limit_bytes=share_bytes)
            for table in TABLES
        }

    @property
    def size_bytes(self) -> int:
        """The bytes that wait, with what memory needs beside them."""
        return sum(queue.size_bytes for queue in self.of_topic.values())

    @property
    def row_count(self) -> int:
        """The number of rows that wait."""
        return sum(len(queue) for queue in self.of_topic.values())

    def clear(self) -> None:
        """Forget everything, in all of them."""
        for queue in self.of_topic.values():
            queue.clear()


def _size_of(record: RawRecord) -> int:
    return len(record.key or b"") + len(record.value or b"") + _RECORD_BYTES
