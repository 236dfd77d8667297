"""The queues of the sink: bounded, cut by bytes and age, and never ahead of what is inserted."""

import asyncio
import time

import pytest

from projections.rows import TABLES
from schemas.records import RawRecord
from streams.sink.queues import Queues, TableQueue

TABLE = TABLES[0]
RECORD_BYTES = 300 + 1 + 99
LONG_SECONDS = 3_600


def record(partition: int, offset: int) -> RawRecord:
    return RawRecord(TABLE.topic, partition, offset, 0, b"k", b"v" * 99, ())


def records(partition: int, *offsets: int) -> list[RawRecord]:
    return [record(partition, offset) for offset in offsets]


def queue_of(*, batch_records: int = 10, batch_seconds: float = LONG_SECONDS, limit_records: int = 100) -> TableQueue:
    return TableQueue(
        TABLE,
        batch_bytes=batch_records * RECORD_BYTES,
        batch_seconds=batch_seconds,
        limit_bytes=limit_records * RECORD_BYTES,
    )


async def offsets_of_block(queue: TableQueue) -> list[tuple[int, int]]:
    block = await queue.next_block()
    queue.done(block)
    return [(one.partition, one.offset) for one in block.records]


async def test_a_block_is_cut_by_bytes():
    """As soon as there is enough, so much is given, in the order of partition and offset; the rest waits for more."""
    queue = queue_of(batch_records=3)
    queue.put(records(1, 5))
    queue.put(records(0, 7, 8))
    queue.put(records(1, 6, 7))
    assert await offsets_of_block(queue) == [(0, 7), (0, 8), (1, 5)]
    assert len(queue) == 2
    waiting = asyncio.create_task(offsets_of_block(queue))
    queue.put(records(0, 9))
    assert await waiting == [(0, 9), (1, 6), (1, 7)]
    assert (len(queue), queue.size_bytes) == (0, 0)


async def test_a_block_is_cut_by_age():
    """What is too little for a block does not wait for ever."""
    queue = queue_of(batch_seconds=0.05)
    begun = time.monotonic()
    queue.put(records(0, 1))
    assert await offsets_of_block(queue) == [(0, 1)]
    assert time.monotonic() - begun >= 0.05


async def test_a_record_that_is_larger_than_a_block_is_one():
    """It has to go in whole."""
    queue = TableQueue(TABLE, batch_bytes=10, batch_seconds=LONG_SECONDS, limit_bytes=20)
    queue.put(records(0, 1, 2))
    assert await offsets_of_block(queue) == [(0, 1)]
    assert await offsets_of_block(queue) == [(0, 2)]


async def test_positions_follow_what_is_inserted():
    """A partition's position is that of its oldest row that waits; where none waits, how far it was read."""
    queue = queue_of(batch_records=3)
    queue.put(records(0, 10, 12))
    queue.put(records(1, 3))
    queue.put(records(0, 13))
    for partition, position in ((0, 15), (1, 4), (2, 8)):
        queue.note_position(partition, position)
    assert queue.positions() == {0: 10, 1: 3, 2: 8}
    block = await queue.next_block()
    assert queue.positions() == {0: 10, 1: 3, 2: 8}
    queue.put(records(1, 4))
    queue.done(block)
    assert queue.positions() == {0: 13, 1: 4, 2: 8}
    queue.put(records(0, 15))
    queue.done(await queue.next_block())
    assert queue.positions() == {0: 15, 1: 4, 2: 8}


async def test_rows_of_an_assignment_that_is_over_are_forgotten():
    """A block that was cut before counts for nothing: its rows are read again, by whoever has the partition now."""
    queue = queue_of(batch_records=1)
    queue.put(records(0, 1, 2))
    queue.note_position(0, 3)
    block = await queue.next_block()
    queue.clear()
    assert (len(queue), queue.size_bytes, queue.positions()) == (0, 0, {})
    queue.put(records(0, 1))
    assert not queue.holds(block)
    queue.done(block)
    assert queue.positions() == {0: 1}
    assert await offsets_of_block(queue) == [(0, 1)]


async def test_who_waits_for_a_block_is_not_misled_by_a_new_assignment():
    """Rows that are taken away while somebody waits for them are not given out."""
    queue = queue_of(batch_records=2)
    queue.put(records(0, 1))
    waiting = asyncio.create_task(offsets_of_block(queue))
    await asyncio.sleep(0)
    queue.clear()
    await asyncio.sleep(0)
    queue.put(records(0, 7, 8))
    assert await waiting == [(0, 7), (0, 8)]


async def test_the_buffer_is_shared_and_tells_when_it_is_full():
    """Each table has its share of the bytes: full at its end, read on from below half of it; others do not feel it."""
    queues = Queues(batch_bytes=1 << 20, batch_seconds=LONG_SECONDS, buffer_bytes=len(TABLES) * 4 * RECORD_BYTES)
    full, other = queues.of_topic[TABLE.topic], queues.of_topic[TABLES[1].topic]
    full.put(records(0, 1, 2, 3))
    assert (full.is_full, full.is_half_empty) == (False, False)
    full.put(records(0, 4))
    assert (full.is_full, full.is_half_empty) == (True, False)
    assert (other.is_full, other.is_half_empty) == (False, True)
    assert (queues.size_bytes, queues.row_count) == (4 * RECORD_BYTES, 4)
    full.done(await full.next_block())
    assert (full.is_full, full.is_half_empty) == (False, True)
    full.put(records(0, 5))
    queues.clear()
    assert queues.row_count == 0


@pytest.mark.parametrize("batch_records", [1, 3, 7, 50])
async def test_every_row_is_given_once_in_the_order_of_its_log(batch_records):
    """However blocks are cut, each partition's rows come in order, none twice and none lost."""
    queue = queue_of(batch_records=batch_records, batch_seconds=0.01)
    for offset in range(20):
        queue.put(records(offset % 3, offset))
    given = []
    while len(queue):
        given += await offsets_of_block(queue)
    assert sorted(given) == sorted((offset % 3, offset) for offset in range(20))
    for partition in range(3):
        own = [offset for number, offset in given if number == partition]
        assert own == sorted(own)
