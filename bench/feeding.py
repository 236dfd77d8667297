"""Fresh topics, and records put into them at once: packed beforehand, so that sending takes next to nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.feed import FeedRecord
from schemas.errors import TransientError
from streams.kafka.messages import Message
from streams.kafka.topics import ensure_topics

_BATCH_BYTES = 256 << 10
_GONE_TRIES = 100
_PAUSE_SECONDS = 0.1


class Packed(NamedTuple):
    """A record batch that is ready to be sent."""

    topic: str
    partition: int
    batch: Any


async def remake_topics(servers: str, *, partition_count: int, compacted: Sequence[str] = ()) -> None:
    """Remove all topics that a contender left, with the offsets of its group, and make the project's own topics anew.

    `compacted` are topics of the next contender's own, to be made beside them. Raises TransientError where the old ones do
    not go.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        old = await _topics(admin)
        if old:
            await admin.delete_topics(old)
            await _wait_until_gone(admin)
        if compacted:
            configuration = {"cleanup.policy": "compact"}
            await admin.create_topics([NewTopic(name, partition_count, 1, topic_configs=configuration) for name in compacted])
    finally:
        await admin.close()
    await ensure_topics([servers], partition_count=partition_count, replication_factor=1)


async def _wait_until_gone(admin: AIOKafkaAdminClient) -> None:
    for _ in range(_GONE_TRIES):
        groups = [group for group, *_ in await admin.list_consumer_groups()]
        if not await _topics(admin) and not any([await admin.list_consumer_group_offsets(group) for group in groups]):
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    raise TransientError("the topics of the contender before, or the offsets of its group, were not removed")


async def _topics(admin: AIOKafkaAdminClient) -> list[str]:
    return [name for name in await admin.list_topics() if not name.startswith("__")]


class Sender:
    """Packs records and sends what is packed; use it as a context."""

    def __init__(self, servers: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=_BATCH_BYTES, acks="all")

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def pack(self, records: Sequence[FeedRecord | Message]) -> list[Packed]:
        """Pack records into batches; those of a topic partition stay in their order."""
        packed: list[Packed] = []
        filling: dict[tuple[str, int], Any] = {}
        for record in records:
            target = record.topic, record.partition
            if target not in filling or not _appended(filling[target], record):
                filling[target] = self._producer.create_batch()
                packed.append(Packed(*target, filling[target]))
                _appended(filling[target], record)
        return packed

    async def send(self, packed: Sequence[Packed]) -> None:
        """Send everything that was packed, and await every acknowledgement."""
        results = [await self._producer.send_batch(one.batch, one.topic, partition=one.partition) for one in packed]
        await asyncio.gather(*results)


def _appended(batch: Any, record: FeedRecord | Message) -> bool:
    """Append a record to a batch; False where the batch is full."""
    return batch.append(timestamp=record.timestamp, key=record.key, value=record.value) is not None
