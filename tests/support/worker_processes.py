"""What the tests of the worker share: workers as processes, records to send, the books as a reader of the topics has them."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer

from projections.results import Results, results_of
from schemas import codec, topics
from schemas.catalog import Catalog
from schemas.events import Event, TimeAdvanced, key_of
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord, ReadRecord
from streams.kafka.messages import raw_record
from tests.support import upstream
from tests.support.committed_logs import Logs, PublishedRows, reader_of_committed

_POLL_SECONDS = 0.05
_END_SECONDS = 30


class Sent(NamedTuple):
    """One record to be sent: `partition` None means where its key belongs."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp_milliseconds: int
    partition: int | None = None


def sent(topic: str, event: Event, *, at: int, partition: int | None = None) -> Sent:
    """Give the record that a producer would send of an event at an instant."""
    return Sent(topic, key_of(event), codec.encode(event), at // 1000, partition)


class Broker(NamedTuple):
    """A broker, and how many partitions its topics have."""

    servers: str
    partition_count: int

    async def send(self, records: Sequence[Sent]) -> None:
        """Send records in order and await all acknowledgements."""
        await upstream.send([self._raw(record) for record in records], servers=self.servers)

    async def send_clock(self, event: TimeAdvanced) -> None:
        """Say what time it is to every clocked topic partition."""
        await self.send(
            [
                sent(topic, event, at=event.as_of, partition=number)
                for topic in topics.CLOCKED_TOPICS
                for number in range(self.partition_count)
            ]
        )

    async def records(self) -> list[ReadRecord]:
        """Read everything that lies in the input topics, in the order of each log."""
        async with reader_of_committed(self.servers) as reader:
            fetched = await Logs(topics.INPUT_TOPICS, partition_count=self.partition_count).read_on(reader)
        raw = sorted((raw_record(record) for record in fetched), key=lambda one: (one.partition, one.topic, one.offset))
        return [read_record(record, partition_count=self.partition_count) for record in raw]

    @contextlib.asynccontextmanager
    async def books(self) -> AsyncIterator["PublishedBooks"]:
        """Give a reader of the output topics."""
        async with reader_of_committed(self.servers) as reader:
            yield PublishedBooks(reader, partition_count=self.partition_count)

    def _raw(self, record: Sent) -> RawRecord:
        partition = record.partition
        if partition is None:
            partition = topics.partition_of(record.key, partition_count=self.partition_count)
        return RawRecord(
            record.topic, partition, 0, from_milliseconds(record.timestamp_milliseconds), record.key, record.value, ()
        )


class PublishedBooks:
    """The rows that a reader of the output topics has."""

    def __init__(self, reader: AIOKafkaConsumer, *, partition_count: int) -> None:
        self._reader = reader
        self._published = PublishedRows(partition_count=partition_count)

    @property
    def row_count(self) -> int:
        """How many rows were read."""
        return self._published.row_count

    async def read_on(self) -> None:
        """Take in what was published since the last time, and check it."""
        await self._published.read_on(self._reader)

    def results(self, *, like: Results, catalog: Catalog, as_of: int) -> Results:
        """Give the rows as results; the count of duplicates, which no row tells, is taken over."""
        return results_of(self._published.rows, catalog=catalog, as_of=as_of, duplicates=like["duplicates"])


class WorkerProcess:
    """A worker in a process of its own, as an operator runs it."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker"], env={**os.environ, **environment}, stdout=output, stderr=output
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """Ask it to end; gives its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for it to end; gives its exit code."""
        return self._process.wait(timeout=_END_SECONDS)

    def check(self) -> None:
        """Fail with the end of its log when it has ended by itself."""
        assert self._process.poll() is None, self.log_text()[-3000:]

    def log_text(self) -> str:
        """Give everything that was logged, also by earlier workers with the same log."""
        return self._log.read_text(encoding="utf-8")


@contextlib.contextmanager
def worker_running(environment: dict[str, str], log: Path) -> Iterator[WorkerProcess]:
    """Run a worker until the block is left."""
    worker = WorkerProcess(environment, log)
    try:
        yield worker
    finally:
        worker.kill()


async def wait_for(ready, *, seconds: float, workers: Sequence[WorkerProcess] = ()) -> None:
    """Poll until `ready` is true; fails after the deadline, and at once when a worker has ended."""
    deadline = time.monotonic() + seconds
    while not await ready():
        for worker in workers:
            worker.check()
        await asyncio.sleep(_POLL_SECONDS)
        assert time.monotonic() < deadline, f"not ready after {seconds} s: {[worker.log_text()[-2000:] for worker in workers]}"
