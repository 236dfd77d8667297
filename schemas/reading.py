"""One record of a topic partition understood: its verdict before anything else is known (docs/ledger.md 3.1 and 3.2).

Undecodable, invalid, wrong key, and then whether the record lies where its key belongs; what was accepted before is not
looked at here.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from schemas.checks import fault_of
from schemas.codec import NO_REGISTRY, decode
from schemas.errors import DecodeError
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced, key_of
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Reason, Refusal
from schemas.topics import HOP_HEADER, partition_of

_HOP = re.compile(rb"([a-zA-Z0-9._-]{1,249})/(0|[1-9][0-9]{0,9})/(0|[1-9][0-9]{0,18})")
"""The value of a hop header: the topic, partition and offset where a record lay first."""

_KEYS_REMEMBERED_MAX = 16_384
_partition_of = lru_cache(maxsize=_KEYS_REMEMBERED_MAX)(partition_of)
"""The partition of a key; of a batch, many records have the same few keys."""


def read_record(raw: RawRecord, *, partition_count: int, registry: Mapping[int, str] = NO_REGISTRY) -> ReadRecord:
    """Read a raw record; gives its event, or the first refusal that applies, or the partition where it belongs.

    `partition_count` is that of the input topics, `registry` as in `schemas.codec.decode`. `first_place` is where the record
    lay before it was sent on, as its hop header says. Raises nothing for any bytes.
    """
    place = Place(raw.topic, raw.partition, raw.offset)
    hops = [value for name, value in raw.headers if name == HOP_HEADER]
    first_place = _first_place(raw, hops, partition_count=partition_count) if hops else place
    said = _event(raw, registry)
    misplaced = None
    if not isinstance(said, Refusal):
        misplaced = _misplaced(raw, said, first_place=first_place, partition_count=partition_count)
    return ReadRecord(place, first_place or place, raw.timestamp, misplaced or said, raw)


def hop_header(place: Place) -> tuple[str, bytes]:
    """Give the header that names where a record lay first, for a record that is sent on."""
    return HOP_HEADER, f"{place.topic}/{place.partition}/{place.offset}".encode()


def _event(raw: RawRecord, registry: Mapping[int, str]) -> Event | Refusal:
    """Read what a record says, whatever its key."""
    try:
        event = decode(raw.value, registry=registry)
    except DecodeError as error:
        return Refusal(Reason.UNDECODABLE, None, str(error))
    allowed = TOPICS_OF_TYPE[type(event)]
    if raw.topic not in allowed:
        return Refusal(Reason.INVALID, "type", f"a {type(event).__name__} belongs on {' or '.join(allowed)}")
    fault = fault_of(event, record_timestamp=raw.timestamp)
    return event if fault is None else Refusal(Reason.INVALID, fault.field, fault.detail)


def _misplaced(raw: RawRecord, event: Event, *, first_place: Place | None, partition_count: int) -> Refusal | Reroute | None:
    """Hold a record's key against its content and its partition; `first_place` is None where its hop header is at fault."""
    key = key_of(event)
    if raw.key != key:
        wanted = "no key" if key is None else f"the key {key.decode()!r}"
        return _wrong_key(f"a {type(event).__name__} of this content has {wanted}")
    was_sent_on = any(name == HOP_HEADER for name, _ in raw.headers)
    if key is None:
        return _wrong_key(f"a {TimeAdvanced.__name__} is never sent on to another partition") if was_sent_on else None
    if first_place is None:
        return _wrong_key(f"the header {HOP_HEADER} must name, once, another partition of {raw.topic} and an offset in it")
    partition = _partition_of(key, partition_count=partition_count)
    if partition == raw.partition:
        return None
    if was_sent_on:
        return _wrong_key(f"was sent on once already, and its key belongs to partition {partition}")
    return Reroute(partition)


def _wrong_key(detail: str) -> Refusal:
    return Refusal(Reason.WRONG_KEY, "key", detail)


def _first_place(raw: RawRecord, hops: list[bytes], *, partition_count: int) -> Place | None:
    """Read where a record lay before it was sent on; None where its hop header names no place it can have come from."""
    match = _HOP.fullmatch(hops[0] or b"") if len(hops) == 1 else None
    if match is None:
        return None
    place = Place(match[1].decode(), int(match[2]), int(match[3]))
    if place.topic != raw.topic or place.partition == raw.partition or place.partition >= partition_count:
        return None
    return place
