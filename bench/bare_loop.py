"""What this language and client can do at best: a loop that fetches the events and understands them, and keeps nothing."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.records import RawRecord
from streams.kafka.messages import raw_record

_FETCH_MILLISECONDS = 100
_WAIT_MILLISECONDS = 5
_PARTITION_FETCH_BYTES = 2 << 20


class Stretch(NamedTuple):
    """What is to be read: from which offsets on, and how many events there are."""

    servers: str
    begins: Mapping[TopicPartition, int]
    event_count: int


async def read_seconds(stretch: Stretch, *, pass_count: int, understand: Callable[[RawRecord], object]) -> float:
    """Read a stretch several times over, and let `understand` have every record; gives the seconds of one pass."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stretch.servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        # A pass begins when the fetch that waits at the end of the log has come back.
        fetch_max_wait_ms=_WAIT_MILLISECONDS,
    )
    await consumer.start()
    try:
        consumer.assign(list(stretch.begins))
        began = time.perf_counter()
        for _ in range(pass_count):
            for log, offset in stretch.begins.items():
                consumer.seek(log, offset)
            await _read(consumer, stretch.event_count, understand)
        return (time.perf_counter() - began) / pass_count
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, event_count: int, understand: Callable[[RawRecord], object]) -> None:
    left = event_count
    while left > 0:
        for records in (await consumer.getmany(timeout_ms=_FETCH_MILLISECONDS)).values():
            left -= len(records)
            for record in records:
                understand(raw_record(record))
