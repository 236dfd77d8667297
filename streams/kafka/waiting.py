"""Waits until what was emitted is visible in ClickHouse: read by the worker, published, and carried over by the sink."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)

from schemas import topics
from schemas.errors import TransientError
from streams.kafka.topics import GENERATION, GROUP, OUTPUT_TOPICS
from streams.sink.running import sink_group

_POLL_SECONDS = 0.2

_NOTHING_KNOWN_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""What a broker answers of a group before any was known to it, and while it is getting to know its groups."""


async def wait_until_visible(
    *, bootstrap_servers: str, seconds: float, check: Callable[[], None], on_progress: Callable[[str, int, int], None]
) -> None:
    """Wait until everything that lies in the input topics now has been applied and carried into ClickHouse.

    `check` is called now and then and may raise to end the wait; `on_progress` is told a stage, how many records are done
    and how many there are. Raises TransientError where it takes longer than `seconds` or Kafka does not answer.
    """
    deadline = time.monotonic() + seconds
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, isolation_level="read_committed")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await consumer.start()
        await admin.start()
        for stage, group, names in (
            ("applied", GROUP, topics.INPUT_TOPICS),
            ("carried into ClickHouse", sink_group(GENERATION), OUTPUT_TOPICS),
        ):
            ends: dict[TopicPartition, int] = await consumer.end_offsets(await partitions_of(admin, names))
            beginnings = await consumer.beginning_offsets(list(ends))
            total = sum(ends.values()) - sum(beginnings.values())
            while (left := _left(ends, beginnings, await _committed(admin, group))) > 0:
                check()
                on_progress(stage, total - left, total)
                if time.monotonic() > deadline:
                    raise TransientError(f"after {seconds:.0f} s {left} of {total} records were not yet {stage}")
                await asyncio.sleep(_POLL_SECONDS)
            on_progress(stage, total, total)
    except KafkaError as error:
        raise TransientError(f"Kafka at {bootstrap_servers} does not answer: {error}") from error
    finally:
        await admin.close()
        await consumer.stop()


async def partitions_of(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[TopicPartition]:
    """Give every partition of some topics, in order.

    Raises TransientError naming a topic that does not exist.
    """
    found = []
    for topic in await admin.describe_topics(list(names)):
        if topic["error_code"] != 0:
            raise TransientError(f"the topic {topic['topic']} does not exist on this broker")
        found += [TopicPartition(topic["topic"], partition["partition"]) for partition in topic["partitions"]]
    return sorted(found)


async def _committed(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, int]:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except _NOTHING_KNOWN_YET:
        return {}
    return {partition: committed.offset for partition, committed in offsets.items()}


def _left(
    ends: Mapping[TopicPartition, int], beginnings: Mapping[TopicPartition, int], committed: Mapping[TopicPartition, int]
) -> int:
    return sum(max(0, end - max(committed.get(partition, 0), beginnings[partition])) for partition, end in ends.items())
