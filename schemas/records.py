"""A record as it lies in a topic partition, and what was read from it (docs/ledger.md 3.1 and 3.2)."""

from typing import NamedTuple

from schemas.events import Event
from schemas.refusals import Refusal


class Place(NamedTuple):
    """Where a record lies: topic, partition, offset (in a file: the line number, from 1)."""

    topic: str
    partition: int
    offset: int


class RawRecord(NamedTuple):
    """One record as it came: `timestamp` in UTC microseconds, everything else untouched."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Reroute(NamedTuple):
    """The verdict on a record whose key belongs to another partition: it is sent on to that one."""

    partition: int


class ReadRecord(NamedTuple):
    """What one record says: an event that passed the checks, a refusal, or a reroute.

    `place` is where it lies, `first_place` where it lay before it was rerouted (else the same), `timestamp` the record's own
    in UTC microseconds; `raw` is the record as it came, kept for dead letters and reroutes (for a line of a file: its bytes).
    """

    place: Place
    first_place: Place
    timestamp: int
    content: Event | Refusal | Reroute
    raw: RawRecord
