"""Waits until what was emitted is visible in ClickHouse: read by the worker, published, and carried over by the sink."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError

from creditstream.connection import Brokers
from projections.row_codec import decode_change
from schemas import topics
from schemas.errors import TransientError
from streams.kafka.clients import admin_of, read_spans, reader_of, spans_of
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
    *, bootstrap_servers: Brokers, seconds: float, check: Callable[[], None], on_progress: Callable[[str, int, int], None]
) -> None:
    """Wait until everything that lies in the input topics now has been applied, derived, and carried into ClickHouse.

    `check` is called now and then and may raise to end the wait; `on_progress` is told a stage, how many records are done
    and how many there are. Raises TransientError naming a stage that has not got on for `seconds`, or where Kafka does not
    answer, and SettingsError where a topic is missing.
    """
    async with admin_of(bootstrap_servers) as admin, reader_of(bootstrap_servers) as reader:
        applied, carried = (StageWait(stage, admin, reader) for stage in STAGES)
        await applied.until_done(seconds=seconds, check=check, on_progress=on_progress)
        await applied.until_derived(seconds=seconds, check=check, on_progress=on_progress)
        await carried.until_done(seconds=seconds, check=check, on_progress=on_progress)


class StageWait:
    """Waits for one stage."""

    def __init__(self, stage: Stage, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._stage = stage
        self._admin = admin
        self._reader = reader

    async def until_done(
        self, *, seconds: float, check: Callable[[], None], on_progress: Callable[[str, int, int], None]
    ) -> None:
        """Wait until all that lies in the topics of the stage now is done; raises as `wait_until_visible` does."""
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

    async def until_derived(
        self, *, seconds: float, check: Callable[[], None], on_progress: Callable[[str, int, int], None]
    ) -> None:
        """Wait until no account is being derived any more; gives up only where no worker has been there for `seconds`."""
        logs = await partitions_of(self._admin, (topics.DERIVING,))
        read_to: dict[TopicPartition, int] = {}
        deriving: set[bytes] = set()
        most, worked_seconds = 0, time.monotonic()
        while True:
            spans = {log: (read_to.get(log, begin), end) for log, (begin, end) in (await spans_of(self._reader, logs)).items()}
            async for records in read_spans(self._reader, spans):
                for record in records:
                    is_over = decode_change(record.topic, record.value).deleted
                    (deriving.discard if is_over else deriving.add)(record.key)
            read_to = {log: end for log, (_, end) in spans.items()}
            most = max(most, len(deriving))
            if most:
                on_progress("accounts derived", most - len(deriving), most)
            if not deriving:
                return
            check()
            if await self._member_count():
                worked_seconds = time.monotonic()
            elif time.monotonic() - worked_seconds > seconds:
                raise TransientError(
                    f"{len(deriving)} accounts are being derived, and for {seconds:.0f} s no worker has been there to go on "
                    "('credits worker' starts one, 'credits up' all of it)"
                )
            await asyncio.sleep(_POLL_SECONDS)

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
