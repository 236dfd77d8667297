"""A whole stream for tests: Kafka, ClickHouse, workers and sink as processes, a feed, and the one question that counts.

`Stream.check` asks it: are the books the same in a fold of the input topics, in the workers' state, on the output topics and
in ClickHouse, row by row and field by field? It is asked of the whole log, which only grows (docs/testing.md).
"""

import asyncio
import contextlib
import itertools
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from schemas.records import RawRecord, ReadRecord
from streams.clickhouse import ClickHouseAddress
from streams.embedded.stack import Stack
from streams.kafka.clients import admin_of
from tests.support import upstream
from tests.support.committed_logs import open_transaction_count, reader_of_committed
from tests.support.fault_report import Report
from tests.support.feed import CATALOG, CATALOG_TEXT
from tests.support.sink_watch import SinkWatch
from tests.support.stream_books import StreamBooks
from tests.support.stream_worker import StreamWorker
from tests.support.worker_phases import InFlight

PARTITION_COUNT = 6
SECONDS = 120
"""So long anything may take at most."""
SESSION_SECONDS = 6
_POLL_SECONDS, _CATCH_SECONDS = 0.1, 0.002
_FLOW_RECORDS, _FLOW_SECONDS = 25, 0.2
_SINK_COMMAND = (sys.executable, "-m", "streams", "sink")


class Stream:
    """A running stream. `proxied_port` is a port of Kafka's whose address, as clients are told it, is `proxy_port`."""

    def __init__(self, stack: Stack, *, feed: Iterable[RawRecord], report: Report, proxied_port: int, proxy_port: int) -> None:
        self.stack = stack
        self.report = report
        self.proxied_port = proxied_port
        self.proxy_port = proxy_port
        self.workers: dict[str, StreamWorker] = {}
        self._feed = iter(feed)
        clickhouse = ClickHouseAddress(stack.clickhouse_host, stack.clickhouse_port)
        self._books = StreamBooks(stack.bootstrap_servers, clickhouse, partition_count=PARTITION_COUNT, catalog=CATALOG)
        catalog = stack.data_folder / "catalog.toml"
        catalog.write_text(CATALOG_TEXT, encoding="utf-8")
        self._environment = {
            "CREDITS_KAFKA_BROKERS": stack.bootstrap_servers,
            "CREDITS_CLICKHOUSE_HOST": stack.clickhouse_host,
            "CREDITS_CLICKHOUSE_PORT": str(stack.clickhouse_port),
            "CREDITS_CATALOG": str(catalog),
            "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
            "CREDITS_BATCH_RECORDS": "50",
            "CREDITS_COMMIT_MILLISECONDS": "20",
            "CREDITS_SESSION_SECONDS": str(SESSION_SECONDS),
            "CREDITS_SINK_MEMBER_NAME": "sink",
            "CREDITS_SINK_MILLISECONDS": "100",
            "CREDITS_SINK_WEB_PORT": "0",
            "CREDITS_WEB_PORT": "0",
            "CREDITS_CLOCK": "off",
            "CREDITS_LOG_LEVEL": "DEBUG",
        }
        self._sink_count = 0

    def worker(self, name: str, **settings: str) -> StreamWorker:
        """Give the worker of this name, made with these settings the first time; it may run or not."""
        if name not in self.workers:
            self.workers[name] = StreamWorker(self.stack, name, {**self._environment, **settings})
        return self.workers[name]

    def member(self, name: str) -> StreamWorker:
        """Give a worker whose group knows it by name, so that one that restarts has its partitions back at once."""
        return self.worker(name, CREDITS_MEMBER_NAME=name)

    def run_only(self, *wanted: StreamWorker) -> None:
        """Let these workers run, and no others."""
        for worker in self.workers.values():
            if worker.is_running and worker not in wanted:
                worker.stop()
        for worker in wanted:
            if not worker.is_running:
                worker.start()

    def has_open_transaction(self, worker: StreamWorker) -> bool:
        """Say whether the broker has a transaction open of a worker that stands still."""
        numbers = worker.log.read_on().committing_numbers
        return asyncio.run(open_transaction_count(self.stack.bootstrap_servers, numbers=numbers)) > 0

    def kill(self, worker: StreamWorker) -> frozenset[InFlight]:
        """Kill a worker and report what it fell into; gives the same."""
        worker.kill()
        fell_into = worker.log.read_on().in_flight()
        if self.has_open_transaction(worker):
            fell_into |= {InFlight.TRANSACTION}
        self.report.count_kill(fell_into)
        return fell_into

    def start_sink(self) -> None:
        """Start the sink."""
        self._sink_count += 1
        self.stack.start_process(self.sink_name, _SINK_COMMAND, environment=self._environment)

    @property
    def sink_name(self) -> str:
        """The name of the sink among the processes of the stack."""
        return f"sink.{self._sink_count}"

    def kill_process(self, name: str) -> None:
        """End a process of the stack as a power cut would."""
        process = self.stack.processes.child_of(name).process
        process.kill()
        process.wait()
        self.stack.stop_process(name)

    def take(self, count: int) -> list[RawRecord]:
        """Take the next records of the feed, which must not have ended."""
        records = list(itertools.islice(self._feed, count))
        assert len(records) == count, "the feed is too short for this dose"
        return records

    def take_rest(self) -> list[RawRecord]:
        """Take all that is left of the feed."""
        return list(self._feed)

    def send(self, records: Sequence[RawRecord]) -> None:
        """Send records, and await all acknowledgements."""
        asyncio.run(upstream.send(records, servers=self.stack.bootstrap_servers))

    @contextlib.contextmanager
    def sending(self, records: Sequence[RawRecord]) -> Iterator[None]:
        """Send records while the block runs; all of them are acknowledged when it has been left."""
        with ThreadPoolExecutor(1) as thread:
            sent = thread.submit(self.send, records)
            yield
            sent.result()

    @contextlib.contextmanager
    def flowing(self, records: Sequence[RawRecord]) -> Iterator[None]:
        """Send records little by little while the block runs, and the rest of them when it is left."""
        is_left = threading.Event()

        def flow() -> None:
            for begin in range(0, len(records), _FLOW_RECORDS):
                self.send(records[begin : begin + _FLOW_RECORDS])
                is_left.wait(_FLOW_SECONDS)

        with ThreadPoolExecutor(1) as thread:
            sent = thread.submit(flow)
            try:
                yield
            finally:
                is_left.set()
            sent.result()

    def wait_until_applied(self) -> None:
        """Wait until the committed state has applied the input topics to their ends, with all that was sent on meanwhile."""
        asyncio.run(self._wait_until_applied())

    def kill_with_rows_under_way(self, name: str, *, records: Sequence[RawRecord]) -> bool:
        """Send records, and kill a process of the stack as soon as rows of them are under way to ClickHouse.

        Says whether, when all is applied, some of them are under way still: else the kill has shown nothing.
        """
        asyncio.run(self._kill_with_rows_under_way(name, records))
        self.wait_until_applied()
        return not asyncio.run(self._is_carried())

    def wait_until_visible(self) -> None:
        """Wait until all is applied and the sink has carried all of it into ClickHouse."""
        self.wait_until_applied()
        asyncio.run(self._wait_until_carried())

    def check(self) -> Sequence[ReadRecord]:
        """Wait until all is visible, then hold the four books against each other; gives the records of the input topics."""
        self.wait_until_visible()
        asyncio.run(self._books.compare())
        return self._books.records

    def check_from_the_beginning(self) -> Sequence[ReadRecord]:
        """Do what `check` does, then fold a dump of the whole log at once, and derive the rows of the workers' state anew."""
        records = self.check()
        asyncio.run(self._books.compare_from_the_beginning())
        return records

    async def _wait_until_applied(self) -> None:
        async with reader_of_committed(self.stack.bootstrap_servers) as consumer, self._deadline("all was applied"):
            while not await self._books.is_applied(consumer):
                await self._pause()

    async def _wait_until_carried(self) -> None:
        async with self._sink_watch() as watch, self._deadline("all was carried into ClickHouse"):
            while not await watch.is_carried():
                await self._pause()

    async def _kill_with_rows_under_way(self, name: str, records: Sequence[RawRecord]) -> None:
        async with self._sink_watch() as watch, self._deadline("rows were under way to ClickHouse"):
            assert await watch.is_carried(), "rows are under way already"
            sending = asyncio.create_task(upstream.send(records, servers=self.stack.bootstrap_servers))
            while await watch.is_carried():
                await self._pause(_CATCH_SECONDS)
            self.kill_process(name)
            await sending

    async def _is_carried(self) -> bool:
        async with self._sink_watch() as watch:
            return await watch.is_carried()

    @contextlib.asynccontextmanager
    async def _sink_watch(self) -> AsyncIterator[SinkWatch]:
        servers = self.stack.bootstrap_servers
        async with reader_of_committed(servers) as consumer, admin_of(servers) as admin:
            yield SinkWatch(consumer, admin, partition_count=PARTITION_COUNT)

    async def _pause(self, seconds: float = _POLL_SECONDS) -> None:
        self.stack.check()
        await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def _deadline(self, what: str):
        try:
            async with asyncio.timeout(SECONDS):
                yield
        except TimeoutError as error:
            raise AssertionError(
                f"after {SECONDS} s it was not so that {what}; logs: {self.stack.data_folder / 'logs'}"
            ) from error
