"""One record of a topic partition understood: its verdict before anything else is known (docs/ledger.md 3.1 and 3.2).

Undecodable, invalid, wrong key, and then whether the record lies where its key belongs; what was accepted before is not
looked at here.
"""

from collections.abc import Mapping

from schemas.checks import fault_of
from schemas.codec import NO_REGISTRY, decode
from schemas.errors import DecodeError
from schemas.events import TOPICS_OF_TYPE, Event, key_of
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Reason, Refusal
from schemas.topics import HOP_HEADER, partition_of


def read_record(raw: RawRecord, *, partition_count: int, registry: Mapping[int, str] = NO_REGISTRY) -> ReadRecord:
    """Read a raw record; gives its event, or the first refusal that applies, or the partition where it belongs.

    `partition_count` is that of the input topics, `registry` as in `schemas.codec.decode`. Raises nothing for any bytes.
    """
    place = Place(raw.topic, raw.partition, raw.offset)
    first_place = _first_place(raw)
    content = _content(raw, hopped=first_place is not None, partition_count=partition_count, registry=registry)
    return ReadRecord(place, first_place or place, raw.timestamp, content, raw)


def hop_header(place: Place) -> tuple[str, bytes]:
    """Give the header that names where a record lay first, for a record that is sent on."""
    return HOP_HEADER, f"{place.topic}/{place.partition}/{place.offset}".encode()


def _content(raw: RawRecord, *, hopped: bool, partition_count: int, registry: Mapping[int, str]) -> Event | Refusal | Reroute:
    try:
        event = decode(raw.value, registry=registry)
    except DecodeError as error:
        return Refusal(Reason.UNDECODABLE, None, str(error))
    allowed = TOPICS_OF_TYPE[type(event)]
    if raw.topic not in allowed:
        return Refusal(Reason.INVALID, "type", f"{type(event).__name__} belongs on {' or '.join(allowed)}")
    fault = fault_of(event, record_timestamp=raw.timestamp)
    if fault is not None:
        return Refusal(Reason.INVALID, fault.field, fault.detail)
    return _wrong_key(raw, event, hopped=hopped, partition_count=partition_count) or event


def _wrong_key(raw: RawRecord, event: Event, *, hopped: bool, partition_count: int) -> Refusal | Reroute | None:
    """Hold a record's key against its content and its partition."""
    key = key_of(event)
    if raw.key != key:
        wanted = "no key" if key is None else f"the key {key.decode()!r}"
        return Refusal(Reason.WRONG_KEY, "key", f"a {type(event).__name__} of this content has {wanted}")
    if any(name == HOP_HEADER for name, _ in raw.headers) and not hopped:
        return Refusal(Reason.WRONG_KEY, "key", f"the header {HOP_HEADER} names no topic, partition and offset")
    if key is None:
        return None
    partition = partition_of(key, partition_count=partition_count)
    if partition == raw.partition:
        return None
    if hopped:
        return Refusal(Reason.WRONG_KEY, "key", f"was sent on once already, and its key belongs to partition {partition}")
    return Reroute(partition)


def _first_place(raw: RawRecord) -> Place | None:
    """Read where a record lay before it was sent on; None where it was not, or where its header says nothing readable."""
    values = [value for name, value in raw.headers if name == HOP_HEADER]
    if not values:
        return None
    topic, _, place = values[0].decode("ascii", "replace").partition("/")
    partition, _, offset = place.partition("/")
    if not (topic and _is_number(partition) and _is_number(offset)):
        return None
    return Place(topic, int(partition), int(offset))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
