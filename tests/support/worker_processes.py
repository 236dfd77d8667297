"""What the tests of the worker share: workers as processes, records to send, the books as a reader of the topics has them."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from projections.results import Results, Rows, results_of
from projections.row_codec import decode_change
from projections.rows import Change
from schemas import codec, topics
from schemas.catalog import Catalog
from schemas.events import Event, TimeAdvanced, key_of
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord, ReadRecord
from streams.kafka.closing import close_within
from streams.kafka.topics import OUTPUT_TOPICS

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
        async with AIOKafkaProducer(bootstrap_servers=self.servers, linger_ms=5) as producer:
            results = [
                await producer.send(
                    record.topic,
                    record.value,
                    key=record.key,
                    partition=self._partition_of(record),
                    timestamp_ms=record.timestamp_milliseconds,
                )
                for record in records
            ]
            for result in results:
                await result

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
        async with self._reader(topics.INPUT_TOPICS) as reader:
            records = [_raw(record) for record in await reader.read_all()]
        records.sort(key=lambda raw: (raw.partition, raw.topic, raw.offset))
        return [read_record(raw, partition_count=self.partition_count) for raw in records]

    def books(self) -> "PublishedBooks":
        """Give a reader of the output topics, to be used as a context."""
        return PublishedBooks(self._reader(OUTPUT_TOPICS))

    def _partition_of(self, record: Sent) -> int:
        if record.partition is not None:
            return record.partition
        return topics.partition_of(record.key, partition_count=self.partition_count)

    def _reader(self, names: Sequence[str]) -> "LogReader":
        return LogReader(
            self.servers, [TopicPartition(name, number) for name in names for number in range(self.partition_count)]
        )


class LogReader:
    """Reads committed records of topic partitions from their beginning, as far as they reach whenever it is asked."""

    def __init__(self, servers: str, logs: Sequence[TopicPartition]) -> None:
        self._logs = logs
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=servers, isolation_level="read_committed", auto_offset_reset="earliest", fetch_max_wait_ms=50
        )

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._logs)
        return self

    async def __aexit__(self, *_: object) -> None:
        await close_within(5, self._consumer.stop())

    async def read_all(self) -> list:
        """Give what has come since the last time, up to the ends as of now."""
        records, ends = [], await self._consumer.end_offsets(self._logs)
        while any([await self._consumer.position(log) < end for log, end in ends.items()]):
            for fetched in (await self._consumer.getmany(timeout_ms=50)).values():
                records.extend(fetched)
        return records


class PublishedBooks:
    """The rows that a reader of the output topics has: of each key the row with the greatest revision."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._rows = Rows()
        self._revisions: dict[tuple[str, bytes], int] = {}
        self.row_count = 0

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.__aexit__()

    async def read_on(self) -> None:
        """Take in what was published since the last time; a key's revision has to grow with every row of it."""
        for record in await self._reader.read_all():
            published = decode_change(record.topic, record.value)
            known = self._revisions.get((record.topic, record.key), 0)
            assert published.revision > known, f"{record.topic} {record.key!r}: {published.revision} follows {known}"
            self._revisions[record.topic, record.key] = published.revision
            self._rows.take([Change(published.row, published.source, published.deleted)])
            self.row_count += 1

    def results(self, *, like: Results, catalog: Catalog, as_of: int) -> Results:
        """Give the rows as results; the count of duplicates, which no row tells, is taken over."""
        return results_of(self._rows, catalog=catalog, as_of=as_of, duplicates=like["duplicates"])


def _raw(record) -> RawRecord:
    timestamp = from_milliseconds(record.timestamp)
    return RawRecord(record.topic, record.partition, record.offset, timestamp, record.key, record.value, record.headers)


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
