"""The records of the demo feed as they are sent: sound ones, and those on which something goes wrong on the way."""

import random
from typing import Any, NamedTuple

from schemas import codec
from schemas.avro_wire import SINGLE_OBJECT_MARKER
from schemas.checks import RECORDING_AHEAD_MAX
from schemas.events import CreditConsumed, CreditGranted, CreditVoided, CustomerEvent, MasterEvent, Other
from schemas.instants import MICROSECONDS_PER_MILLISECOND, MICROSECONDS_PER_SECOND
from schemas.topics import partition_of
from streams.demo.outcomes import Outcome
from streams.kafka.emit import Outgoing, records_of

NUMBER_HEADER = "credits-demo-record"
"""Names a record's number in the feed, so that it is found again wherever it lies, however broken it is."""


class FeedRecord(NamedTuple):
    """One record of the feed: its number, from 0, what is sent, and what becomes of it when it is read for the first time.

    `remembered_until` is the instant up to which the ledger remembers the event that it says again or that others would say
    again (docs/ledger.md 3.7); None where no time is set to its answer.
    """

    number: int
    outgoing: Outgoing
    outcome: Outcome
    remembered_until: int | None

    def is_forgotten(self, *, accept_from: int) -> bool:
        """Tell whether the ledger would now give another answer than before, since the record is too late for both."""
        return self.remembered_until is not None and self.remembered_until < accept_from


class Drafted(NamedTuple):
    """A record before it has its number."""

    outgoing: Outgoing
    outcome: Outcome
    remembered_until: int | None = None

    def numbered(self, number: int) -> FeedRecord:
        """Give the record under its number, which it carries along."""
        outgoing = self.outgoing._replace(headers=((NUMBER_HEADER, str(number).encode()),))
        return FeedRecord(number, outgoing, self.outcome, self.remembered_until)


def remembered_until(event: CustomerEvent) -> int | None:
    """Give the instant up to which an event is remembered: of grants and voids for ever (None)."""
    return None if isinstance(event, CreditGranted | CreditVoided) else max(event.occurred_at, event.recorded_at)


def sound(event: CustomerEvent | MasterEvent, *, partition_count: int) -> Outgoing:
    """Give the record of an event as a right producer sends it."""
    [outgoing] = records_of(event, partition_count=partition_count)
    return outgoing


def misrouted(chance: random.Random, outgoing: Outgoing, *, partition_count: int) -> Outgoing:
    """Put a sound record where its key does not belong, as a producer with another partitioner does."""
    moved = outgoing.partition + chance.randrange(1, partition_count)
    return outgoing._replace(partition=moved % partition_count)


def undecodable(chance: random.Random, outgoing: Outgoing) -> Outgoing:
    """Give a record whose bytes no schema reads: cut short, too long, JSON, or of a schema that nobody knows."""
    value = outgoing.value or b""
    broken = (value[:-3], value + b"\x00", b'{"type": "CreditConsumed"}', SINGLE_OBJECT_MARKER + b"\x00" * 8 + value[10:])
    return outgoing._replace(value=chance.choice(broken))


def wrong_key(outgoing: Outgoing, *, key: bytes, partition_count: int) -> Outgoing:
    """Give a record under the key of somebody else."""
    return outgoing._replace(key=key, partition=partition_of(key, partition_count=partition_count))


def invalid(chance: random.Random, event: CreditConsumed | CreditGranted, *, partition_count: int) -> Outgoing:
    """Give a record that can be read and of which one field breaks a rule."""
    faults: list[dict[str, Any]] = [
        {"amount_micro": 0},
        {"currency": "euro"},
        {"recorded_at": event.recorded_at + RECORDING_AHEAD_MAX + MICROSECONDS_PER_SECOND},
    ]
    if isinstance(event, CreditGranted):
        faults += [{"expires_at": event.effective_at}, {"priority": 101}]
    else:
        faults += [{"activity": Other("")}]
    timestamp = event.recorded_at // MICROSECONDS_PER_MILLISECOND
    faulty = event._replace(**chance.choice(faults))
    return sound(faulty, partition_count=partition_count)._replace(timestamp=timestamp)


def early(event: CreditConsumed, *, occurred_at: int, partition_count: int) -> Outgoing:
    """Give the record of a use that lies further ahead than a producer's clock can be right about."""
    return sound(event._replace(occurred_at=occurred_at), partition_count=partition_count)


def encoded_again(outgoing: Outgoing, event: CustomerEvent) -> Outgoing:
    """Give the record of an event that is told once more, at the instant at which it is recorded now."""
    timestamp = event.recorded_at // MICROSECONDS_PER_MILLISECOND
    return outgoing._replace(value=codec.encode(event), timestamp=timestamp)
