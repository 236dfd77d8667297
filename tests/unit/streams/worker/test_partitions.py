"""What follows on trouble in a partition number: it is opened anew, after a fencing only by a member of the group."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.errors import TransientError
from streams.kafka.transaction import FencedError
from streams.metrics import WorkerMetrics
from streams.worker import partitions as module
from streams.worker.opening import PartitionSettings
from streams.worker.partition import Phase
from tests.support.worker_processes import wait_for

SECONDS = 30
POSITIONS = {topics.GRANTS: 7}


class Group:
    """Takes this worker for no member so many times."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.advised = []

    async def commit_advice(self, positions):
        self.advised.append(dict(positions))
        if len(self.advised) <= self.refusals:
            raise TransientError("not a member")


class FencedPartition:
    """Is fenced the first time that it runs, and stays open the second time."""

    made = 0

    def __init__(self, number, _settings, **_):
        FencedPartition.made += 1
        self.number = number
        self.is_first = FencedPartition.made == 1
        self.phase = Phase.CLOSING
        self.commit_count = 1

    async def run(self):
        if self.is_first:
            raise FencedError("another worker has taken over")
        await asyncio.Event().wait()

    def committed_positions(self):
        return POSITIONS


async def until(is_so):
    async def ready():
        return is_so()

    await wait_for(ready, seconds=SECONDS)


@pytest.fixture
def group():
    """Give a group that takes this worker for no member twice."""
    return Group(refusals=2)


@pytest.fixture
def held(group, monkeypatch, tmp_path):
    """Give the partitions of a worker whose first number is fenced once."""
    FencedPartition.made = 0
    monkeypatch.setattr(module, "Partition", FencedPartition)
    settings = PartitionSettings(
        brokers=("nowhere:9092",), catalog=None, partition_count=1, batch_records=1, commit_seconds=1, uncommitted_records=1,
        state_folder=tmp_path, store_memory=None, metrics=WorkerMetrics(CollectorRegistry()),
    )  # fmt: skip
    return module.Partitions(settings, group=lambda: group, deliver_to=None, on_refused=None, on_bug=None)


async def test_a_fenced_worker_opens_a_number_again_only_as_a_member_of_the_group(held, group):
    """Two workers that both believe in their right would else fence each other in turn."""
    held.on_assigned({0})
    await until(lambda: FencedPartition.made == 2)
    expected = {(topics.GRANTS, 0): 7}
    assert group.advised == [expected] * 3
    await held.close_all()


async def test_a_fenced_worker_that_is_no_member_leaves_the_number_alone(held, group):
    """Once the number is another's, it is not opened here."""
    group.refusals = 1_000
    held.on_assigned({0})
    await until(lambda: group.advised)
    held.on_assigned(())
    [task] = held._tasks.values()
    async with asyncio.timeout(SECONDS):
        await task
    assert FencedPartition.made == 1
