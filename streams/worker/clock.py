"""The clock: the worker makes time an event, so that months close without traffic, and in a replay too (docs/ledger.md 2).

For each open partition number, at its start and at every full hour, TimeAdvanced is appended to each clocked input topic, once
what lay in the topic has been read. It is sent outside of any transaction: a repeat is harmless, and one that is lost is said
again within the hour. Whether it carries `accept_from` is the operator's word (`credits clock`), asked for each time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from creditstream.connection import Brokers
from creditstream.wall_clock import now_microseconds
from schemas import codec
from schemas.checks import ACCEPTANCE_WINDOW
from schemas.errors import SettingsError, TransientError
from schemas.events import TimeAdvanced
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MILLISECOND
from schemas.topics import CLOCKED_TOPICS
from streams.kafka.control import read_settlement
from streams.kafka.emit import Outgoing, send
from streams.metrics import WorkerMetrics
from streams.worker.partition import Partition
from streams.worker.partitions import Group

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1


def time_advanced(*, now: int, is_settling: bool) -> TimeAdvanced:
    """Say that it is `now` (UTC microseconds); where history settles, nothing older than 62 whole days is accepted any more."""
    start_of_day = now - now % MICROSECONDS_PER_DAY
    return TimeAdvanced(as_of=now, accept_from=start_of_day - ACCEPTANCE_WINDOW if is_settling else None)


class Clock:
    """Says the time to the partition numbers that are open; `run` never ends by itself."""

    def __init__(
        self,
        brokers: Brokers,
        *,
        opened: Callable[[], Sequence[Partition]],
        group: Callable[[], Group],
        metrics: WorkerMetrics,
    ) -> None:
        self._brokers = brokers
        self._opened = opened
        self._group = group
        self._metrics = metrics
        self._said: dict[Partition, int] = {}

    async def run(self) -> None:
        """Look every second for partition numbers that are to be told the time; an outage is waited out."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._say_where_due()
            except (SettingsError, TransientError) as error:
                log.warning("the time cannot be said, and is tried again: %s", error)

    async def _say_where_due(self) -> None:
        opened = self._opened()
        # One that is opened anew is another object, and is told the time at its start.
        self._said = {partition: hour for partition, hour in self._said.items() if partition in opened}
        now = now_microseconds()
        hour = now // MICROSECONDS_PER_HOUR
        due = [partition for partition in opened if self._said.get(partition, -1) < hour]
        if not due:
            return
        ends = await self._group().seen_ends([partition.number for partition in due])
        ready = [partition for partition in due if _has_read_to(partition, ends)]
        if ready:
            event = time_advanced(now=now, is_settling=(await read_settlement(self._brokers)).is_open)
            await send(_records_of(event, ready), bootstrap_servers=self._brokers, on_acknowledged=lambda _: None)
            self._said |= dict.fromkeys(ready, hour)
            self._metrics.time_advanced_total.inc(len(ready))


def _records_of(event: TimeAdvanced, partitions: Sequence[Partition]) -> Iterator[Outgoing]:
    timestamp = event.as_of // MICROSECONDS_PER_MILLISECOND
    for topic in CLOCKED_TOPICS:
        for partition in partitions:
            yield Outgoing(topic, partition.number, None, codec.encode(event), timestamp)


def _has_read_to(partition: Partition, ends: Mapping[tuple[str, int], int]) -> bool:
    """Tell whether a partition number has applied each clocked topic up to an end that a fetch has seen."""
    for topic in CLOCKED_TOPICS:
        position, end = partition.position(topic), ends.get((topic, partition.number))
        if position is None or end is None or position < end:
            return False
    return True
