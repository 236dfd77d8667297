"""What a worker tells of itself at intervals: lag, phases, clocks, and what the accounts that it holds come to."""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from creditstream.wall_clock import now_microseconds
from projections.progress import count_in_progress
from projections.rows import LotRow, SnapshotRow
from projections.tables import read_lots, read_months
from projections.totals import CreditTotals, Totals
from schemas.errors import TransientError
from schemas.instants import MICROSECONDS_PER_SECOND
from schemas.topics import INPUT_TOPICS
from streams.metrics import WorkerMetrics
from streams.metrics.group_state import WINDOW_SECONDS, GroupState, Point, state_of
from streams.worker.lag import LagClock
from streams.worker.partition import Partition, Phase
from streams.worker.partitions import Group, Partitions

_SomeRow = TypeVar("_SomeRow", LotRow, SnapshotRow)

_LOOK_SECONDS = 2
_SWEEP_SECONDS = 30
_DELAY_LOOK_SECONDS = 0.02
_ROWS_BETWEEN_YIELDS = 200
_MICRO = 1_000_000


class Watch:
    """Sets the gauges of a worker; none of its tasks ends by itself."""

    def __init__(self, metrics: WorkerMetrics, *, partitions: Partitions, group: Callable[[], Group]) -> None:
        self._metrics = metrics
        self._partitions = partitions
        self._group = group
        self._watched: dict[tuple[str, int], _Watched] = {}
        self._credit_types: set[str] = set()

    async def look(self) -> None:
        """Tell lag, phases, clocks and what is being derived every two seconds."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._metrics.heartbeat_timestamp_seconds.set_to_current_time()
            self._tell_phases()
            with contextlib.suppress(TransientError):
                self._tell_clocks()
                self._tell_deriving()
                await self._tell_lag()

    async def feel_delay(self) -> None:
        """Tell how long one piece of work holds up all others."""
        while True:
            due = time.monotonic() + _DELAY_LOOK_SECONDS
            await asyncio.sleep(_DELAY_LOOK_SECONDS)
            self._metrics.loop_delay_seconds.observe(max(0.0, time.monotonic() - due))

    async def sweep(self) -> None:
        """Tell what all accounts come to every half minute, in small steps."""
        while True:
            with contextlib.suppress(TransientError):  # a partition number was closed meanwhile: the next sweep has it right
                await self._sweep_once()
            await asyncio.sleep(_SWEEP_SECONDS)

    def _tell_phases(self) -> None:
        phases = list(self._partitions.phases().values())
        for phase in Phase:
            self._metrics.partitions.labels(phase.value).set(phases.count(phase))
        self._metrics.partitions.labels("parked").set(len(self._partitions.parked))

    def _tell_clocks(self) -> None:
        times = [found for partition in self._partitions.opened() if (found := partition.times()) is not None]
        for gauge, instants in (
            (self._metrics.clock_timestamp_seconds, [found.clock for found in times]),
            (self._metrics.boundary_timestamp_seconds, [found.boundary for found in times]),
        ):
            known = [instant for instant in instants if instant is not None]
            gauge.set(min(known) / MICROSECONDS_PER_SECOND if known and len(known) == len(instants) else 0)

    def _tell_deriving(self) -> None:
        states = [state for partition in self._partitions.opened() if (state := partition.committed) is not None]
        self._metrics.deriving_accounts.set(sum(count_in_progress(state) for state in states))

    async def _tell_lag(self) -> None:
        opened = self._partitions.opened()
        ends = await self._group().seen_ends([partition.number for partition in opened])
        now_seconds = time.monotonic()
        watched: dict[tuple[str, int], _Watched] = {}
        seconds, records = dict.fromkeys(INPUT_TOPICS, 0.0), dict.fromkeys(INPUT_TOPICS, 0)
        for partition in opened:
            for topic, position in partition.committed_positions().items():
                log = (topic, partition.number)
                end = max(position, ends.get(log, position))
                one = watched[log] = self._watched.get(log) or _Watched()
                seconds[topic] = max(seconds[topic], one.take(end=end, position=position, now_seconds=now_seconds))
                records[topic] += end - position
        self._watched = watched
        for topic in INPUT_TOPICS:
            self._metrics.lag_seconds.labels(topic).set(seconds[topic])
            self._metrics.lag_records.labels(topic).set(records[topic])
        states = Counter(state_of(one.points, now_seconds=now_seconds) for one in watched.values())
        for state in GroupState:
            self._metrics.group_state.labels(state.value).set(states[state])

    async def _sweep_once(self) -> None:
        totals = Totals(as_of=now_microseconds())
        for partition in self._partitions.opened():
            await _in_steps(_lots_of(partition), totals.take_lot)
            await _in_steps(_months_of(partition), totals.take_month)
        # A credit type that this worker holds nothing of any more is at 0, or sums over workers would count it twice.
        self._credit_types |= totals.by_credit_type.keys()
        for credit_type in self._credit_types:
            found = totals.by_credit_type.get(credit_type, CreditTotals())
            self._metrics.granted_credits.labels(credit_type).set(found.granted_micro / _MICRO)
            self._metrics.used_credits.labels(credit_type).set(found.used_micro / _MICRO)
            self._metrics.overage_credits.labels(credit_type).set(found.overage_micro / _MICRO)
            self._metrics.expiring_within_7_days_credits.labels(credit_type).set(found.expiring_micro / _MICRO)
            self._metrics.accounts.labels(credit_type).set(len(found.accounts))
        self._metrics.balances_sweep_timestamp_seconds.set_to_current_time()


class _Watched:
    """What was seen of one input topic partition."""

    def __init__(self) -> None:
        self._lag = LagClock()
        self.points: deque[Point] = deque(maxlen=1 + WINDOW_SECONDS // _LOOK_SECONDS)

    def take(self, *, end: int, position: int, now_seconds: float) -> float:
        """Note end and committed position at an instant; gives the lag in seconds."""
        self.points.append(Point(now_seconds, position, end - position))
        return self._lag.take(end=end, position=position, now_seconds=now_seconds)


def _lots_of(partition: Partition) -> Iterator[LotRow]:
    return iter(()) if partition.committed is None else read_lots(partition.committed)


def _months_of(partition: Partition) -> Iterator[SnapshotRow]:
    return iter(()) if partition.committed is None else read_months(partition.committed)


async def _in_steps(rows: Iterable[_SomeRow], take: Callable[[_SomeRow], None]) -> None:
    for count, row in enumerate(rows, 1):
        take(row)
        if count % _ROWS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
