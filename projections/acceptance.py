"""The verdict on an event that passed the checks: new, a duplicate, or refused (docs/ledger.md 3.3 to 3.5, 3.7 and 3.11).

Decided from the event's own topic partition up to and including it, so that every reader at any time decides alike.
"""

from enum import Enum
from typing import Any

from projections.stored import StoredEvent, TopicClock
from schemas.events import (
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
    TimeAdvanced,
)
from schemas.instants import MICROSECONDS_PER_DAY, format_instant
from schemas.records import Place
from schemas.refusals import Reason, Refusal

EARLINESS_MAX = 400 * MICROSECONDS_PER_DAY
"""How far `occurred_at` may lie after the record's timestamp."""


class Verdict(Enum):
    """What an event is that is not refused."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


def judge(
    event: CustomerEvent, *, standing: StoredEvent | None, accept_from: int | None, record_timestamp: int
) -> Verdict | Refusal:
    """Judge an event against the one that stands under its identity and the clock of its topic partition.

    `standing` is the accepted event of the same identity, however old; `accept_from` and `record_timestamp` are UTC
    microseconds. Gives the first answer that applies, in the order of docs/ledger.md 3.
    """
    if standing is not None and is_remembered(standing.event, accept_from=accept_from):
        if content_of(event) == content_of(standing.event):
            return Verdict.DUPLICATE
        return _contradiction(event, standing)
    late_field = _late_field(event, accept_from=accept_from)
    if late_field is not None and accept_from is not None:
        since = format_instant(accept_from)
        return Refusal(Reason.TOO_LATE, late_field, f"lies before {since}, from which on this topic partition accepts")
    if event.occurred_at > record_timestamp + EARLINESS_MAX:
        return Refusal(Reason.TOO_EARLY, "occurred_at", "lies more than 400 days after the record's timestamp")
    return Verdict.ACCEPTED


def judge_count(grant: CreditGranted, *, live_count: int, live_grants_max: int) -> Verdict | Refusal:
    """Judge a grant that passes `judge` by how many grants its account has that have not expired (docs/ledger.md 3.11)."""
    if live_count < live_grants_max:
        return Verdict.ACCEPTED
    detail = (
        f"{grant.grant_id} is one too many: the account has {live_count} grants that have not expired, and the limit is "
        f"{live_grants_max}; let grants expire, or grant in larger pieces"
    )
    return Refusal(Reason.TOO_MANY_GRANTS, "grant_id", detail)


def is_remembered(event: CustomerEvent, *, accept_from: int | None) -> bool:
    """Tell whether an accepted event's identity still counts (docs/ledger.md 3.7).

    It does until `accept_from` has passed both its `occurred_at` and its `recorded_at`; for grants and voids for ever.
    """
    if accept_from is None or isinstance(event, CreditGranted | CreditVoided):
        return True
    return accept_from <= max(event.occurred_at, event.recorded_at)


def content_of(event: CustomerEvent) -> tuple[Any, ...]:
    """Give what makes two deliveries copies of one event (docs/ledger.md 3.3).

    Named types stand in it, since two activities of different types may hold the same words.
    """
    if isinstance(event, CreditGranted):
        return CreditGranted, event._replace(event_id="", recorded_at=0)
    if isinstance(event, CreditConsumed):
        return CreditConsumed, type(event.activity), event._replace(recorded_at=0)
    return type(event), event._replace(recorded_at=0)


def advance(clock: TopicClock, event: TimeAdvanced, place: Place) -> TopicClock:
    """Move the clock of a topic partition by the record at `place`; each field only moves forward (docs/ledger.md 2.4)."""
    moved = clock._replace(as_of=_later(clock.as_of, event.as_of), accept_from=_later(clock.accept_from, event.accept_from))
    return clock if moved == clock else moved._replace(partition=place.partition, offset=place.offset)


def _later(first: int | None, second: int | None) -> int | None:
    return max((instant for instant in (first, second) if instant is not None), default=None)


def _contradiction(event: CustomerEvent, standing: StoredEvent) -> Refusal:
    if isinstance(event, CreditGranted):
        reason, field, identity = Reason.GRANT_CONFLICT, "grant_id", event.grant_id
    else:
        reason, field, identity = Reason.EVENT_CONFLICT, "event_id", event.event_id
    topic, partition, offset = standing.place
    return Refusal(reason, field, f"{identity} was accepted before with other content, at {topic}/{partition}/{offset}")


def _late_field(event: CustomerEvent, *, accept_from: int | None) -> str | None:
    """Name the first field that lies before `accept_from`; a void is never too late."""
    if accept_from is None or isinstance(event, CreditVoided):
        return None
    if event.occurred_at < accept_from:
        return "occurred_at"
    if isinstance(event, CreditGranted) and event.effective_at < accept_from:
        return "effective_at"
    if isinstance(event, ConsumptionReversed) and event.consumed_at < accept_from:
        return "consumed_at"
    return None
