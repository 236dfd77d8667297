"""The demo feed: the same seed, anchor and count give the same records, byte for byte.

It runs through the four months up to the anchor. The history comes first; then an operator opens the clock, as of the anchor,
and nothing older than 62 days is accepted any more (docs/ledger.md 2.5); then comes the tail, with what is too late for that.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from schemas.events import TimeAdvanced
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, from_datetime, to_datetime
from streams.demo.customers import customers_of
from streams.demo.happenings import Happenings
from streams.demo.records import Drafted, FeedRecord
from streams.worker.clock import time_advanced

MONTHS = 4
RECORDS_MIN = 200
_TAIL_DAYS = 1
_TAIL_SHARE = 0.04
_TAIL_MIN = 40
_OPENING_DAYS = 3
_FIRST_HOUR, _LAST_HOUR = 6, 22

Happen = Callable[[Happenings], Drafted]

_ORDINARY: tuple[tuple[Happen, float], ...] = (
    (Happenings.use, 92.0),
    (Happenings.reversal, 3.5),
    (Happenings.pack, 2.5),
    (Happenings.void, 0.4),
    (Happenings.goodwill, 0.6),
    (Happenings.name, 0.6),
    (Happenings.campaign, 0.4),
)
"""What happens as a rule, one beside the other."""

_UNUSUAL_IN_HISTORY: tuple[tuple[Happen, float], ...] = (
    (Happenings.copy, 0.04),
    (Happenings.late_use, 0.03),
    (Happenings.late_void, 0.001),
    (Happenings.misrouted, 0.012),
    (Happenings.event_conflict, 0.003),
    (Happenings.grant_conflict, 0.001),
    (Happenings.undecodable, 0.004),
    (Happenings.invalid, 0.006),
    (Happenings.wrong_key, 0.002),
    (Happenings.too_early, 0.0006),
    (Happenings.void_without_grant, 0.0005),
    (Happenings.reversal_without_consumption, 0.001),
    (Happenings.reversal_exceeds_consumption, 0.001),
    (Happenings.unknown_credit_type, 0.0006),
    (Happenings.unlimited_not_allowed, 0.0003),
)
_UNUSUAL_IN_TAIL: tuple[tuple[Happen, float], ...] = (
    (Happenings.too_late_use, 0.06),
    (Happenings.too_late_copy, 0.06),
    (Happenings.too_late_grant, 0.01),
    (Happenings.too_late_reversal, 0.02),
    (Happenings.copy, 0.08),
    (Happenings.late_use, 0.08),
    (Happenings.late_void, 0.01),
    (Happenings.misrouted, 0.02),
    (Happenings.too_early, 0.005),
)
"""How often there is what of all records of the part, and at least once."""


class Feed(NamedTuple):
    """The feed of a data folder: what comes before the clock is opened, what opens it, and what comes after."""

    anchor: int
    history: tuple[FeedRecord, ...]
    opening: TimeAdvanced
    tail: tuple[FeedRecord, ...]

    @property
    def records(self) -> tuple[FeedRecord, ...]:
        """All records in the order in which they are sent; each stands at its number."""
        return self.history + self.tail

    @property
    def accept_from(self) -> int:
        """The instant from which on events are accepted once the clock is open, in UTC microseconds."""
        return self.opening.accept_from or 0

    @property
    def begins_at(self) -> int:
        """The instant of the first event, in UTC microseconds."""
        return begin_of(self.anchor)

    def fingerprint(self) -> str:
        """Give a digest of all that is sent; another release, or another number of partitions, gives another one."""
        return hashlib.sha256(repr([tuple(record.outgoing) for record in self.records]).encode()).hexdigest()


def make_feed(*, anchor: int, seed: int, record_count: int, partition_count: int) -> Feed:
    """Make the feed of exactly `record_count` records up to `anchor` (UTC microseconds).

    `record_count` is at least RECORDS_MIN, `partition_count` at least 2. Guarantees that every outcome is reached.
    """
    chance = random.Random(seed)  # noqa: S311 - the same records for the same seed are what is wanted
    opening = time_advanced(now=anchor, is_settling=True)
    begins_at, accept_from = begin_of(anchor), opening.accept_from or 0
    customers = customers_of(chance, record_count=record_count)
    happenings = Happenings(chance, customers, begins_at=begins_at, accept_from=accept_from, partition_count=partition_count)
    tail_count = max(_TAIL_MIN, round(record_count * _TAIL_SHARE))
    first = happenings.opening()
    usual_count = record_count - tail_count - len(first)
    tail_from = anchor - _TAIL_DAYS * MICROSECONDS_PER_DAY
    drafted = [
        *first,
        *_drawn(happenings, chance, _UNUSUAL_IN_HISTORY, _working_hours(chance, usual_count, begins_at, tail_from)),
    ]
    happenings.floor = accept_from
    tail = list(_drawn(happenings, chance, _UNUSUAL_IN_TAIL, _instants(chance, tail_count, tail_from, anchor)))
    numbered = tuple(one.numbered(number) for number, one in enumerate([*drafted, *tail]))
    return Feed(anchor, numbered[: len(drafted)], opening, numbered[len(drafted) :])


def begin_of(anchor: int) -> int:
    """Give the first instant of the UTC day four months before the anchor (the 28th stands for later days)."""
    day = to_datetime(anchor)
    months = day.year * 12 + day.month - 1 - MONTHS
    first = day.replace(year=months // 12, month=months % 12 + 1, day=min(day.day, 28))
    return from_datetime(first.replace(hour=0, minute=0, second=0, microsecond=0))


def _drawn(
    happenings: Happenings, chance: random.Random, unusual: Sequence[tuple[Happen, float]], instants: Sequence[int]
) -> Iterator[Drafted]:
    """Let something happen at each instant: what is unusual exactly as often as it should, the rest by chance."""
    happen = [one for one, share in unusual for _ in range(max(1, round(share * len(instants))))]
    kinds, weights = zip(*_ORDINARY, strict=True)
    happen += chance.choices(kinds, weights=weights, k=len(instants) - len(happen))
    chance.shuffle(happen)
    for happens, instant in zip(happen, instants, strict=True):
        happenings.now = instant
        yield happens(happenings)


def _working_hours(chance: random.Random, count: int, begin: int, end: int) -> list[int]:
    """Draw so many instants in order, most of them around noon; the first days are left to the opening."""
    first_day, last_day = begin // MICROSECONDS_PER_DAY + _OPENING_DAYS, end // MICROSECONDS_PER_DAY
    drawn = (
        chance.randrange(first_day, last_day) * MICROSECONDS_PER_DAY
        + int(chance.triangular(_FIRST_HOUR, _LAST_HOUR) * 3_600) * MICROSECONDS_PER_SECOND
        for _ in range(count)
    )
    return sorted(drawn)


def _instants(chance: random.Random, count: int, begin: int, end: int) -> list[int]:
    """Draw so many instants between two, in order."""
    seconds = (end - begin) // MICROSECONDS_PER_SECOND
    return sorted(begin + chance.randrange(seconds) * MICROSECONDS_PER_SECOND for _ in range(count))
