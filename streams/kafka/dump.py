"""Raw dumps of the input topics: everything that lies in them up to now, untouched (docs/ledger.md 1.12)."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas import topics
from schemas.errors import TransientError
from schemas.records import RawRecord
from streams.kafka.messages import raw_record
from streams.kafka.waiting import partitions_of

_FETCH_MILLISECONDS = 500


async def read_input_topics(*, bootstrap_servers: str) -> tuple[int, list[RawRecord]]:
    """Read every record of the input topics that is committed by now.

    Returns the number of partitions of each topic, and the records of each topic partition in the order of its log. Raises
    TransientError where Kafka does not answer.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await consumer.start()
        await admin.start()
        ends = await consumer.end_offsets(await partitions_of(admin, topics.INPUT_TOPICS))
        consumer.assign(list(ends))
        await consumer.seek_to_beginning()
        found: dict[TopicPartition, list[RawRecord]] = {partition: [] for partition in ends}
        while [partition for partition, end in ends.items() if await consumer.position(partition) < end]:
            for partition, records in (await consumer.getmany(timeout_ms=_FETCH_MILLISECONDS)).items():
                found[partition].extend(raw_record(record) for record in records if record.offset < ends[partition])
    except KafkaError as error:
        raise TransientError(f"Kafka at {bootstrap_servers} does not answer: {error}") from error
    finally:
        await admin.close()
        await consumer.stop()
    partition_count = len(ends) // len(topics.INPUT_TOPICS)
    return partition_count, [record for partition in sorted(found) for record in found[partition]]
