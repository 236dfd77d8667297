"""What one event costs, step by step: the worker's own functions on the events of the feed, one after another.

Nothing runs beside anything here, so the transaction's step holds the waiting, during which the worker applies other batches.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.feed import Feed, FeedRecord
from bench.feeding import Sender
from projections.intake import Accepted
from schemas.catalog import Catalog
from schemas.errors import InvariantViolation
from schemas.instants import from_milliseconds
from schemas.reading import read_record
from schemas.records import RawRecord
from streams.kafka.transaction import FencedProducer
from streams.turns import finished
from streams.worker.batches import Batch, Wanted
from streams.worker.partition_state import PartitionState
from streams.worker.store import StoreMemory, open_store

_BATCH_RECORDS = 1_000
_STORE_BYTES = 64 << 20

FETCH, DECODE, ACCEPT, DERIVE, COUNT = "fetch", "decode, check", "accept", "derive balances", "count campaigns"
ENCODE, PACK, TRANSACTION, STORE = "encode rows", "pack", "transaction", "store"

STEPS = {
    FETCH: "from the broker to raw records",
    DECODE: "Avro to an event, the checks, the key held against it",
    ACCEPT: "judged against what was accepted before, and kept",
    DERIVE: "ledger, payments, lots, months, conflicts, from the earliest change on; laws checked",
    COUNT: "campaign counters",
    ENCODE: "changed rows to Avro, with the writes of the state made messages",
    PACK: "messages into record batches",
    TRANSACTION: "begun, sent, every result awaited, committed",
    STORE: "one atomic write to the local store",
}
"""The steps in their order, and what each of them does."""


async def profile(servers: str, feed: Feed, *, catalog: Catalog, partition_count: int, folder: Path) -> dict[str, float]:
    """Apply the opening, then the body; gives the seconds that the body took, by step, but for the fetch.

    The topics are fresh, and `folder` is empty. A partition number takes at most 1,000 records of each topic at a time, and
    then commits.
    """
    memory = StoreMemory(cache_bytes=_STORE_BYTES, write_bytes=_STORE_BYTES)
    stopwatch, logs = _Stopwatch(), _Logs()
    async with contextlib.AsyncExitStack() as entered:
        sender = await entered.enter_async_context(Sender(servers))
        numbers = []
        for number in range(partition_count):
            store, _ = open_store(folder / str(number), memory, now=_now())
            entered.callback(store.close)
            state = PartitionState(
                store, number=number, partition_count=partition_count, catalog=catalog, new_state_id=f"bench-{number}"
            )
            producer = await entered.enter_async_context(FencedProducer([servers], transactional_id=f"bench-{number}"))
            numbers.append(_Number(state, producer, sender, partition_count))
        for records in (feed.opening, feed.body):
            stopwatch.seconds.clear()
            for batches in logs.batches_of(records):
                await numbers[batches[0].wanted.number].take(batches, stopwatch)
    return dict(stopwatch.seconds)


class _Stopwatch:
    """Adds up how long each step takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = 0.0

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = time.perf_counter()
        yield
        self._last = time.perf_counter() - began
        self.seconds[name] += self._last

    @contextlib.contextmanager
    def step_with_last(self, name: str) -> Iterator[None]:
        """Time a step within which the one that was timed last is done once more; that one is taken away."""
        self.seconds[name] -= self._last
        with self.step(name):
            yield


class _Number:
    """The work on one partition number."""

    def __init__(self, state: PartitionState, producer: FencedProducer, sender: Sender, partition_count: int) -> None:
        self._state = state
        self._producer = producer
        self._sender = sender
        self._partition_count = partition_count

    async def take(self, batches: Sequence[Batch], stopwatch: _Stopwatch) -> None:
        """Apply batches, and commit them together."""
        state = self._state
        for batch in batches:
            with stopwatch.step(DECODE):
                for record in batch.records:
                    read_record(record, partition_count=self._partition_count)
            with stopwatch.step_with_last(ACCEPT):
                accepted = finished(state.accept(batch))
            if not isinstance(accepted, Accepted):
                raise InvariantViolation(f"{batch.wanted} does not continue at {state.position(batch.wanted.topic)}")
            with stopwatch.step(DERIVE):
                finished(state.keep_balances(accepted))
            with stopwatch.step(COUNT):
                finished(state.count_campaigns(accepted))
            finished(state.keep_dead_letters(accepted))
        with stopwatch.step(ENCODE):
            messages = list(state.begin_commit())
        with stopwatch.step(PACK):
            self._sender.pack(messages)
        with stopwatch.step_with_last(TRANSACTION):
            await self._producer.commit(iter(messages))
        with stopwatch.step(STORE):
            state.end_commit(changelog_position=0, now=_now())


class _Logs:
    """Where records come to lie in their topic partitions."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], int] = defaultdict(int)

    def batches_of(self, records: Sequence[FeedRecord]) -> Iterator[list[Batch]]:
        """Give the records in batches, those of one partition number that are committed together in one list."""
        logs: dict[int, dict[str, list[RawRecord]]] = defaultdict(lambda: defaultdict(list))
        for record in records:
            logs[record.partition][record.topic].append(self._placed(record))
        while logs:
            for number, by_topic in list(logs.items()):
                yield [_batch(left[:_BATCH_RECORDS]) for left in by_topic.values()]
                logs[number] = {topic: rest for topic, left in by_topic.items() if (rest := left[_BATCH_RECORDS:])}
                if not logs[number]:
                    del logs[number]

    def _placed(self, record: FeedRecord) -> RawRecord:
        log = (record.topic, record.partition)
        offset = self._ends[log]
        self._ends[log] += 1
        return RawRecord(*log, offset, from_milliseconds(record.timestamp), record.key, record.value, headers=())


def _batch(records: Sequence[RawRecord]) -> Batch:
    first, last = records[0], records[-1]
    return Batch(Wanted(first.topic, first.partition, epoch=0), first.offset, last.offset + 1, records)


def _now() -> int:
    return time.time_ns() // 1_000
