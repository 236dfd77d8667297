"""The work on one table: its blocks are written one after the other, and tried again for as long as an outage lasts."""

import asyncio
import logging
from collections.abc import Callable

from streams.clickhouse.troubles import UNREACHABLE, OutageError, RefusedError
from streams.metrics import SinkMetrics
from streams.sink.backoff import Backoff
from streams.sink.bisecting import NothingAcceptedError
from streams.sink.health import Health
from streams.sink.queues import Block, TableQueue
from streams.sink.writing import Writer

_log = logging.getLogger("streams.sink")

_FINISH_SECONDS = 5


class Inserting:
    """What the work on all tables shares: the writer, how many write at once, and what is told of it.

    `on_inserted` is called after each block; by then the rows are gone from their queue.
    """

    def __init__(
        self, writer: Writer, *, at_once: int, metrics: SinkMetrics, health: Health, on_inserted: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._turns = asyncio.Semaphore(at_once)
        self._metrics = metrics
        self._health = health
        self._on_inserted = on_inserted

    async def insert_on(self, queue: TableQueue) -> None:
        """Insert what a queue gives, for ever.

        The same block is tried again, so that its token makes a repeat of it harmless; where ClickHouse accepts not one row
        of it, it is cut anew, together with what has come since.
        """
        backoff = Backoff()
        block: Block | None = None
        while True:
            if block is None or not queue.holds(block):
                block = await queue.next_block()
            try:
                async with self._turns:
                    await self._write(queue, block)
            except (OutageError, RefusedError) as error:
                if isinstance(error, NothingAcceptedError):
                    block = None
                await self._wait_out(error, backoff)
            else:
                block = None
                backoff.reset()

    async def _write(self, queue: TableQueue, block: Block) -> None:
        """Write a block in a thread; when this is cancelled, what ClickHouse is taking just then is waited for a little."""
        writing = asyncio.create_task(asyncio.to_thread(self._writer.write, block))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing], timeout=_FINISH_SECONDS)
            if writing.done() and writing.exception() is None:
                self._done(queue, block)
            raise
        self._done(queue, block)

    def _done(self, queue: TableQueue, block: Block) -> None:
        self._health.clickhouse_answers = True
        self._metrics.clickhouse_up.set(1)
        queue.done(block)
        self._on_inserted()

    async def _wait_out(self, error: OutageError | RefusedError, backoff: Backoff) -> None:
        if error.reason == UNREACHABLE:
            self._health.clickhouse_answers = False
            self._metrics.clickhouse_up.set(0)
        self._metrics.retries_total.labels(error.reason).inc()
        seconds = backoff.next_seconds()
        _log.warning("%s; trying again in %.1f s", error, seconds)
        await asyncio.sleep(seconds)
