"""A feed of half a year for a few dozen customers, with the clock, so that history settles on the way; always the same.

It is to be sent in three parts: up to `SETTLED_AT`, when the months before April are settled; up to `STOPPED_AT`, with what
comes to a settled history; and up to `ENDS_AT`, when April is settled too. Offsets mean nothing here: a record gets one where
it is sent.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from schemas import codec, topics
from schemas.catalog import parse_catalog
from schemas.checks import ACCEPTANCE_WINDOW
from schemas.events import (
    MONTHLY,
    ONCE,
    TOPICS_OF_TYPE,
    CampaignSend,
    CreditConsumed,
    CreditGranted,
    Event,
    TimeAdvanced,
    key_of,
)
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from schemas.records import RawRecord
from tests.support.building import at, campaign, consume, grant, name, reverse, void

CATALOG_TEXT = """
[credit_types.coins]
[credit_types.messages]
[organizations.harbor-desks]
time_zone = "Asia/Tokyo"
[organizations.velvet-salons]
time_zone = "America/New_York"
"""
CATALOG = parse_catalog(CATALOG_TEXT)
ORGANIZATIONS = ("harbor-desks", "velvet-salons", "brightcare")
CUSTOMER_COUNT = 36

BEGINS_AT = at("2025-01-01")
SETTLED_AT = at("2025-06-11")
STOPPED_AT = at("2025-06-13")
ENDS_AT = at("2025-07-16")

_SEED = 2025
_WEEK = 7 * MICROSECONDS_PER_DAY
_DAYS = (ENDS_AT - BEGINS_AT) // MICROSECONDS_PER_DAY
_QUIET_AFTER_DAYS = 50
_USES_A_MONTH = 4
_SENDS = 12
_LATE_SHARE = 0.1
_AHEAD_SHARE = 0.05
_TWICE_SHARE = 0.06
_REVERSED_SHARE = 0.1
_HEADERS = (("written-by", b"the feed of months"),)


class _Written(NamedTuple):
    """An event, and the instant at which an upstream writes it."""

    at: int
    event: Event


def records_between(begin: int, end: int, *, partition_count: int) -> list[RawRecord]:
    """Give what is written after `begin` and up to `end`, in the order in which it is to be sent."""
    return [
        RawRecord(topic, number, 0, written.at, key_of(written.event), codec.encode(written.event), _HEADERS)
        for written in _feed()
        if begin < written.at <= end
        for topic, number in _logs_of(written.event, partition_count)
    ]


def _logs_of(event: Event, partition_count: int) -> list[tuple[str, int]]:
    key = key_of(event)
    if key is None:
        return [(topic, number) for topic in topics.CLOCKED_TOPICS for number in range(partition_count)]
    return [(TOPICS_OF_TYPE[type(event)][0], topics.partition_of(key, partition_count=partition_count))]


@cache
def _feed() -> Sequence[_Written]:
    random = Random(_SEED)  # noqa: S311 - always the same feed
    feed = [*_clock(), *_master_data(), *_misfits()]
    for number in range(CUSTOMER_COUNT):
        feed += _customer(random, number)
    feed += [*_after_settlement(feed, SETTLED_AT, range(0, CUSTOMER_COUNT, 2))]
    feed += [*_after_settlement(feed, STOPPED_AT, range(1, CUSTOMER_COUNT, 2))]
    return sorted(feed, key=lambda written: (written.at, repr(written.event)))


def _clock() -> Iterator[_Written]:
    """Say the time every week, and from when on events are accepted."""
    for instant in range(BEGINS_AT + _WEEK, ENDS_AT + 1, _WEEK):
        yield _Written(instant, TimeAdvanced(instant, instant - ACCEPTANCE_WINDOW))


def _master_data() -> Iterator[_Written]:
    """Define campaigns and give names, and do both anew once history is settled."""
    for instant, status in ((BEGINS_AT + 1_000, "LIVE"), (SETTLED_AT + MICROSECONDS_PER_HOUR, "PAUSED")):
        for organization_id in ORGANIZATIONS:
            yield _Written(instant, campaign(status=status, occurred_at=instant, organization_id=organization_id))
            yield _Written(instant, name("customer-1", f"As of {instant}", instant, organization_id=organization_id))


def _misfits() -> Iterator[_Written]:
    """Write what is in conflict with the rest: a void, a reversal and a use that nothing goes with."""
    for instant in (BEGINS_AT + MICROSECONDS_PER_DAY, SETTLED_AT + MICROSECONDS_PER_DAY):
        who = {"organization_id": "brightcare", "customer_id": "customer-2"}
        yield _Written(instant, void(f"never-granted-{instant}", instant, **who))
        yield _Written(instant, reverse((f"never-used-{instant}", instant), None, instant, **who))
        yield _Written(instant, consume(f"stamps-{instant}", "1", instant, credit_type="stamps", **who))


def _customer(random: Random, number: int) -> Iterator[_Written]:
    """Write half a year of a customer; every sixth one is quiet soon, and has nothing open any more when that is settled."""
    who = _who(number)
    is_quiet = number % 6 == 5
    yield from _grants(random, number, is_quiet=is_quiet)
    days = _QUIET_AFTER_DAYS if is_quiet else _DAYS
    for use in range(_USES_A_MONTH * days // 30):
        written_at = BEGINS_AT + random.randrange(1, days * 24) * MICROSECONDS_PER_HOUR
        amount = str(random.randrange(1, 10) / 2)
        occurred_at = _occurred_at(random, written_at)
        event = consume(f"use-{number}-{use}", amount, occurred_at, recorded_at=written_at, **who)
        yield from _used(random, _Written(written_at, event))
    if number % 2 == 0:
        yield _Written(BEGINS_AT + _WEEK, grant(f"sends-{number}", "1000", BEGINS_AT + _WEEK, credit_type="messages", **who))
        for send in range(_SENDS):
            written_at = BEGINS_AT + random.randrange(1, _DAYS * 24) * MICROSECONDS_PER_HOUR
            activity = CampaignSend("spring", "center-1", "SMS", "PLAN", random.randrange(1, 50))
            event = consume(f"send-{number}-{send}", "25", written_at, activity=activity, credit_type="messages", **who)
            yield from _used(random, _Written(written_at, event))


def _grants(random: Random, number: int, *, is_quiet: bool) -> Iterator[_Written]:
    """Grant what ends and what does not, once and every month, and void some of it, some of that late."""
    who = _who(number)
    granted_at = BEGINS_AT + random.randrange(1, 28 * 24) * MICROSECONDS_PER_HOUR
    days = 45 if is_quiet else (45, None, 120)[number // 3 % 3]
    ends_at = None if days is None else granted_at + days * MICROSECONDS_PER_DAY
    yield _Written(granted_at, grant(f"gift-{number}", "20", granted_at, cadence=ONCE, expires_at=ends_at, **who))
    if is_quiet:
        return
    if number % 4 != 3:
        ends_at = at("2025-03-15") if number % 4 == 0 else None
        yield _Written(granted_at, grant(f"plan-{number}", "10", granted_at, cadence=MONTHLY, expires_at=ends_at, **who))
    if number % 4 == 1:
        voided_at = at("2025-04-20T09:00:00Z")
        yield _Written(voided_at, void(f"plan-{number}", voided_at, **who))
    granted_at = at("2025-04-05") + random.randrange(20 * 24) * MICROSECONDS_PER_HOUR
    ends_at = granted_at + 60 * MICROSECONDS_PER_DAY
    yield _Written(granted_at, grant(f"spring-{number}", "15", granted_at, expires_at=ends_at, **who))
    if number % 3 == 0:
        written_at = granted_at + 10 * MICROSECONDS_PER_DAY
        voided_at = written_at - random.randrange(9) * MICROSECONDS_PER_DAY
        yield _Written(written_at, void(f"spring-{number}", voided_at, recorded_at=written_at, **who))


def _occurred_at(random: Random, written_at: int) -> int:
    """Give when a use that is written now was or will be: mostly now, sometimes before, sometimes booked ahead."""
    drawn = random.random()
    if drawn < _LATE_SHARE:
        return max(BEGINS_AT, written_at - random.randrange(1, 30) * MICROSECONDS_PER_DAY)
    if drawn < _LATE_SHARE + _AHEAD_SHARE:
        return written_at + random.randrange(1, 40) * MICROSECONDS_PER_DAY
    return written_at


def _used(random: Random, written: _Written) -> Iterator[_Written]:
    """Write a use, sometimes a second time, and sometimes take it back, in whole or in part."""
    yield written
    if random.random() < _TWICE_SHARE:
        yield written._replace(at=written.at + random.randrange(1, 200) * MICROSECONDS_PER_HOUR)
    if random.random() < _REVERSED_SHARE:
        reversed_at = written.at + random.randrange(1, 20) * MICROSECONDS_PER_DAY
        yield _Written(reversed_at, reverse(written.event, random.choice((None, "0.5")), reversed_at))


def _after_settlement(feed: Sequence[_Written], settled_at: int, numbers: Sequence[int]) -> Iterator[_Written]:
    """Write what comes to a settled history: copies of what is forgotten and of what is not, and what is dated back."""
    written_at = settled_at
    accept_from = max(event.accept_from for told, event in feed if isinstance(event, TimeAdvanced) and told <= settled_at)
    for number in numbers:
        who = _who(number)
        written_at += MICROSECONDS_PER_HOUR
        gift = next(event for _, event in feed if isinstance(event, CreditGranted) and event.grant_id == f"gift-{number}")
        use = _first_use(feed, number)
        written = [
            use,
            use._replace(occurred_at=written_at, recorded_at=written_at),
            reverse(use, None, written_at, event_id=f"too-late-{number}"),
            consume(f"just-in-time-{number}", "1.5", accept_from, recorded_at=written_at, **who),
            consume(f"booked-{number}", "2", written_at + 30 * MICROSECONDS_PER_DAY, recorded_at=written_at, **who),
            gift,
            gift._replace(amount_micro=1),
            grant(f"dated-back-{number}", "5", written_at, effective_at="2025-02-01", **who),
            grant(f"more-{number}", "8", written_at, effective_at=accept_from + MICROSECONDS_PER_DAY, **who),
        ]
        if number % 3 == 1:
            written.append(void(f"gift-{number}", "2025-02-01", recorded_at=written_at, **who))
        yield from (_Written(written_at, event) for event in written)


def _first_use(feed: Sequence[_Written], number: int) -> CreditConsumed:
    """Give the use of coins of a customer that is forgotten first."""
    uses = [event for _, event in feed if isinstance(event, CreditConsumed) and event.event_id.startswith(f"use-{number}-")]
    return min(uses, key=lambda use: max(use.occurred_at, use.recorded_at))


def _who(number: int) -> dict[str, str]:
    return {"organization_id": ORGANIZATIONS[number % len(ORGANIZATIONS)], "customer_id": f"customer-{number}"}
