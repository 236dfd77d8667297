"""A year of many small accounts with an hourly clock, in which every month settles in its turn: the same seed, the same year.

Every account has a monthly grant and now and then one that lasts a quarter; it is used all through the year, sometimes late,
sometimes reversed, sometimes delivered twice. The clock ticks every hour in every clocked topic and settles from the first
day on.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from schemas import codec
from schemas.events import (
    MONTHLY,
    ONCE,
    TOPICS_OF_TYPE,
    Booking,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    Event,
    TimeAdvanced,
    key_of,
)
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from schemas.records import Place, RawRecord, ReadRecord
from schemas.topics import CLOCKED_TOPICS

BEGINS_AT = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""

DAYS = 365
WINDOW_DAYS = 62
USES_A_MONTH = 4
_QUARTER_DAYS = 91
_LATE_SHARE = 0.05
_LATE_DAYS_MAX = 30
_REVERSED_SHARE = 0.03
_VOIDED_SHARE = 0.1
_TWICE_SHARE = 0.03
_ORGANIZATIONS = ("harbor-desks", "velvet-salons", "brightcare")


class _Said(NamedTuple):
    """An event and the instant at which it is written."""

    at: int
    event: Event


class Hour(NamedTuple):
    """What is written up to the end of an hour: events, then the clock's ticks; `ends_at` in UTC microseconds."""

    ends_at: int
    records: list[ReadRecord]


def year(*, account_count: int, seed: int = 2026, days: int = DAYS) -> Iterator[Hour]:
    """Give the year hour by hour."""
    rng = random.Random(seed)  # noqa: S311 - a benchmark, not a secret
    said = sorted(
        (one for number in range(account_count) for one in _account(rng, number, days)), key=lambda one: (one.at, repr(one))
    )
    log = Log()
    position = 0
    for hour in range(1, days * 24 + 1):
        ends_at = BEGINS_AT + hour * MICROSECONDS_PER_HOUR
        records = []
        while position < len(said) and said[position].at < ends_at:
            records.append(log.write(said[position].event, said[position].at))
            position += 1
        accept_from = ends_at - ends_at % MICROSECONDS_PER_DAY - WINDOW_DAYS * MICROSECONDS_PER_DAY
        tick = TimeAdvanced(as_of=ends_at, accept_from=accept_from)
        yield Hour(ends_at, records + [log.write(tick, ends_at, topic=topic) for topic in CLOCKED_TOPICS])


def _account(rng: random.Random, number: int, days: int) -> Iterator[_Said]:
    organization_id, customer_id = _ORGANIZATIONS[number % len(_ORGANIZATIONS)], f"customer-{number}"

    def granted(grant_id: str, at: int, cadence: str, expires_at: int | None) -> _Said:
        amount_micro = 10_000_000 if cadence == MONTHLY else 5_000_000
        return _Said(
            at,
            CreditGranted(
                grant_id, organization_id, customer_id, at, at, None, grant_id, "coins", grant_id, cadence, amount_micro,
                50, at, expires_at, (), None, None,
            ),
        )  # fmt: skip

    yield granted(f"monthly-{number}", BEGINS_AT, MONTHLY, None)
    for day in range(rng.randrange(_QUARTER_DAYS), days, _QUARTER_DAYS):
        at = BEGINS_AT + day * MICROSECONDS_PER_DAY
        yield granted(f"quarter-{number}-{day}", at, ONCE, at + _QUARTER_DAYS * MICROSECONDS_PER_DAY)
        if rng.random() < _VOIDED_SHARE:
            at += rng.randrange(1, 30) * MICROSECONDS_PER_DAY
            grant_id = f"quarter-{number}-{day}"
            yield _Said(at, CreditVoided(f"void-{grant_id}", organization_id, customer_id, at, at, None, grant_id, None))
    for use in range(USES_A_MONTH * days // 30):
        at = BEGINS_AT + rng.randrange(days * 24) * MICROSECONDS_PER_HOUR
        late = rng.randrange(1, _LATE_DAYS_MAX) if rng.random() < _LATE_SHARE else 0
        occurred_at = max(BEGINS_AT, at - late * MICROSECONDS_PER_DAY)
        event_id, amount_micro = f"use-{number}-{use}", rng.randrange(1, 6) * 1_000_000
        consumed = CreditConsumed(
            event_id, organization_id, customer_id, occurred_at, at, None, "coins", amount_micro,
            Booking(f"booking-{use}", None, None), None, None,
        )  # fmt: skip
        yield _Said(at, consumed)
        if rng.random() < _TWICE_SHARE:
            yield _Said(at + MICROSECONDS_PER_HOUR, consumed)
        if rng.random() < _REVERSED_SHARE:
            at += rng.randrange(1, 20) * MICROSECONDS_PER_DAY
            yield _Said(
                at,
                ConsumptionReversed(
                    f"undo-{event_id}", organization_id, customer_id, at, at, None, event_id, occurred_at, None, None
                ),
            )


class Log:
    """One partition number of the input topics while it is written."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def write(self, event: Event, at: int, *, topic: str | None = None) -> ReadRecord:
        """Append a record, and give it as it is read."""
        [named] = [topic] if topic is not None else TOPICS_OF_TYPE[type(event)]
        offset = self._next.get(named, 0)
        self._next[named] = offset + 1
        place = Place(named, 0, offset)
        return ReadRecord(place, place, at, event, RawRecord(*place, at, key_of(event), codec.encode(event), ()))
