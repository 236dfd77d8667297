"""The work on one partition number: Fencing, Restoring, Open, Closing (docs/architecture.md, delivery).

Taking a number over fences its old owner before the end of the changelog is read. While it is open, batches are applied as
they come, and committed together, one transaction after another. Whatever goes wrong ends this object's work without
committing: its owner makes another one, which fences anew and restores from what was committed.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol, TypeVar

from creditstream.wall_clock import now_microseconds
from projections.intake import Accepted
from projections.state import ReadableState
from projections.times import Times
from schemas import topics
from schemas.codec import NO_REGISTRY
from schemas.errors import InvariantViolation, TransientError
from streams.kafka.topics import CHANGELOG, GROUP
from streams.kafka.transaction import FencedProducer
from streams.turns import Steps, in_turns
from streams.worker.batches import Batch, Gap, Wanted
from streams.worker.opening import PartitionSettings, opened_state
from streams.worker.partition_state import PartitionState

_Result = TypeVar("_Result")

log = logging.getLogger(__name__)

_QUEUED_BATCHES_MAX = 2
_SECONDS_A_PARTITION = 0.01
_LONGER_WHEN_BEHIND = 5


class Inputs(Protocol):
    """What a partition number asks of the consumer of the input topics."""

    async def seek_input(self, topic: str, number: int, offset: int) -> None:
        """Let the next fetch of a topic partition begin at an offset."""


class Phase(Enum):
    """How far the work on a partition number is."""

    FENCING = "fencing"
    RESTORING = "restoring"
    OPEN = "open"
    CLOSING = "closing"


class AcceptedBatch:
    """What was accepted of a batch, on its way from agent to agent; nothing here raises, what goes wrong ends the partition."""

    def __init__(self, partition: "Partition", batch: Batch, accepted: Accepted) -> None:
        self._partition = partition
        self._batch = batch
        self._accepted = accepted
        self._began = time.monotonic()

    async def keep_balances(self) -> None:
        """Let balances follow: ledger, payments, grants, lots, months, conflicts, and master data."""
        await self._partition.follow(self._batch, self._accepted, PartitionState.keep_balances)

    async def count_campaigns(self) -> None:
        """Let campaign counters follow."""
        await self._partition.follow(self._batch, self._accepted, PartitionState.count_campaigns)

    async def keep_dead_letters(self) -> None:
        """Let dead letters follow from what was refused; the batch has been through all agents then, and may be committed."""
        await self._partition.follow(self._batch, self._accepted, PartitionState.keep_dead_letters)
        self._partition.finish(self._batch, self._accepted, seconds=time.monotonic() - self._began)


class Partition:
    """The work on one partition number from taking it over until it is closed or fails; `run` is called once."""

    def __init__(self, number: int, settings: PartitionSettings, *, inputs: Inputs, held_count: Callable[[], int]) -> None:
        self.number = number
        self.phase = Phase.FENCING
        self.commit_count = 0
        self._settings = settings
        self._metrics = settings.metrics
        self._inputs = inputs
        self._held_count = held_count
        self._state: PartitionState | None = None
        self._epoch = 0
        self._is_assigned = True
        self._is_positioned = False
        self._queued_count = 0
        self._in_hand_count = 0
        self._unsealed = asyncio.Event()
        self._unsealed.set()
        self._is_behind = False
        self._sought_at: dict[str, int] = {}
        self._is_closing = False
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Own the partition number until `close` is called.

        Raises TransientError or FencedError where it may be taken over anew, InvariantViolation where that would not help.
        """
        log.debug("partition number %d: fencing", self.number)
        async with FencedProducer(self._settings.brokers, transactional_id=f"{GROUP}-{self.number}") as producer:
            self.phase = Phase.RESTORING
            log.debug("partition number %d: restoring", self.number)
            async with opened_state(self.number, self._settings) as state:
                self._state = state
                self.phase = Phase.OPEN
                log.debug("partition number %d: open", self.number)
                try:
                    await self._commit_until_closed(state, producer)
                finally:
                    self.phase = Phase.CLOSING
                    self._unsealed.set()
        log.debug("partition number %d: closed", self.number)

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
        if state is None or self._is_over or not self._is_positioned:
            return []
        if self._queued_count >= _QUEUED_BATCHES_MAX or state.pending_record_count >= self._uncommitted_records_max:
            return []
        return [Wanted(topic, self.number, self._epoch) for topic in topics.INPUT_TOPICS]

    def counts(self, wanted: Wanted) -> bool:
        """Say whether what was wanted is still wanted: nothing was sought since."""
        return wanted.epoch == self._epoch

    def expect(self, batch: Batch) -> bool:
        """Count a batch that is on its way to `accept`; False for one that counts no more."""
        if not self.counts(batch.wanted):
            return False
        self._queued_count += 1
        return True

    async def accept(self, batch: Batch) -> AcceptedBatch | None:
        """Accept a batch, if it still counts and continues what was applied; gives what the other agents go on with.

        Waits while a commit is about to begin, or something due is done. Never raises: what goes wrong ends `run`, and so does
        a schema registry that gives no answer, before anything of the batch is applied.
        """
        registry = await self._names_for(batch)
        while not self._unsealed.is_set():
            await self._unsealed.wait()
        state = self._state
        if not self.counts(batch.wanted) or state is None or self._is_over:
            return None
        self._queued_count -= 1
        self._in_hand_count += 1
        accepted = await self._do(batch, state.accept(batch, registry))
        self._changed.set()
        if isinstance(accepted, Gap):
            self._seek_back(accepted)
        elif not self._is_over:
            self._sought_at.pop(batch.wanted.topic, None)
            self._is_behind = len(batch.records) >= self._settings.batch_records
            if accepted is not None:
                return AcceptedBatch(self, batch, accepted)
        self._in_hand_count -= 1
        return None

    async def follow(self, batch: Batch, accepted: Accepted, follow: Callable[[PartitionState, Accepted], Steps[None]]) -> None:
        """Let something follow from what was accepted of a batch."""
        state = self._state
        if state is not None and not self._is_over:
            await self._do(batch, follow(state, accepted))

    def finish(self, batch: Batch, accepted: Accepted, *, seconds: float) -> None:
        """Take note that a batch has been through all agents, and how long it took."""
        self._in_hand_count -= 1
        self._changed.set()
        self._metrics.count_batch(batch.wanted.topic, accepted)
        self._metrics.apply_seconds.observe(seconds)

    @property
    def is_reading(self) -> bool:
        """Whether the consumer stands where this number has got to."""
        return self._is_positioned

    @property
    def committed(self) -> ReadableState | None:
        """What is committed; None while the number is not open. To be read only."""
        return None if self._opened is None else self._opened.committed

    def times(self) -> Times | None:
        """Give the committed clock and boundary; None while the number is not open."""
        return None if self._opened is None else self._opened.times()

    def position(self, topic: str) -> int | None:
        """Give the position up to which a topic partition has been applied; None while the number is not open."""
        return None if self._opened is None else self._opened.position(topic)

    def committed_positions(self) -> dict[str, int]:
        """Give the committed position of each input topic, also of a number that is closed; empty before it is open."""
        return {} if self._state is None else self._state.committed_positions()

    @property
    def _opened(self) -> PartitionState | None:
        return self._state if self.phase is Phase.OPEN else None

    @property
    def _is_over(self) -> bool:
        return self._is_closing or self._failure is not None

    async def _names_for(self, batch: Batch) -> Mapping[int, str]:
        """Find what the ids of the batch's records mean in the schema registry."""
        if not self.counts(batch.wanted) or self._is_over:
            return NO_REGISTRY
        try:
            return await self._settings.registered.names_of(batch.records)
        except TransientError as error:
            self.fail(error)
            return NO_REGISTRY

    async def _do(self, batch: Batch, steps: Steps[_Result]) -> _Result | None:
        """Do a part of the work on a batch; what goes wrong in it ends `run`, and names where the batch lies."""
        try:
            return await in_turns(steps, is_over=lambda: self._is_over)
        except InvariantViolation as error:
            place = f"{batch.wanted.topic}/{batch.wanted.number}, records {batch.begin} up to {batch.end}"
            self.fail(InvariantViolation(f"{place}: {error}"))
        except Exception as error:  # noqa: BLE001 - the worker's edge: Faust would acknowledge the batch and go on
            self.fail(error)
        return None

    async def _commit_until_closed(self, state: PartitionState, producer: FencedProducer) -> None:
        began = 0.0
        while not self._is_closing:
            if self._failure is not None:
                raise self._failure
            if self._is_assigned and not self._is_positioned:
                await self._seek_all(state)
            is_commit_due = self._is_commit_due(state, began)
            if not is_commit_due and not state.has_due():
                await self._wait_for_change(began + self._interval_seconds() if state.has_pending else None)
            elif self._has_in_hand:
                # Only whole batches are committed: none is accepted until those in hand have been through all agents.
                self._unsealed.clear()
                await self._wait_for_change(None)
            elif is_commit_due:
                began = time.monotonic()
                await self._commit(state, producer)
            else:
                # Piece by piece, between two batches, so that commits and batches get their turn.
                self._unsealed.clear()
                await in_turns(state.do_due(), is_over=lambda: self._is_over)
                self._unsealed.set()
                await asyncio.sleep(0)

    async def _commit(self, state: PartitionState, producer: FencedProducer) -> None:
        began, record_count = time.monotonic(), state.pending_record_count
        number = state.commit_number + 1
        log.debug("partition number %d: commit %d begins", self.number, number)
        messages = state.begin_commit()
        self._unsealed.set()
        first_offsets = await producer.commit(messages)
        log.debug("partition number %d: commit %d ended", self.number, number)
        published = state.end_commit(changelog_position=first_offsets[CHANGELOG, self.number], now=now_microseconds())
        self.commit_count += 1
        for topic, row_count in published.items():
            self._metrics.rows_published_total.labels(topic).inc(row_count)
        self._metrics.commit_seconds.observe(time.monotonic() - began)
        self._metrics.commit_records.observe(record_count)

    @property
    def _has_in_hand(self) -> bool:
        return self._in_hand_count > 0

    def _is_commit_due(self, state: PartitionState, began: float) -> bool:
        if not state.has_pending:
            return False
        is_large = state.pending_record_count * 2 >= self._uncommitted_records_max
        return is_large or time.monotonic() >= began + self._interval_seconds()

    @property
    def _uncommitted_records_max(self) -> int:
        """This number's share of what the worker keeps uncommitted in memory."""
        return max(1, self._settings.uncommitted_records // max(1, self._held_count()))

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
            place = f"{gap.topic}/{gap.number}"
            self.fail(
                InvariantViolation(f"{place}: what follows {gap.position} cannot be read, the next batch begins at {gap.begin}")
            )
            return
        log.warning("%s/%d: a batch begins at %d, not at %d; seeking back", gap.topic, gap.number, gap.begin, gap.position)
        self._metrics.seeks_back_total.inc()
        self._sought_at[gap.topic] = gap.position
        self.reposition()
