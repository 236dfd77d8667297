"""How far the sink is: what it has carried into ClickHouse, as the offsets of its group tell."""

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.kafka.topics import GENERATION, OUTPUT_TOPICS
from streams.sink.running import sink_group
from tests.support.committed_logs import ends_of


class SinkWatch:
    """Asks a broker how far the sink is."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, *, partition_count: int) -> None:
        self._consumer = consumer
        self._admin = admin
        self._partition_count = partition_count

    async def is_carried(self) -> bool:
        """Say whether all that is published now is in ClickHouse."""
        ends = await ends_of(self._consumer, OUTPUT_TOPICS, partition_count=self._partition_count)
        try:
            carried = await self._admin.list_consumer_group_offsets(sink_group(GENERATION))
        except KafkaError:
            return False  # the broker has not got to know its groups yet
        return all(end == 0 or (log in carried and carried[log].offset >= end) for log, end in ends.items())
