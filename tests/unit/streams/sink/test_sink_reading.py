"""The Kafka side of the sink where the broker does not do what it is asked: nothing ends, nothing is committed too early."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from prometheus_client import CollectorRegistry

from projections.rows import TABLES
from schemas.records import RawRecord
from streams.metrics import SinkMetrics
from streams.settings import read_sink_settings
from streams.sink import reading as reading_module
from streams.sink.backoff import Backoff
from streams.sink.health import Health
from streams.sink.queues import Queues
from streams.sink.reading import Reader

TOPIC = TABLES[0].topic
HELD = TopicPartition(TOPIC, 0)


class Consumer:
    """A consumer that answers commits with what it is told to, and notes those that succeed."""

    def __init__(self) -> None:
        self.refusals: list[Exception] = []
        self.committed: list[dict[TopicPartition, int]] = []
        self.asked = 0

    async def commit(self, positions: dict[TopicPartition, int]) -> None:
        self.asked += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.committed.append(dict(positions))

    def assignment(self) -> set[TopicPartition]:
        return set()

    def paused(self) -> set[TopicPartition]:
        return set()


class Commits:
    """A reader that commits in a task, with a consumer of a test's own."""

    def __init__(self) -> None:
        self.queues = Queues(batch_bytes=1 << 20, batch_seconds=0.001, buffer_bytes=1 << 24)
        self.queue = self.queues.of_topic[TOPIC]
        settings = read_sink_settings({"CREDITS_KAFKA_BROKERS": "127.0.0.1:1"})
        self.reader = Reader(settings, "group", self.queues, SinkMetrics(CollectorRegistry()), Health())
        self._unused = self.reader._consumer
        self.consumer = Consumer()
        self.reader._consumer = self.consumer
        self.task = asyncio.create_task(self.reader.commit_on())

    async def insert(self, *offsets: int) -> None:
        """Let records be read and inserted."""
        self.queue.put(RawRecord(TOPIC, 0, offset, 0, b"k", b"v", ()) for offset in offsets)
        self.queue.note_position(0, offsets[-1] + 1)
        self.queue.done(await self.queue.next_block())
        self.reader.note_progress()

    async def wait(self, ready) -> None:
        async with asyncio.timeout(30):
            while not ready():
                assert not self.task.done()
                await asyncio.sleep(0.001)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        await self._unused.stop()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """Let pauses be as good as none."""
    monkeypatch.setattr(reading_module, "Backoff", lambda: Backoff(lambda _least, _most: 0.001))


@pytest.fixture
async def commits():
    made = Commits()
    yield made
    await made.end()


async def test_what_is_inserted_is_committed_once(commits):
    """The same position is not committed again."""
    await commits.insert(1, 2)
    await commits.wait(lambda: commits.consumer.committed)
    commits.reader.note_progress()
    await commits.insert(3)
    await commits.wait(lambda: len(commits.consumer.committed) == 2)
    assert commits.consumer.committed == [{HELD: 3}, {HELD: 4}]


async def test_a_broker_that_does_not_answer_is_asked_again(commits, caplog):
    """Nothing ends: the commit is tried until it succeeds, with all that is inserted by then."""
    commits.consumer.refusals = [KafkaConnectionError("gone"), KafkaConnectionError("gone")]
    await commits.insert(1)
    await commits.wait(lambda: commits.consumer.committed)
    assert commits.consumer.committed == [{HELD: 2}]
    assert commits.consumer.asked == 3
    assert [message for message in caplog.messages if message.startswith("offsets were not committed: KafkaConnectionError")]


@pytest.mark.parametrize("refusal", [CommitFailedError("rebalanced"), IllegalStateError("not assigned")])
async def test_a_new_assignment_ends_a_commit_and_not_the_sink(commits, refusal):
    """What was taken away is not committed any more; what is read from then on is."""
    commits.consumer.refusals = [refusal]
    await commits.insert(1)
    await commits.wait(lambda: commits.consumer.asked == 1)
    commits.reader.on_partitions_revoked([HELD])
    commits.reader.on_partitions_assigned([HELD])
    await commits.insert(1, 2)
    await commits.wait(lambda: commits.consumer.committed)
    assert commits.consumer.committed == [{HELD: 3}]


async def test_a_position_of_the_assignment_before_is_not_noted(commits):
    """Where partitions are taken away while positions are asked for, these say nothing of what is inserted."""
    asked = asyncio.Event()

    async def position(_: TopicPartition) -> int:
        asked.set()
        await asyncio.sleep(0)
        return 100

    commits.consumer.assignment = lambda: {HELD}
    commits.consumer.position = position
    noting = asyncio.create_task(commits.reader._note_positions())
    await asked.wait()
    commits.reader.on_partitions_revoked([HELD])
    await noting
    assert commits.queue.positions() == {}
    await commits.reader._note_positions()
    assert commits.queue.positions() == {0: 100}
