"""Waits until what was emitted is visible in ClickHouse: read by the worker, published, and carried over by the sink."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError

from schemas import topics
from schemas.errors import TransientError
from streams.kafka.clients import admin_of, reader_of, spans_of
from streams.kafka.topics import GENERATION, GROUP, OUTPUT_TOPICS, partitions_of
from streams.sink.running import sink_group

_POLL_SECONDS = 0.2

_NOTHING_KNOWN_YET = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""What a broker answers of a group before any was known to it, and while it is getting to know its groups."""


class Stage(NamedTuple):
    """A part of the way: what is done there, by whom, from which topics, and where to look when it stands still."""

    name: str
    member: str
    group: str
    topics: tuple[str, ...]
    look_at: str


STAGES = (
    Stage("applied", "worker", GROUP, topics.INPUT_TOPICS, "at its log, and at /readyz and /partitions on CREDITS_WEB_PORT"),
    Stage(
        "carried into ClickHouse",
        "sink",
        sink_group(GENERATION),
        OUTPUT_TOPICS,
        "at its log, which says whether ClickHouse answers",
    ),
)


async def wait_until_visible(
    *, bootstrap_servers: str, seconds: float, check: Callable[[], None], on_progress: Callable[[str, int, int], None]
) -> None:
    """Wait until everything that lies in the input topics now has been applied and carried into ClickHouse.

    `check` is called now and then and may raise to end the wait; `on_progress` is told a stage, how many records are done
    and how many there are. Raises TransientError naming a stage that has not got on for `seconds`, or where Kafka does not
    answer, and SettingsError where a topic is missing.
    """
    async with admin_of(bootstrap_servers) as admin, reader_of(bootstrap_servers) as reader:
        for stage in STAGES:
            await _Wait(stage, admin, reader).until_done(seconds=seconds, check=check, on_progress=on_progress)


class _Wait:
    """Waits for one stage."""

    def __init__(self, stage: Stage, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._stage = stage
        self._admin = admin
        self._reader = reader

    async def until_done(
        self, *, seconds: float, check: Callable[[], None], on_progress: Callable[[str, int, int], None]
    ) -> None:
        logs = await partitions_of(self._admin, self._stage.topics)
        spans = await spans_of(self._reader, logs)
        total = least_left = sum(end - begin for begin, end in spans.values())
        moved_seconds = time.monotonic()
        while (left := _left(spans, await self._committed())) > 0:
            check()
            on_progress(self._stage.name, total - left, total)
            if left < least_left:
                least_left, moved_seconds = left, time.monotonic()
            if time.monotonic() - moved_seconds > seconds:
                raise TransientError(await self._standstill(left, total, seconds))
            await asyncio.sleep(_POLL_SECONDS)
        on_progress(self._stage.name, total, total)

    async def _standstill(self, left: int, total: int, seconds: float) -> str:
        stage = self._stage
        what = f"{left} of {total} records were not {stage.name}, and for {seconds:.0f} s no more of them have been: "
        members = await self._member_count()
        if members == 0:
            return what + f"no {stage.member} is running ('credits {stage.member}' starts one, 'credits up' all of it)"
        return what + f"{members} in the group {stage.group}; look at each {stage.member}, {stage.look_at}"

    async def _committed(self) -> Mapping[TopicPartition, int]:
        try:
            offsets = await self._admin.list_consumer_group_offsets(self._stage.group)
        except _NOTHING_KNOWN_YET:
            return {}
        return {partition: committed.offset for partition, committed in offsets.items()}

    async def _member_count(self) -> int:
        try:
            [response] = await self._admin.describe_consumer_groups([self._stage.group])
        except _NOTHING_KNOWN_YET:
            return 0
        [(_error, _group, _state, _kind, _protocol, members, *_)] = response.groups
        return len(members)


def _left(spans: Mapping[TopicPartition, tuple[int, int]], committed: Mapping[TopicPartition, int]) -> int:
    return sum(max(0, end - max(committed.get(log, 0), begin)) for log, (begin, end) in spans.items())
