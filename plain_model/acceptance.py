"""What becomes of each record: the verdicts, one topic partition at a time (docs/ledger.md 3).

A verdict follows from the record's own topic partition alone, from its log up to and including the record; so the records
may come interleaved in any way. The time that `TimeAdvanced` tells and the ids that are remembered are kept apart for each
topic partition.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.events import (
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
    MasterEvent,
    TimeAdvanced,
)
from schemas.instants import MICROSECONDS_PER_DAY, format_instant
from schemas.records import Place, ReadRecord, Reroute
from schemas.refusals import Reason, Refusal
from schemas.topics import CLOCKED_TOPICS

AHEAD_MAX = 400 * MICROSECONDS_PER_DAY
"""How far `occurred_at` may lie after the record's timestamp (docs/ledger.md 3.5)."""

LIVE_GRANTS_MAX = 10_000
"""How many grants an account may have that have not expired (docs/ledger.md 3.11)."""


class AcceptedEvent(NamedTuple):
    """An event that counts: the partition number it lies on, and the `accept_from` of its topic partition at that moment."""

    partition: int
    event: CustomerEvent | MasterEvent
    accept_from: int | None


class Verdicts(NamedTuple):
    """What became of all records.

    `accepted` is in log order inside each topic partition. `refusals` holds the refusal that stands for each first place.
    `clocks` holds the greatest `as_of` of each partition number that has one, `boundaries` the least `accept_from` of each
    whose three clocked topics all have one (docs/ledger.md 2.3). `last_recorded_at` is the greatest of any event that was
    read, accepted or not; None where there was none.
    """

    accepted: tuple[AcceptedEvent, ...]
    refusals: dict[Place, Refusal]
    duplicates: int
    clocks: dict[int, int]
    boundaries: dict[int, int]
    last_recorded_at: int | None


class _Remembered(NamedTuple):
    """An accepted event as later records are held against it; `until` None means for ever (docs/ledger.md 3.7)."""

    content: tuple[object, ...]
    first_place: Place
    until: int | None


@dataclass(slots=True)
class _TopicPartition:
    """What one topic partition's log has said so far; `ends` holds `expires_at` of all accepted grants of each account."""

    as_of: int | None = None
    accept_from: int | None = None
    remembered: dict[tuple[str, str, str], _Remembered] = field(default_factory=dict)
    ends: defaultdict[tuple[str, str, str], list[int | None]] = field(default_factory=lambda: defaultdict(list))


def accept(records: Iterable[ReadRecord], *, live_grants_max: int = LIVE_GRANTS_MAX) -> Verdicts:
    """Give each record its verdict.

    `records` may interleave topic partitions in any way; inside each they come in log order. `live_grants_max` is the limit
    of docs/ledger.md 3.11.
    """
    logs: defaultdict[tuple[str, int], _TopicPartition] = defaultdict(_TopicPartition)
    accepted: list[AcceptedEvent] = []
    refusals: dict[Place, Refusal] = {}
    duplicates = 0
    recorded_at: list[int] = []
    for record in records:
        event = record.content
        log = logs[record.place.topic, record.place.partition]
        match event:
            case Refusal():
                refusals[record.first_place] = event
                continue
            case Reroute():
                continue
            case TimeAdvanced():
                _advance(log, event)
                continue
        recorded_at.append(event.recorded_at)
        if isinstance(event, CustomerEvent):
            earlier = _remembered(log, event)
            if earlier is not None and earlier.content == _content_of(event):
                duplicates += 1
                continue
            refusal = (
                _contradiction(event, earlier)
                or _outside_window(event, log, record_timestamp=record.timestamp)
                or _one_too_many(event, log, limit=live_grants_max)
            )
            if refusal is not None:
                refusals[record.first_place] = refusal
                continue
            _remember(log, event, record.first_place)
        accepted.append(AcceptedEvent(record.place.partition, event, log.accept_from))
    return Verdicts(
        tuple(accepted), refusals, duplicates, _clocks(logs), _boundaries(logs), max(recorded_at) if recorded_at else None
    )


def _advance(log: _TopicPartition, event: TimeAdvanced) -> None:
    """Move each of the two instants forward, never back (docs/ledger.md 2.4)."""
    if log.as_of is None or event.as_of > log.as_of:
        log.as_of = event.as_of
    if event.accept_from is not None and (log.accept_from is None or event.accept_from > log.accept_from):
        log.accept_from = event.accept_from


def _identity_of(event: CustomerEvent) -> tuple[str, str, str]:
    """Within its topic, a grant is known by its `grant_id`, every other event by its `event_id` (docs/ledger.md 3.3)."""
    own_id = event.grant_id if isinstance(event, CreditGranted) else event.event_id
    return event.organization_id, event.customer_id, own_id


def _content_of(event: CustomerEvent) -> tuple[object, ...]:
    """Give all that two copies must share (docs/ledger.md 3.3).

    The names of the types are part of it: two activities of different types may consist of the same texts, and tuples know
    no types.
    """
    compared: CustomerEvent = event._replace(recorded_at=0)
    if isinstance(compared, CreditGranted):
        compared = compared._replace(event_id="")
    activity_type = type(compared.activity).__name__ if isinstance(compared, CreditConsumed) else None
    return type(compared).__name__, activity_type, tuple(compared)


def _remember(log: _TopicPartition, event: CustomerEvent, first_place: Place) -> None:
    """Keep of an accepted event what later records are held against."""
    log.remembered[_identity_of(event)] = _Remembered(_content_of(event), first_place, _remembered_until(event))
    if isinstance(event, CreditGranted):
        log.ends[event.organization_id, event.customer_id, event.credit_type].append(event.expires_at)


def _remembered_until(event: CustomerEvent) -> int | None:
    if isinstance(event, CreditGranted | CreditVoided):
        return None
    return max(event.occurred_at, event.recorded_at)


def _remembered(log: _TopicPartition, event: CustomerEvent) -> _Remembered | None:
    """Find the accepted event of the same identity, unless the topic partition has forgotten it (docs/ledger.md 3.7)."""
    earlier = log.remembered.get(_identity_of(event))
    if earlier is None or earlier.until is None or log.accept_from is None:
        return earlier
    return None if log.accept_from > earlier.until else earlier


def _contradiction(event: CustomerEvent, earlier: _Remembered | None) -> Refusal | None:
    """Refuse other content under an identity that is taken (docs/ledger.md 3.4)."""
    if earlier is None:
        return None
    topic, partition, offset = earlier.first_place
    sentence = f"was accepted before with other content, at {topic}/{partition}/{offset}"
    if isinstance(event, CreditGranted):
        return Refusal(Reason.GRANT_CONFLICT, "grant_id", f"{event.grant_id} {sentence}")
    return Refusal(Reason.EVENT_CONFLICT, "event_id", f"{event.event_id} {sentence}")


def _outside_window(event: CustomerEvent, log: _TopicPartition, *, record_timestamp: int) -> Refusal | None:
    """Refuse what is dated before the topic partition's window, or too far ahead of its record (docs/ledger.md 3.5)."""
    if log.accept_from is not None:
        for name, instant in _dates(event):
            if instant < log.accept_from:
                since = format_instant(log.accept_from)
                return Refusal(Reason.TOO_LATE, name, f"lies before {since}, from which on this topic partition accepts")
    if event.occurred_at > record_timestamp + AHEAD_MAX:
        return Refusal(Reason.TOO_EARLY, "occurred_at", "lies more than 400 days after the record's timestamp")
    return None


def _dates(event: CustomerEvent) -> tuple[tuple[str, int], ...]:
    """Name the instants that must not lie before the window; a void has none, it is never too late."""
    match event:
        case CreditVoided():
            return ()
        case CreditGranted():
            return ("occurred_at", event.occurred_at), ("effective_at", event.effective_at)
        case ConsumptionReversed():
            return ("occurred_at", event.occurred_at), ("consumed_at", event.consumed_at)
        case CreditConsumed():
            return (("occurred_at", event.occurred_at),)


def _one_too_many(event: CustomerEvent, log: _TopicPartition, *, limit: int) -> Refusal | None:
    """Refuse a grant to an account that has as many as it may have, as far as its topic partition tells (docs/ledger.md 3.11).

    All accepted grants of the account are looked at, voided or not; fewer than the limit need no look.
    """
    if not isinstance(event, CreditGranted):
        return None
    ends = log.ends[event.organization_id, event.customer_id, event.credit_type]
    if len(ends) < limit:
        return None
    count = sum(1 for end in ends if end is None or log.accept_from is None or end > log.accept_from)
    if count < limit:
        return None
    has_too_many = f"the account has {count} grants that have not expired, and the limit is {limit}"
    advice = "let grants expire, or grant in larger pieces"
    return Refusal(Reason.TOO_MANY_GRANTS, "grant_id", f"{event.grant_id} is one too many: {has_too_many}; {advice}")


def _clocks(logs: dict[tuple[str, int], _TopicPartition]) -> dict[int, int]:
    clocks: dict[int, int] = {}
    for (_, partition), log in logs.items():
        if log.as_of is not None:
            clocks[partition] = max(log.as_of, clocks.get(partition, log.as_of))
    return clocks


def _boundaries(logs: dict[tuple[str, int], _TopicPartition]) -> dict[int, int]:
    boundaries: dict[int, int] = {}
    for partition in {partition for _, partition in logs}:
        starts = [logs[topic, partition].accept_from for topic in CLOCKED_TOPICS if (topic, partition) in logs]
        known = [start for start in starts if start is not None]
        if len(known) == len(CLOCKED_TOPICS):
            boundaries[partition] = min(known)
    return boundaries
