"""When a contender is done, seen from outside: by what it committed to Kafka.

The ends of its outputs and of its changelog are asked for every few milliseconds, as a reader of committed records sees them.
It is done when its group's offsets have reached the ends of the inputs, and the moment at which the ends last grew counts:
group offsets are committed every few seconds only, and say when something was done much too late.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)

from schemas import topics

_POLL_SECONDS = 0.02
_QUIET_SECONDS = 0.5

_NOTHING_KNOWN_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


class Watch:
    """Watches the contender of one consumer group; use it as a context."""

    def __init__(self, servers: str, *, group: str, partition_count: int, poll_seconds: float = _POLL_SECONDS) -> None:
        self._group = group
        self._poll_seconds = poll_seconds
        self._partition_count = partition_count
        self._consumer = AIOKafkaConsumer(bootstrap_servers=servers, isolation_level="read_committed")
        self._admin = AIOKafkaAdminClient(bootstrap_servers=servers)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()
        await self._consumer.stop()

    async def input_ends(self) -> dict[TopicPartition, int]:
        """Give where the input topics end."""
        return await self._ends(topics.INPUT_TOPICS)

    async def end_of(self, topic: str) -> int:
        """Give the ends of a topic's partitions, added up."""
        return sum((await self._ends((topic,))).values())

    async def lag(self) -> int:
        """Give by how many records the group's offsets are behind the ends of the inputs."""
        ends, offsets = await self.input_ends(), await self._offsets()
        return sum(max(0, end - offsets.get(log, 0)) for log, end in ends.items())

    async def wait_until_grown(self, topic: str, *, seconds: float, check: Callable[[], None]) -> float:
        """Wait until a topic has grown; gives when it had, by `time.perf_counter`; `check` and the limit are as below."""
        deadline, before = time.perf_counter() + seconds, await self.end_of(topic)
        while await self.end_of(topic) == before:
            await asyncio.sleep(self._poll_seconds)
            check()
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{self._group} had done nothing after {seconds:.0f} s")
        return time.perf_counter()

    async def wait_until_done(self, outputs: Sequence[str], *, seconds: float, check: Callable[[], None]) -> float:
        """Wait until all that lies in the inputs now is done; gives when the outputs last grew, by `time.perf_counter`.

        `check` may raise to end the wait. Raises TimeoutError where it takes longer than `seconds`.
        """
        wanted = {log: end for log, end in (await self.input_ends()).items() if end > 0}
        deadline = time.perf_counter() + seconds
        last, grown_at = await self._ends(outputs), time.perf_counter()
        while True:
            await asyncio.sleep(self._poll_seconds)
            check()
            ends, now = await self._ends(outputs), time.perf_counter()
            if ends != last:
                last, grown_at = ends, now
            elif now - grown_at > _QUIET_SECONDS and await self._has_reached(wanted):
                return grown_at
            if now > deadline:
                raise TimeoutError(f"{self._group} was not done after {seconds:.0f} s; give it fewer events, or more time")

    async def _has_reached(self, wanted: Mapping[TopicPartition, int]) -> bool:
        offsets = await self._offsets()
        return all(offsets.get(log, -1) >= end for log, end in wanted.items())

    async def _offsets(self) -> dict[TopicPartition, int]:
        """Give the group's offsets; none while nothing is known of it."""
        try:
            offsets = await self._admin.list_consumer_group_offsets(self._group)
        except _NOTHING_KNOWN_YET:
            return {}
        return {log: found.offset for log, found in offsets.items()}

    async def _ends(self, names: Sequence[str]) -> dict[TopicPartition, int]:
        logs = [TopicPartition(name, number) for name in names for number in range(self._partition_count)]
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(logs)
        return ends
