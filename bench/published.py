"""The books that a contender published, in one figure: two that did the same work have the same."""

import hashlib
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from projections.row_codec import PublishedRow, decode_change
from schemas import topics
from streams.kafka.topics import OUTPUT_TOPICS

_FETCH_MILLISECONDS = 100


class PublishedBooks(NamedTuple):
    """How many rows of the ledger stand, and a fingerprint of all rows that stand, whatever their revisions and sources."""

    ledger_count: int
    fingerprint: str


async def read_published_books(servers: str, *, partition_count: int) -> PublishedBooks:
    """Read all output topics; of each key the row with the greatest revision stands, of equal ones the later."""
    newest: dict[tuple[str, bytes], PublishedRow] = {}
    logs = [TopicPartition(topic, number) for topic in OUTPUT_TOPICS for number in range(partition_count)]
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(logs)
        ends = await consumer.end_offsets(logs)
        while [log for log, end in ends.items() if await consumer.position(log) < end]:
            for records in (await consumer.getmany(timeout_ms=_FETCH_MILLISECONDS)).values():
                for record in records:
                    _take(newest, record.topic, record.key, record.value)
    finally:
        await consumer.stop()
    standing = sorted((topic, key, repr(row.row)) for (topic, key), row in newest.items() if not row.deleted)
    ledger_count = sum(topic == topics.LEDGER for topic, _, _ in standing)
    return PublishedBooks(ledger_count, hashlib.sha256(repr(standing).encode()).hexdigest())


def _take(newest: dict[tuple[str, bytes], PublishedRow], topic: str, key: bytes, value: bytes) -> None:
    published = decode_change(topic, value)
    known = newest.get((topic, key))
    if known is None or published.revision >= known.revision:
        newest[topic, key] = published
