"""The work on one partition number, without a broker: which batches count, what follows on a gap, when it takes no more."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.catalog import Catalog
from schemas.errors import InvariantViolation
from schemas.records import RawRecord
from streams.metrics import WorkerMetrics
from streams.worker.batches import Batch
from streams.worker.opening import PartitionSettings
from streams.worker.partition import Partition, Phase
from streams.worker.partition_state import PartitionState
from streams.worker.store import StoreMemory, open_store

MEMORY = StoreMemory(cache_bytes=8 << 20, write_bytes=8 << 20)


def settings(folder):
    return PartitionSettings(
        brokers=("nowhere:9092",),
        catalog=Catalog(),
        partition_count=1,
        batch_records=10,
        commit_seconds=1,
        uncommitted_records=4,
        state_folder=folder,
        store_memory=MEMORY,
        metrics=WorkerMetrics(CollectorRegistry()),
    )


class Inputs:
    """Notes where it is told to seek."""

    def __init__(self):
        self.sought = []

    async def seek_input(self, topic, number, offset):
        self.sought.append((topic, number, offset))


@pytest.fixture
def inputs():
    return Inputs()


@pytest.fixture
async def partition(inputs, tmp_path):
    """Give a partition number that is open and positioned, as `run` makes it."""
    opened = Partition(0, settings(tmp_path), inputs=inputs, held_count=lambda: 1)
    store, _ = open_store(tmp_path / "store", MEMORY, now=0)
    opened._state = PartitionState(store, number=0, partition_count=1, catalog=Catalog(), new_state_id="a-state")
    await opened._seek_all(opened._state)
    yield opened
    store.close()


def batch(partition, begin, end):
    (wanted,) = [one for one in partition.wanted() if one.topic == topics.NAMES]
    return Batch(wanted, begin, end, tuple(RawRecord(topics.NAMES, 0, n, 0, None, b"x", ()) for n in range(begin, end)))


async def accepted(partition, one):
    assert partition.expect(one)
    await through(partition, one)
    return partition._state.position(topics.NAMES)


async def through(partition, one):
    """Let a batch pass as the agents do."""
    taken = await partition.accept(one)
    if taken is not None:
        await taken.keep_balances()
        await taken.count_campaigns()
        await taken.keep_dead_letters()


async def test_all_inputs_are_sought_to_what_was_applied(partition, inputs):
    """Where to begin stands in the state, never in the group's offsets."""
    assert inputs.sought == [(topic, 0, 0) for topic in topics.INPUT_TOPICS]
    assert [one.topic for one in partition.wanted()] == list(topics.INPUT_TOPICS)


async def test_a_gap_seeks_back_once(partition, inputs):
    """A batch that begins too late is not applied; after seeking back, the missing part is, and work goes on."""
    assert await accepted(partition, batch(partition, 0, 1)) == 1
    assert await accepted(partition, batch(partition, 2, 3)) == 1
    assert partition.wanted() == []
    await partition._seek_all(partition._state)
    assert (topics.NAMES, 0, 1) in inputs.sought
    assert await accepted(partition, batch(partition, 1, 3)) == 3
    assert partition._failure is None


async def test_a_second_gap_at_the_same_place_ends_the_work(partition):
    """What cannot be read by seeking back will not be read by seeking again: the error names the place."""
    await accepted(partition, batch(partition, 2, 3))
    await partition._seek_all(partition._state)
    await accepted(partition, batch(partition, 2, 3))
    assert isinstance(partition._failure, InvariantViolation)
    assert f"{topics.NAMES}/0: what follows 0 cannot be read, the next batch begins at 2" in str(partition._failure)
    assert partition.wanted() == []


async def test_a_batch_pulled_before_a_seek_counts_no_more(partition):
    """Neither on its way nor in the queue is it taken for one pulled after."""
    early = batch(partition, 0, 1)
    queued = batch(partition, 0, 1)
    assert partition.expect(queued)
    partition.reposition()
    assert not partition.expect(early)
    await through(partition, queued)
    assert partition._state.position(topics.NAMES) == 0


async def test_a_bug_in_applying_ends_the_work_and_reaches_nobody_else(partition):
    """Whatever goes wrong in a batch is kept for `run` to raise; Faust would acknowledge the batch and go on."""
    broken = batch(partition, 0, 1)._replace(records=(None,))
    assert await accepted(partition, broken) == 0
    assert isinstance(partition._failure, AttributeError)


async def test_no_more_is_wanted_than_may_wait(partition):
    """Two batches on their way, or the limit of records that wait for a commit, are enough."""
    first = batch(partition, 0, 2)
    assert partition.expect(first)
    assert partition.expect(batch(partition, 2, 4))
    assert partition.wanted() == []
    await through(partition, first)
    assert partition.wanted() != []
    await through(partition, Batch(first.wanted, 2, 4, tuple(RawRecord(topics.NAMES, 0, n, 0, None, b"x", ()) for n in (2, 3))))
    assert partition.wanted() == []


async def test_nothing_is_wanted_during_a_rebalance(partition):
    """Between the loss of the consumer's positions and the next assignment nothing is pulled."""
    partition.pause()
    assert partition.wanted() == []
    assert not partition.is_reading


async def test_no_batch_is_accepted_while_a_commit_waits_for_those_in_hand(partition):
    """A commit takes whole batches only: the next one waits until those before it have been through all agents."""
    partition._unsealed.clear()
    waiting = asyncio.create_task(partition.accept(batch(partition, 0, 1)))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    partition._unsealed.set()
    assert await waiting is not None


async def test_a_broken_law_names_where_the_batch_lies(partition):
    """An operator reads topic, partition and offsets of the batch in which an invariant broke."""
    one = batch(partition, 0, 1)
    outside = one._replace(records=(RawRecord(topics.NAMES, 0, 7, 0, None, b"x", ()),))
    await accepted(partition, outside)
    assert isinstance(partition._failure, InvariantViolation)
    assert f"{topics.NAMES}/0, records 0 up to 1" in str(partition._failure)


async def test_a_number_that_is_closed_still_tells_how_far_it_was(partition):
    """A worker that was fenced proves its membership with these positions, when the store is closed already."""
    await accepted(partition, batch(partition, 0, 1))
    state = partition._state
    list(state.begin_commit())
    state.end_commit(changelog_position=0, now=0)
    partition.phase = Phase.CLOSING
    state._committed = None  # nothing can be read any more
    assert partition.committed is None
    assert partition.committed_positions() == dict.fromkeys(topics.INPUT_TOPICS, 0) | {topics.NAMES: 1}
