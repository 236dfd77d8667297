"""Raw dumps of the input topics: everything that lies in them up to now, untouched (docs/ledger.md 1.12)."""

from collections.abc import AsyncIterator

from creditstream.connection import Brokers
from schemas import topics
from schemas.records import RawRecord
from streams.kafka.clients import admin_of, read_spans, reader_of, spans_of
from streams.kafka.messages import raw_record
from streams.kafka.topics import input_partition_count, partitions_of


async def read_input_topics(*, bootstrap_servers: Brokers) -> tuple[int, list[RawRecord]]:
    """Read every record of the input topics that is committed by now.

    Returns the number of partitions of each topic, and the records as `input_records` gives them; raises as it does.
    """
    partition_count = await input_partition_count(bootstrap_servers=bootstrap_servers)
    pieces = [piece async for piece in input_records(bootstrap_servers=bootstrap_servers)]
    return partition_count, [record for piece in pieces for record in piece]


async def input_records(*, bootstrap_servers: Brokers) -> AsyncIterator[list[RawRecord]]:
    """Give every record of the input topics that is committed by now, in pieces: log by log, each in its order.

    Holds no more than what was fetched last. Raises SettingsError where a topic is missing, and TransientError where Kafka
    does not answer.
    """
    async with admin_of(bootstrap_servers) as admin, reader_of(bootstrap_servers) as reader:
        logs = await partitions_of(admin, topics.INPUT_TOPICS)
        for log, span in (await spans_of(reader, logs)).items():
            async for records in read_spans(reader, {log: span}):
                yield [raw_record(record) for record in records]
