"""The work on one partition number: Fencing, Restoring, Open, Closing (docs/architecture.md, delivery).

Taking a number over fences its old owner before the end of the changelog is read. While it is open, batches are applied as
they come, and committed together, one transaction after another. Whatever goes wrong ends this object's work without
committing: its owner makes another one, which fences anew and restores from what was committed.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from projections.state import MemoryState
from schemas import topics
from schemas.catalog import Catalog
from schemas.errors import InvariantViolation
from streams.kafka.topics import GROUP
from streams.kafka.transaction import FencedProducer
from streams.worker.batches import Batch, Gap, Wanted
from streams.worker.changelog import CommittedLogs
from streams.worker.partition_state import PartitionState
from streams.worker.worker_keys import check_identity, read_commit_number

log = logging.getLogger(__name__)

_QUEUED_BATCHES_MAX = 2
_SECONDS_A_PARTITION = 0.01
_LONGER_WHEN_BEHIND = 5


class Inputs(Protocol):
    """What a partition number asks of the consumer of the input topics."""

    async def seek_input(self, topic: str, number: int, offset: int) -> None:
        """Let the next fetch of a topic partition begin at an offset."""


@dataclass(frozen=True, kw_only=True)
class PartitionSettings:
    """What is the same for all partition numbers of a worker."""

    brokers: Sequence[str]
    catalog: Catalog
    partition_count: int
    batch_records: int
    commit_seconds: float
    uncommitted_records: int


class Phase(Enum):
    """How far the work on a partition number is."""

    FENCING = "fencing"
    RESTORING = "restoring"
    OPEN = "open"
    CLOSING = "closing"


class Partition:
    """The work on one partition number from taking it over until it is closed or fails; `run` is called once."""

    def __init__(self, number: int, settings: PartitionSettings, *, inputs: Inputs, held_count: Callable[[], int]) -> None:
        self.number = number
        self.phase = Phase.FENCING
        self.commit_count = 0
        self._settings = settings
        self._inputs = inputs
        self._held_count = held_count
        self._state: PartitionState | None = None
        self._epoch = 0
        self._is_assigned = True
        self._is_positioned = False
        self._queued_count = 0
        self._is_behind = False
        self._sought_at: dict[str, int] = {}
        self._is_closing = False
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Own the partition number until `close` is called.

        Raises TransientError or FencedError where it may be taken over anew, InvariantViolation where that would not help.
        """
        async with FencedProducer(self._settings.brokers, transactional_id=f"{GROUP}-{self.number}") as producer:
            self.phase = Phase.RESTORING
            state = await self._restore()
            self._state = state
            self.phase = Phase.OPEN
            try:
                await self._commit_until_closed(state, producer)
            finally:
                self.phase = Phase.CLOSING

    def close(self) -> None:
        """Let the work end: the commit under way is finished, what was not part of it is left to the next owner."""
        self._is_closing = True
        self._changed.set()

    def fail(self, error: BaseException) -> None:
        """Let the work end with an error."""
        self._failure = self._failure or error
        self._changed.set()

    def pause(self) -> None:
        """Take no more batches until `reposition`: the consumer is about to lose its positions."""
        self._epoch += 1
        self._is_assigned = self._is_positioned = False

    def reposition(self) -> None:
        """Let the consumer begin anew at what was applied last; batches that were pulled before count no more."""
        self._epoch += 1
        self._is_assigned, self._is_positioned = True, False
        self._changed.set()

    def wanted(self) -> list[Wanted]:
        """Give the topic partitions from which another batch would be taken now."""
        state = self._state
        if state is None or self._is_closing or self._failure is not None or not self._is_positioned:
            return []
        if self._queued_count >= _QUEUED_BATCHES_MAX or state.pending_record_count >= self._settings.uncommitted_records:
            return []
        return [Wanted(topic, self.number, self._epoch) for topic in topics.INPUT_TOPICS]

    def counts(self, wanted: Wanted) -> bool:
        """Say whether what was wanted is still wanted: nothing was sought since."""
        return wanted.epoch == self._epoch

    def expect(self, batch: Batch) -> bool:
        """Count a batch that is on its way to `apply`; False for one that counts no more."""
        if not self.counts(batch.wanted):
            return False
        self._queued_count += 1
        return True

    def apply(self, batch: Batch) -> None:
        """Apply a batch, if it still counts and continues what was applied; never raises: what goes wrong ends `run`."""
        if not self.counts(batch.wanted) or self._state is None or self._is_closing or self._failure is not None:
            return
        self._queued_count -= 1
        try:
            gap = self._state.apply(batch)
            if gap is None:
                self._sought_at.pop(batch.wanted.topic, None)
                self._is_behind = len(batch.records) >= self._settings.batch_records
                self._changed.set()
            else:
                self._seek_back(gap)
        except Exception as error:  # noqa: BLE001 - the worker's edge: Faust would acknowledge the batch and go on
            self.fail(error)

    @property
    def is_reading(self) -> bool:
        """Whether the consumer stands where this number has got to."""
        return self._is_positioned

    def committed_positions(self) -> dict[str, int]:
        """Give the committed position of each input topic; empty while the number is not open."""
        return {} if self._state is None else self._state.committed_positions()

    async def _restore(self) -> PartitionState:
        settings, began = self._settings, time.monotonic()
        committed = MemoryState()
        async with CommittedLogs(settings.brokers, number=self.number) as logs:
            count = await logs.restore(committed)
            check_identity(
                committed, catalog_fingerprint=settings.catalog.fingerprint(), partition_count=settings.partition_count
            )
            state = PartitionState(
                committed, number=self.number, partition_count=settings.partition_count, catalog=settings.catalog
            )
            await logs.check(state, is_new=read_commit_number(committed) == 0)
        log.info("partition number %d: restored from %d records in %.2f s", self.number, count, time.monotonic() - began)
        return state

    async def _commit_until_closed(self, state: PartitionState, producer: FencedProducer) -> None:
        began = 0.0
        while not self._is_closing:
            if self._failure is not None:
                raise self._failure
            if self._is_assigned and not self._is_positioned:
                await self._seek_all(state)
            if state.has_pending and self._is_due(state, began):
                began = time.monotonic()
                await producer.commit(state.begin_commit())
                state.end_commit()
                self.commit_count += 1
            else:
                await self._wait_for_change(began + self._interval_seconds() if state.has_pending else None)

    def _is_due(self, state: PartitionState, began: float) -> bool:
        is_large = state.pending_record_count * 2 >= self._settings.uncommitted_records
        return is_large or time.monotonic() >= began + self._interval_seconds()

    def _interval_seconds(self) -> float:
        seconds = max(self._settings.commit_seconds, _SECONDS_A_PARTITION * self._held_count())
        return seconds * _LONGER_WHEN_BEHIND if self._is_behind else seconds

    async def _wait_for_change(self, until: float | None) -> None:
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - time.monotonic())):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _seek_all(self, state: PartitionState) -> None:
        epoch = self._epoch
        for topic in topics.INPUT_TOPICS:
            await self._inputs.seek_input(topic, self.number, state.position(topic))
        if epoch == self._epoch:
            self._queued_count = 0
            self._is_positioned = True

    def _seek_back(self, gap: Gap) -> None:
        """Seek back to where the records begin that were not seen; a second time at the same place would be no use."""
        if self._sought_at.get(gap.topic) == gap.position:
            raise InvariantViolation(
                f"{gap.topic}/{gap.number}: what follows {gap.position} cannot be read, the next batch begins at {gap.begin}"
            )
        log.warning("%s/%d: a batch begins at %d, not at %d; seeking back", gap.topic, gap.number, gap.begin, gap.position)
        self._sought_at[gap.topic] = gap.position
        self.reposition()
