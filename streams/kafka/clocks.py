"""How far time has come in each partition number, as the end of its logs tells (docs/ledger.md 2.3)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from creditstream.connection import Brokers
from schemas.codec import NO_REGISTRY
from schemas.events import TimeAdvanced
from schemas.reading import read_record
from schemas.topics import CLOCKED_TOPICS
from streams.kafka.clients import admin_of, read_spans, reader_of, spans_of
from streams.kafka.messages import raw_record
from streams.kafka.topics import input_partition_count, partitions_of

LOOKED_BACK = 1_000
"""So many records at the end of each topic partition are looked at; the time is said at least every hour."""


class NumberClock(NamedTuple):
    """The clock and the boundary of a partition number in UTC microseconds; None where the end of its logs does not tell."""

    number: int
    clock: int | None
    boundary: int | None


async def read_clocks(brokers: Brokers, *, registry: Mapping[int, str] = NO_REGISTRY) -> list[NumberClock]:
    """Find the clocks of all partition numbers at the end of the topics that carry them.

    `registry` is as in `schemas.codec.decode`. Raises TransientError where Kafka does not answer, and SettingsError where a
    topic is missing.
    """
    partition_count = await input_partition_count(bootstrap_servers=brokers)
    said: dict[int, dict[str, list[TimeAdvanced]]] = defaultdict(lambda: defaultdict(list))
    async with admin_of(brokers) as admin, reader_of(brokers) as reader:
        logs = await partitions_of(admin, CLOCKED_TOPICS)
        spans = await spans_of(reader, logs)
        tails = {log: (max(begin, end - LOOKED_BACK), end) for log, (begin, end) in spans.items()}
        async for records in read_spans(reader, tails):
            for record in records:
                if record.key is None:  # only time has no key
                    event = read_record(raw_record(record), partition_count=partition_count, registry=registry).content
                    if isinstance(event, TimeAdvanced):
                        said[record.partition][record.topic].append(event)
    return [clock_of(number, said[number]) for number in range(partition_count)]


def clock_of(number: int, said: Mapping[str, Sequence[TimeAdvanced]]) -> NumberClock:
    """Give the clock and the boundary of a partition number from what was said in each of its topics with a clock."""
    clock = _greatest(event.as_of for events in said.values() for event in events)
    accepted_from = [_greatest(event.accept_from for event in said.get(topic, ())) for topic in CLOCKED_TOPICS]
    known = [instant for instant in accepted_from if instant is not None]
    return NumberClock(number, clock, min(known) if len(known) == len(CLOCKED_TOPICS) else None)


def _greatest(instants: Iterable[int | None]) -> int | None:
    """Give the greatest instant, since each only moves forward; None where there is none."""
    return max((instant for instant in instants if instant is not None), default=None)
