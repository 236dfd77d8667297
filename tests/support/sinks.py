"""What the tests of the sink share: rows on the output topics, sinks that carry them, and what has been carried."""

import asyncio
import contextlib
import re
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from projections.row_codec import encode_change
from projections.rows import TABLE_OF_ROW_TYPE, Change, Row
from schemas.records import Place
from streams.embedded.stack import Stack
from streams.files import read_catalog
from streams.kafka.topics import GENERATION, OUTPUT_TOPICS
from streams.metrics import SinkMetrics
from streams.settings import read_sink_settings
from streams.sink.carrying import Carrier
from streams.sink.health import Health
from tests.support.expected_figures import EXAMPLES

SECONDS = 60
"""So long anything may take at most."""
_POLL_SECONDS = 0.05
_COMMAND = (sys.executable, "-m", "streams", "sink")
_PLACE_OF_METRICS = re.compile(r"http://\S+/metrics")
_CATALOG = EXAMPLES / "catalog.toml"
_SOURCE = Place("credits.consumption", 0, 0)


class Sent(NamedTuple):
    """A record for an output topic."""

    topic: str
    partition: int
    key: bytes
    value: bytes


def record_of(row: Row, *, partition: int = 0, revision: int = 1) -> Sent:
    """Give the record by which a worker publishes a row."""
    key, value = encode_change(Change(row, _SOURCE, deleted=False), revision=revision)
    return Sent(TABLE_OF_ROW_TYPE[type(row)].topic, partition, key, value)


class Topics(NamedTuple):
    """The output topics of a broker."""

    servers: str
    partition_count: int

    @property
    def partitions(self) -> list[TopicPartition]:
        """Every partition of them."""
        return [TopicPartition(topic, number) for topic in OUTPUT_TOPICS for number in range(self.partition_count)]

    async def send(self, records: Iterable[Sent]) -> list[int]:
        """Send records in their order, and give the offset of each."""
        async with AIOKafkaProducer(bootstrap_servers=self.servers, linger_ms=5) as producer:
            results = [
                await producer.send(record.topic, record.value, key=record.key, partition=record.partition)
                for record in records
            ]
            return [(await result).offset for result in results]

    async def begin_at_end(self, *groups: str) -> None:
        """Let groups begin where the topics end now."""
        for group in groups:
            async with AIOKafkaConsumer(bootstrap_servers=self.servers, group_id=group, enable_auto_commit=False) as consumer:
                consumer.assign(self.partitions)
                await consumer.commit(await consumer.end_offsets(self.partitions))

    async def left(self, group: str) -> dict[TopicPartition, int]:
        """Give what a group has not committed: for each partition that has something, how many offsets."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        async with AIOKafkaConsumer(bootstrap_servers=self.servers, isolation_level="read_committed") as consumer:
            ends = await consumer.end_offsets(self.partitions)
        await admin.start()
        try:
            committed = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            committed = {}  # no group was ever known to the broker
        finally:
            await admin.close()
        left = {
            partition: end - committed[partition].offset if partition in committed else end for partition, end in ends.items()
        }
        return {partition: count for partition, count in left.items() if count}

    async def wait_until_carried(self, group: str) -> None:
        """Wait until a group has committed everything."""

        async def is_carried() -> bool:
            return not await self.left(group)

        await until(is_carried)


class SinkProcess:
    """A sink in a process of its own, as an operator runs it, in the stack of a test; each start has a log of its own."""

    def __init__(self, stack: Stack, name: str, *, clickhouse_port: int, **settings: str) -> None:
        self._stack = stack
        self._name = name
        self._environment = _settings_of(stack.bootstrap_servers, clickhouse_port, settings)
        self._start_count = 0

    def start(self) -> None:
        """Start it, or start it again."""
        self._start_count += 1
        self._child = self._stack.start_process(f"{self._name}.{self._start_count}", _COMMAND, environment=self._environment)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.process.kill()
        self._child.process.wait()
        self._stack.stop_process(self._child.name)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._stack.stop_process(self._child.name)

    def log(self) -> str:
        """Give what it logged since its last start."""
        return self._child.log.read_text(encoding="utf-8")

    def metrics(self) -> dict[str, float]:
        """Give its metrics that have no labels, by name, or nothing before it serves them."""
        where = _PLACE_OF_METRICS.search(self.log())
        if where is None:
            return {}
        with urllib.request.urlopen(where[0], timeout=SECONDS) as answer:  # noqa: S310 -- the sink said so itself
            families = text_string_to_metric_families(answer.read().decode())
            return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


class Sink(NamedTuple):
    """A sink that runs in this process."""

    registry: CollectorRegistry
    health: Health
    work: asyncio.Task[None]

    def metric(self, name: str, **labels: str) -> float:
        """Give the value of a metric, without its prefix; 0 where nothing was counted yet."""
        return self.registry.get_sample_value(f"credits_sink_{name}", labels) or 0.0


@contextlib.asynccontextmanager
async def sink_carrying(topics: Topics, group: str, *, clickhouse_port: int, **settings: str) -> AsyncIterator[Sink]:
    """Run a sink in this process until the block is left; then it ends as one does that is asked to."""
    registry, health = CollectorRegistry(), Health()
    carrier = Carrier(
        read_sink_settings(_settings_of(topics.servers, clickhouse_port, settings)),
        catalog=read_catalog(_CATALOG),
        group=group,
        generation=GENERATION,
        metrics=SinkMetrics(registry),
        health=health,
    )
    work = asyncio.create_task(carrier.carry())
    try:
        yield Sink(registry, health, work)
    finally:
        carrier.stop()
        await asyncio.wait_for(work, SECONDS)


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    """Poll until something is so; fails when it takes too long."""
    deadline = time.monotonic() + SECONDS
    while not await ready():
        assert time.monotonic() < deadline, f"it was not so after {SECONDS} s"
        await asyncio.sleep(_POLL_SECONDS)


async def until_so(ready: Callable[[], bool]) -> None:
    """Poll until something is so that is known at once; fails when it takes too long."""

    async def is_so() -> bool:
        return ready()

    await until(is_so)


def _settings_of(servers: str, clickhouse_port: int, settings: Mapping[str, str]) -> dict[str, str]:
    return {
        "CREDITS_CATALOG": str(_CATALOG),
        "CREDITS_KAFKA_BROKERS": servers,
        "CREDITS_CLICKHOUSE_PORT": str(clickhouse_port),
        "CREDITS_SINK_MEMBER_NAME": "sink",
        "CREDITS_SINK_MILLISECONDS": "100",
        "CREDITS_SINK_WEB_PORT": "0",
        **settings,
    }
