"""All partition numbers that this worker holds: who is opened and closed as they are assigned, and what follows on trouble.

The callbacks of a rebalance only compare and spawn, since the group hears nothing of this worker while they run; a number that
stays keeps producer and state. One task a number opens it, and opens it anew after an outage, for ever but ever slower: what
is not committed is done again, and nothing else can do it. A worker that was fenced first proves that it is still a member of
the group, or two that both believe in their right would fence each other in turn. A broken invariant parks the number: it is
named in the log and not tried again. Anything else is a bug, and ends the worker.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from aiokafka.errors import KafkaError

from schemas.errors import InvariantViolation, SettingsError, TransientError
from streams.kafka.transaction import FencedError
from streams.worker.batches import Batch, Wanted
from streams.worker.opening import PartitionSettings
from streams.worker.partition import AcceptedBatch, Inputs, Partition, Phase

log = logging.getLogger(__name__)

_PAUSE_SECONDS_MIN = 0.5
_PAUSE_SECONDS_MAX = 15.0
_CLOSE_SECONDS = 10
_ADVICE_SECONDS = 2


class Group(Inputs, Protocol):
    """What is asked of the consumer: to seek, to say how far logs reach, and to commit group offsets."""

    async def seen_ends(self, numbers: Sequence[int]) -> Mapping[tuple[str, int], int]:
        """Give the end of each input topic partition as the last fetch saw it, by topic and number."""

    async def commit_advice(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Commit group offsets; raises TransientError where this worker is no member of the group."""


class Partitions:
    """The partition numbers of this worker; an `Inbox` for the transport.

    `deliver_to` takes a batch and waits while there are enough. `on_refused` is told that the settings do not go with the
    state, `on_bug` of any other error that ends the worker.
    """

    def __init__(
        self,
        settings: PartitionSettings,
        *,
        group: Callable[[], Group],
        deliver_to: Callable[[Batch], Awaitable[None]],
        on_refused: Callable[[SettingsError], None],
        on_bug: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._group = group
        self._deliver_to = deliver_to
        self._on_refused = on_refused
        self._on_bug = on_bug
        self.is_member = False
        self._assigned: set[int] = set()
        self._parked: set[int] = set()
        self._open: dict[int, Partition] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def on_revoked(self) -> None:
        """Take no more batches: a rebalance has begun, and the consumer is about to lose its positions."""
        log.debug("rebalance begins")
        for partition in self._open.values():
            partition.pause()

    def on_assigned(self, numbers: Iterable[int]) -> None:
        """Hold exactly these numbers from now on."""
        self.is_member = True
        self._assigned = set(numbers)
        log.debug("rebalance ended, holding %s", sorted(self._assigned))
        self._settings.metrics.rebalances_total.inc()
        for number, partition in self._open.items():
            if number in self._assigned:
                partition.reposition()
            else:
                partition.close()
        for number in sorted(self._assigned - self._parked):
            task = self._tasks.get(number)
            if task is None or task.done():
                self._tasks[number] = asyncio.create_task(self._hold(number))

    async def close_all(self) -> None:
        """Let go of every number; one with a commit under way gets the time to finish it, and aborts it after that."""
        self._assigned = set()
        tasks = {number: task for number, task in self._tasks.items() if not task.done()}
        for number, task in tasks.items():
            partition = self._open.get(number)
            if partition is not None and partition.phase is Phase.OPEN:
                partition.close()
            else:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks.values(), timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def wanted(self) -> list[Wanted]:
        """Give the topic partitions from which a batch is wanted now."""
        return [one for partition in self._open.values() for one in partition.wanted()]

    async def deliver(self, batch: Batch) -> None:
        """Hand on a batch that still counts; waits while there are enough of them."""
        partition = self._open.get(batch.wanted.number)
        if partition is not None and partition.expect(batch):
            await self._deliver_to(batch)

    def fail(self, wanted: Wanted, error: Exception) -> None:
        """End the work on a number of which a topic partition cannot be read."""
        partition = self._open.get(wanted.number)
        if partition is not None and partition.counts(wanted):
            what = f"{wanted.topic}/{wanted.number} cannot be read: {error!r}"
            partition.fail(TransientError(what) if isinstance(error, KafkaError) else InvariantViolation(what))

    async def accept(self, batch: Batch) -> AcceptedBatch | None:
        """Accept a batch; None for one that counts no more. Never raises."""
        partition = self._open.get(batch.wanted.number)
        return None if partition is None else await partition.accept(batch)

    @property
    def assigned(self) -> frozenset[int]:
        """The partition numbers that the group has given to this worker."""
        return frozenset(self._assigned)

    @property
    def parked(self) -> frozenset[int]:
        """Those of which an invariant is broken, so that they are not worked on."""
        return frozenset(self._parked & self._assigned)

    def phases(self) -> Mapping[int, Phase]:
        """Give how far the work on each number is that is worked on now."""
        return {number: partition.phase for number, partition in self._open.items()}

    def committed_positions(self, number: int) -> Mapping[str, int]:
        """Give the committed positions of a number, by input topic; empty while it is not open."""
        partition = self._open.get(number)
        return {} if partition is None else partition.committed_positions()

    def opened(self) -> list[Partition]:
        """Give the partition numbers that are open now, in order."""
        return [partition for _, partition in sorted(self._open.items()) if partition.phase is Phase.OPEN]

    async def advise(self) -> None:
        """Commit the positions as group offsets whenever they have moved, for tools that show lag; nothing begins at them."""
        advised: dict[tuple[str, int], int] = {}
        while True:
            await asyncio.sleep(_ADVICE_SECONDS)
            positions = _positions_of(partition for partition in self._open.values() if partition.is_reading)
            if positions and positions != advised:
                # One that cannot be committed, in a rebalance or an outage, is committed the next time.
                with contextlib.suppress(TransientError):
                    await self._group().commit_advice(positions)
                    advised = positions

    async def _hold(self, number: int) -> None:
        """Keep a number open for as long as it is assigned."""
        pause_seconds = _PAUSE_SECONDS_MIN
        while number in self._assigned:
            partition = Partition(number, self._settings, inputs=self._group(), held_count=lambda: len(self._open))
            self._open[number] = partition
            try:
                await self._run(partition)
            except TransientError as error:
                if partition.commit_count:
                    pause_seconds = _PAUSE_SECONDS_MIN
                log.warning("partition number %d: %s; it is opened anew in %.1f s", number, error, pause_seconds)
                del self._open[number]
                await asyncio.sleep(pause_seconds)
                self._settings.metrics.reopenings_total.inc()
                if isinstance(error, FencedError):
                    self._settings.metrics.fencings_total.inc()
                    await self._prove_membership(partition)
                pause_seconds = min(pause_seconds * 2, _PAUSE_SECONDS_MAX)
            except InvariantViolation as error:
                log.critical("partition number %d is parked: %s", number, error)
                self._parked.add(number)
                return
            except SettingsError as error:
                self._on_refused(error)
                return
            except Exception as error:  # noqa: BLE001 - the worker's edge: a bug ends the worker
                await self._on_bug(error)
                return
            finally:
                self._open.pop(number, None)

    async def _run(self, partition: Partition) -> None:
        """Run the work on a number; a cancellation that nobody asked for, leaked out of a library, is an outage."""
        try:
            await partition.run()
        except asyncio.CancelledError as error:
            if partition.number not in self._assigned:
                raise
            raise TransientError("its work was cancelled from within") from error

    async def _prove_membership(self, partition: Partition) -> None:
        """Wait until the group takes this worker's word for a number, or the number is no longer assigned."""
        positions = _positions_of([partition])
        while positions and partition.number in self._assigned:
            try:
                await self._group().commit_advice(positions)
            except TransientError:
                await asyncio.sleep(_PAUSE_SECONDS_MIN)
            else:
                return


def _positions_of(partitions: Iterable[Partition]) -> dict[tuple[str, int], int]:
    """Give the committed position of each topic partition."""
    return {
        (topic, partition.number): position
        for partition in partitions
        for topic, position in partition.committed_positions().items()
    }
