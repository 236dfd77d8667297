"""What a scenario says becomes records, by the ways of real ones.

Without `partitions` the events are lines of one file; with it they are records of topics, written by the codec, dumped, and
read back from the dump.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from schemas import topics
from schemas.codec import encode
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced, key_of
from schemas.files import read_csv, read_dump, read_json_lines, write_dump
from schemas.instants import MICROSECONDS_PER_MILLISECOND, parse_instant
from schemas.reading import hop_header
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Refusal
from schemas.topics import partition_of
from tests.support.scenario_events import Placement, Said, SaidBytes, SaidEvent, SaidLine, SaidRow, SaidTime
from tests.support.scenario_words import ScenarioError


def records_of(said: Sequence[Said], *, partition_count: int | None) -> Iterable[ReadRecord]:
    """Make the records that say it: lines of a file, or records of topics with so many partitions.

    Raises ScenarioError for what only the other of the two can say.
    """
    if partition_count is None:
        return _from_file(said)
    return read_dump(write_dump(_raw_records(said, partition_count), partition_count=partition_count))


def _from_file(said: Iterable[Said]) -> Iterator[ReadRecord]:
    for number, one in enumerate(said, start=1):
        match one:
            case SaidRow():
                lines = [f"{one.header}\n".encode(), f"{one.text}\n".encode()]
                read = read_csv(lines, event_type=one.event_type, activity_type=one.activity_type)
            case SaidLine():
                read = read_json_lines([one.text.encode()])
            case SaidEvent(fields, placement) if not placement.is_told:
                read = read_json_lines([json.dumps(fields).encode()])
            case SaidTime(as_of, accept_from, placement) if not placement.is_told:
                told = {"type": "TimeAdvanced", "as_of": as_of} | ({"accept_from": accept_from} if accept_from else {})
                read = read_json_lines([json.dumps(told).encode()])
            case _:
                raise ScenarioError(f"{one}: only a record of a topic has a place; `partitions` is missing")
        yield from (_on_line(record, number) for record in read)


def _on_line(record: ReadRecord, number: int) -> ReadRecord:
    """Give a line that was read by itself its number in the file."""
    place = record.place._replace(offset=number)
    return record._replace(place=place, first_place=place, raw=record.raw._replace(offset=number))


def _raw_records(said: Iterable[Said], partition_count: int) -> Iterator[RawRecord]:
    next_offsets: Counter[tuple[str, int]] = Counter()
    for one in said:
        for record in _unplaced(one, partition_count):
            yield record._replace(offset=next_offsets[record.topic, record.partition])
            next_offsets[record.topic, record.partition] += 1


def _unplaced(said: Said, partition_count: int) -> Iterator[RawRecord]:
    match said:
        case SaidEvent(fields, placement):
            event = _event(fields)
            recorded_at = getattr(event, "recorded_at", 0)
            yield _record(placement, partition_count, value=encode(event), event=event, timestamp=recorded_at)
        case SaidTime(as_of, accept_from, placement):
            event = TimeAdvanced(_instant(as_of), None if accept_from is None else _instant(accept_from))
            for topic in [placement.topic] if placement.topic else topics.CLOCKED_TOPICS:
                for partition in range(partition_count) if placement.partition is None else [placement.partition]:
                    placed = placement._replace(topic=topic, partition=partition)
                    yield _record(placed, partition_count, value=encode(event), event=event, timestamp=event.as_of)
        case SaidBytes(value, placement):
            yield _record(placement, partition_count, value=value, event=None, timestamp=0)
        case SaidLine() | SaidRow():
            raise ScenarioError(f"{said}: a line of a file is no record of a topic; `partitions` is too much")


def _record(
    placement: Placement, partition_count: int, *, value: bytes | None, event: Event | None, timestamp: int
) -> RawRecord:
    """Fill in what a placement leaves out: topic, key and partition follow from the event, the timestamp is given."""
    key = key_of(event) if event is not None else None
    if placement.key is not None:
        key = None if placement.key == "none" else placement.key.encode()
    topic = placement.topic or (TOPICS_OF_TYPE[type(event)][0] if event is not None else topics.GRANTS)
    of_key = partition_of(key, partition_count=partition_count) if key is not None else 0
    return RawRecord(
        topic=topic,
        partition=of_key if placement.partition is None else placement.partition,
        offset=0,
        timestamp=_whole_milliseconds(timestamp if placement.stamped is None else _instant(placement.stamped)),
        key=key,
        value=value,
        headers=(() if placement.rerouted_from is None else (hop_header(_place(placement.rerouted_from)),)),
    )


def _event(fields: dict[str, object]) -> Event:
    (read,) = read_json_lines([json.dumps(fields).encode()])
    if isinstance(read.content, Refusal | Reroute):
        raise ScenarioError(f"{fields}: no record of a topic can be made of it: {read.content}")
    return read.content


def _place(text: str) -> Place:
    topic, partition, offset = text.split("/")
    return Place(topic, int(partition), int(offset))


def _instant(text: str) -> int:
    instant = parse_instant(text)
    if instant is None:
        raise ScenarioError(f"{text!r} is no instant")
    return instant


def _whole_milliseconds(instant: int) -> int:
    """Cut a timestamp to what Kafka keeps of it."""
    return instant - instant % MICROSECONDS_PER_MILLISECOND
