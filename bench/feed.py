"""The events of the benchmark: the same seed gives the same records, byte for byte.

A feed has an opening (time, campaigns, and the first grant of every account), which is applied before the clock starts, and
a body, which is measured: consumption for the most part, on accounts chosen by Zipf's law, with reversals, more grants,
voids, names, ticks of the clock, late events and second deliveries among it.
"""

import random
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from bench.feed_events import (
    campaign_defined,
    consumption_reversed,
    credit_consumed,
    credit_granted,
    credit_voided,
    name_given,
)
from schemas import codec
from schemas.amounts import MICRO_PER_CREDIT
from schemas.events import (
    TOPICS_OF_TYPE,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    Event,
    NameGiven,
    TimeAdvanced,
    key_of,
)
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_MILLISECOND
from schemas.topics import partition_of

CUSTOMER_COUNT = 2_000
ZIPF_EXPONENT = 1.1
DUPLICATE_SHARE = 0.05
LATE_SHARE = 0.02
LATE_DAYS_MAX = 20
DAYS = 40

_BEGINS_AT = 1_767_571_200_000_000
"""2026-01-05T00:00:00Z, so that a feed crosses one end of a month in every zone."""

_WINDOW = 70 * MICROSECONDS_PER_DAY
_TICK_EVERY = 5_000
_REMEMBERED_MAX = 1_000
_SECOND_CREDIT_TYPE_EVERY = 4
_CAMPAIGN_COUNT = 10
_CREDIT_TYPES = {
    "harbor-desks": ("coins", "hours"),
    "velvet-salons": ("messages", "coins"),
    "brightcare": ("sessions", "hours"),
    "nimbus-cloud": ("usd", "messages"),
}
Kinds = tuple[tuple[type[Event], float], ...]
"""Types of events with their weights."""

KINDS: Kinds = ((CreditConsumed, 92.0), (ConsumptionReversed, 3.0), (CreditGranted, 4.0), (CreditVoided, 0.5), (NameGiven, 0.5))
"""How often there is which event, one beside the other."""


class Account(NamedTuple):
    """Whose credits, of which type."""

    organization_id: str
    customer_id: str
    credit_type: str


class Shape(NamedTuple):
    """Whose events a feed holds, over how many days, and how often there is what.

    `cumulative` are the weights of the accounts, each with those before it. `first_grants` are the grants of an account in the
    opening, and a grant has from the first to the second of `credits_of_grant`. Time is told every `tick_every` records.
    """

    accounts: Sequence[Account]
    cumulative: Sequence[float]
    kinds: Kinds = KINDS
    duplicate_share: float = DUPLICATE_SHARE
    late_share: float = LATE_SHARE
    days: int = DAYS
    first_grants: int = 1
    credits_of_grant: tuple[int, int] = (20, 400)
    tick_every: int = _TICK_EVERY


class FeedRecord(NamedTuple):
    """A record to be sent; `timestamp` in UTC milliseconds."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    timestamp: int


class Feed(NamedTuple):
    """The records of a run in the order in which they are sent.

    `counts` tells, of the body, how many records there are of each type of event, how many of them are second deliveries
    (`duplicate`) and how many occurred long before they came (`late`); and how many accounts there are (`account`).
    """

    opening: tuple[FeedRecord, ...]
    body: tuple[FeedRecord, ...]
    counts: dict[str, int]


def make_feed(*, seed: int, event_count: int, partition_count: int) -> Feed:
    """Make a feed whose body has exactly `event_count` records."""
    accounts = accounts_of(CUSTOMER_COUNT)
    weights = list(accumulate(rank**-ZIPF_EXPONENT for rank in range(1, len(accounts) + 1)))
    maker = _Maker(seed, Shape(accounts, weights), event_count=event_count)
    numbers = range(partition_count)
    opening = tuple(_opening(maker, partition_count, numbers))
    body, counts = [], Counter(account=len(accounts))
    for sent in islice(_sent(maker, partition_count, numbers), event_count):
        body.append(sent.record)
        counts.update([type(sent.event).__name__, *(["duplicate"] if sent.is_duplicate else [])])
        counts.update(["late"] if sent.is_late and not sent.is_duplicate else [])
    return Feed(opening, tuple(body), dict(counts))


class NumberFeed(NamedTuple):
    """The records of one partition number; both parts are made while they are taken, the opening first."""

    opening: Iterator[FeedRecord]
    body: Iterator[FeedRecord]


def feed_of_number(shape: Shape, *, seed: int, event_count: int, partition_count: int, number: int) -> NumberFeed:
    """Give a feed of accounts that all lie in one partition number, whose body has exactly `event_count` records."""
    maker = _Maker(seed, shape, event_count=event_count)
    return NumberFeed(
        _opening(maker, partition_count, (number,)),
        (sent.record for sent in islice(_sent(maker, partition_count, (number,)), event_count)),
    )


class _Sent(NamedTuple):
    event: Event
    record: FeedRecord
    is_late: bool
    is_duplicate: bool


def _opening(maker: "_Maker", partition_count: int, numbers: Sequence[int]) -> Iterator[FeedRecord]:
    """Give what is sent first, as far as it lies in some partition numbers."""
    return (record for event in maker.opening() for record in _records_of(event, partition_count, numbers))


def _sent(maker: "_Maker", partition_count: int, numbers: Sequence[int]) -> Iterator[_Sent]:
    """Give what is sent after the opening, without an end: events as they are made, and some of the last ones once more."""
    last: deque[_Sent] = deque(maxlen=_REMEMBERED_MAX)
    count = 0
    while True:
        if last and maker.random.random() < maker.shape.duplicate_share:
            yield maker.random.choice(last)._replace(is_duplicate=True)
            count += 1
            continue
        event, is_late = maker.event_at(count)
        for record in _records_of(event, partition_count, numbers):
            sent = _Sent(event, record, is_late, is_duplicate=False)
            if not isinstance(event, TimeAdvanced | NameGiven):
                last.append(sent)
            yield sent
            count += 1


def _records_of(event: Event, partition_count: int, numbers: Sequence[int]) -> Iterator[FeedRecord]:
    """Give the record of an event where it lies in one of `numbers`; of time one for each topic and each of them."""
    key, value = key_of(event), codec.encode(event)
    recorded_at = event.as_of if isinstance(event, TimeAdvanced) else event.recorded_at
    found = numbers if key is None else [partition_of(key, partition_count=partition_count)]
    for topic in TOPICS_OF_TYPE[type(event)]:
        for number in found:
            if number in numbers:
                yield FeedRecord(topic, number, key, value, recorded_at // MICROSECONDS_PER_MILLISECOND)


class _Maker:
    """Makes the events of one feed, each from what came before."""

    def __init__(self, seed: int, shape: Shape, *, event_count: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same events for the same seed are what is wanted
        self.shape = shape
        self._types, self._type_weights = zip(*shape.kinds, strict=True)
        self._microseconds_an_event = shape.days * MICROSECONDS_PER_DAY // event_count
        self._next_tick_at = shape.tick_every
        self._id = 0
        self._grants: deque[CreditGranted] = deque(maxlen=_REMEMBERED_MAX)
        self._consumption: deque[CreditConsumed] = deque(maxlen=_REMEMBERED_MAX)

    def opening(self) -> Iterator[Event]:
        """Give what has to be there before anything is consumed."""
        yield self._time(_BEGINS_AT)
        for organization_id in _CREDIT_TYPES:
            for number in range(_CAMPAIGN_COUNT):
                yield campaign_defined(organization_id, number, at=_BEGINS_AT)
        for account in self.shape.accounts:
            for _ in range(self.shape.first_grants):
                yield self._grant(account, _BEGINS_AT)

    def event_at(self, count: int) -> tuple[Event, bool]:
        """Give the event that comes after `count` records, and whether it is late."""
        now = _BEGINS_AT + count * self._microseconds_an_event
        if count >= self._next_tick_at:
            self._next_tick_at += self.shape.tick_every
            return self._time(now), False
        is_late = self.random.random() < self.shape.late_share
        occurred_at = now - self.random.randint(1, LATE_DAYS_MAX) * MICROSECONDS_PER_DAY if is_late else now
        (account,) = self.random.choices(self.shape.accounts, cum_weights=self.shape.cumulative)
        (kind,) = self.random.choices(self._types, weights=self._type_weights)
        if kind is CreditGranted:
            return self._grant(account, now), False
        if kind is NameGiven:
            return name_given(account, self._next_id("n"), at=now), False
        if kind is CreditVoided and self._grants:
            return credit_voided(self.random.choice(self._grants), self._next_id("v"), at=now), False
        if kind is ConsumptionReversed and self._consumption:
            return self._reverse(now), False
        return self._consume(account, occurred_at, recorded_at=now), is_late

    def _time(self, now: int) -> TimeAdvanced:
        return TimeAdvanced(as_of=now, accept_from=now - _WINDOW)

    def _grant(self, account: Account, now: int) -> CreditGranted:
        amount = self.random.randint(*self.shape.credits_of_grant) * MICRO_PER_CREDIT
        grant = credit_granted(account, self._next_id("g"), amount_micro=amount, at=now, is_monthly=self._id % 3 == 0)
        self._grants.append(grant)
        return grant

    def _consume(self, account: Account, occurred_at: int, *, recorded_at: int) -> CreditConsumed:
        event_id = self._next_id("u")
        consumed = credit_consumed(account, event_id, self.random, occurred_at=occurred_at, recorded_at=recorded_at)
        self._consumption.append(consumed)
        return consumed

    def _reverse(self, now: int) -> ConsumptionReversed:
        consumed = self.random.choice(self._consumption)
        event_id = self._next_id("r")
        return consumption_reversed(consumed, event_id, at=now, is_whole=self._id % 2 == 1)

    def _next_id(self, letter: str) -> str:
        self._id += 1
        return f"{letter}-{self._id:09d}"


def accounts_of(customer_count: int) -> list[Account]:
    """Give the accounts of so many customers; every fourth customer has two."""
    accounts: list[Account] = []
    organization_ids = list(_CREDIT_TYPES)
    for number in range(customer_count):
        organization_id = organization_ids[number % len(organization_ids)]
        credit_types = _CREDIT_TYPES[organization_id][: 1 if number % _SECOND_CREDIT_TYPE_EVERY else 2]
        accounts += [Account(organization_id, f"customer-{number:05d}", credit_type) for credit_type in credit_types]
    return accounts
