"""The work on one table: tried again until it succeeds, with the same block, and never for rows that are others' by now."""

import asyncio
import threading

import pytest
from prometheus_client import CollectorRegistry

from projections.rows import TABLES
from schemas.records import RawRecord
from streams.clickhouse.troubles import OutageError, RefusedError
from streams.metrics import SinkMetrics
from streams.sink import inserting as inserting_module
from streams.sink.backoff import Backoff
from streams.sink.bisecting import NothingAcceptedError
from streams.sink.health import Health
from streams.sink.inserting import Inserting
from streams.sink.queues import Block, TableQueue

TABLE = TABLES[0]
AWAY = OutageError("ClickHouse is away", reason="unreachable")


class Writing:
    """What becomes of each block: an error that is raised, or None; after the last one all succeeds."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.blocks: list[Block] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def write(self, block: Block) -> None:
        self.blocks.append(block)
        assert self.may_go_on.wait(30)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome

    def offsets(self) -> list[list[int]]:
        return [[record.offset for record in block.records] for block in self.blocks]


class Work:
    """The work on one queue, in a task; `wait` polls until something is so."""

    def __init__(self, writing: Writing) -> None:
        self.queue = TableQueue(TABLE, batch_bytes=1 << 20, batch_seconds=0.01, limit_bytes=1 << 20)
        self.registry, self.health = CollectorRegistry(), Health()
        self.metrics = SinkMetrics(self.registry)
        self.inserted_count = 0
        inserting = Inserting(writing, at_once=1, metrics=self.metrics, health=self.health, on_inserted=self._count)
        self.task = asyncio.create_task(inserting.insert_on(self.queue))

    def _count(self) -> None:
        self.inserted_count += 1

    def put(self, *offsets: int) -> None:
        self.queue.put(RawRecord(TABLE.topic, 0, offset, 0, b"k", b"v", ()) for offset in offsets)

    async def wait(self, ready) -> None:
        async with asyncio.timeout(30):
            while not ready():
                assert not self.task.done()
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    def retries(self, reason: str) -> float | None:
        return self.registry.get_sample_value("credits_sink_retries_total", {"reason": reason})

    def clickhouse_up(self) -> float | None:
        return self.registry.get_sample_value("credits_sink_clickhouse_up")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """Let pauses be as good as none."""
    monkeypatch.setattr(inserting_module, "Backoff", lambda: Backoff(lambda _least, _most: 0.001))


async def test_the_same_block_is_tried_again_until_it_is_taken(caplog):
    """Rows that came meanwhile wait for the next block, so that the token of this one makes its repeat harmless."""
    writing = Writing(AWAY, OutageError("too many parts", reason="252"), AWAY)
    writing.may_go_on.clear()
    work = Work(writing)
    work.put(1, 2)
    await work.wait(lambda: writing.blocks)
    work.put(3)
    writing.may_go_on.set()
    await work.wait(lambda: work.inserted_count == 2)
    await work.end()
    assert writing.offsets() == [[1, 2]] * 4 + [[3]]
    assert (work.retries("unreachable"), work.retries("252"), work.clickhouse_up(), len(work.queue)) == (2, 1, 1, 0)
    assert "ClickHouse is away; trying again in 0.0 s" in caplog.messages


async def test_an_outage_shows():
    """While nothing answers, health and metrics say so."""
    writing = Writing(*[AWAY] * 100_000)
    work = Work(writing)
    work.health.clickhouse_answers = True
    work.put(1)
    await work.wait(lambda: work.retries("unreachable"))
    assert not work.health.clickhouse_answers
    assert work.clickhouse_up() == 0
    await work.end()


async def test_where_nothing_is_accepted_the_block_is_cut_anew():
    """Rows that came since may tell whether it is the fault of those that wait; they go on in the same order."""
    writing = Writing(NothingAcceptedError("nothing", reason="27"), RefusedError("keep refused rows", code=6, words="no"))
    writing.may_go_on.clear()
    work = Work(writing)
    work.put(1)
    await work.wait(lambda: writing.blocks)
    work.put(2)
    writing.may_go_on.set()
    await work.wait(lambda: work.inserted_count)
    await work.end()
    assert writing.offsets() == [[1], [1, 2], [1, 2]]
    assert (work.retries("27"), work.retries("6")) == (1, 1)


async def test_rows_of_others_are_not_tried_again():
    """After a new assignment the old block is let go; what is read then is inserted."""
    writing = Writing(AWAY)
    writing.may_go_on.clear()
    work = Work(writing)
    work.put(1, 2)
    await work.wait(lambda: writing.blocks)
    work.queue.clear()
    work.put(2)
    writing.may_go_on.set()
    await work.wait(lambda: work.inserted_count)
    await work.end()
    assert writing.offsets() == [[1, 2], [2]]


async def test_what_is_being_inserted_is_finished_when_the_sink_ends():
    """An insert that is under way is waited for, and counts."""
    writing = Writing()
    writing.may_go_on.clear()
    work = Work(writing)
    work.put(1)
    await work.wait(lambda: writing.blocks)
    ending = asyncio.create_task(work.end())
    await asyncio.sleep(0)
    assert work.inserted_count == 0
    writing.may_go_on.set()
    await ending
    assert (work.inserted_count, len(work.queue)) == (1, 0)
