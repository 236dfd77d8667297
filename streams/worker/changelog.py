"""Reading back what is committed: the state from its changelog, and whether the logs beside it go with it.

A store is brought up from its own position. It goes with the log if the commits found from there on carry its state id; the
first record of a store's last commit is still in the log, or a newer commit is, since compaction keeps the last of each key.
Restored means that the consumer's *position* has reached the end that was asked for after fencing, not that a certain record
was seen: a transactional log ends in a commit marker. Everything here reads committed data only, so that an end is the last
stable offset.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from creditstream.connection import Brokers
from schemas import topics
from schemas.errors import InvariantViolation
from streams.kafka.clients import read_spans, reader_of, spans_of
from streams.kafka.topics import CHANGELOG, OUTPUT_TOPICS
from streams.worker.partition_state import PartitionState
from streams.worker.store import LocalStore, Rebuild, StoreMark
from streams.worker.worker_keys import COMMIT, commit_of


class Restored(NamedTuple):
    """How a store was brought up: from so many records of the changelog, and why it was thrown away before, if it was."""

    record_count: int
    rebuild: Rebuild | None


@contextlib.asynccontextmanager
async def committed_logs(brokers: Brokers, *, number: int) -> AsyncIterator["CommittedLogs"]:
    """Give the logs of a partition number, as far as they reach now.

    Raises TransientError where the brokers do not answer, or do not get on, here and inside the block.
    """
    logs = [TopicPartition(name, number) for name in (*topics.INPUT_TOPICS, *OUTPUT_TOPICS, CHANGELOG)]
    async with reader_of(brokers) as reader:
        yield CommittedLogs(reader, await spans_of(reader, logs), number=number)


class CommittedLogs:
    """A reader of committed records of one partition number, from the beginnings to the ends in `spans`."""

    def __init__(self, reader: AIOKafkaConsumer, spans: dict[TopicPartition, tuple[int, int]], *, number: int) -> None:
        self._reader = reader
        self._spans = spans
        self._number = number

    async def restore(self, store: LocalStore, *, now: int) -> Restored:
        """Bring a store up to the end of its changelog; `now` in UTC microseconds is noted as when it was written."""
        beginning, end = self._spans[TopicPartition(CHANGELOG, self._number)]
        mark, rebuild = store.mark, None
        if mark is not None and mark.state_id:
            if mark.changelog_position >= end:
                rebuild = Rebuild.AHEAD
            else:
                replay = _Replay(store, mark, now)
                await self._replay(replay, max(beginning, mark.changelog_position), end)
                if replay.is_of_one_state:
                    return Restored(replay.record_count, None)
                rebuild = Rebuild.FOREIGN
        replay = _Replay(store.rebuild(), StoreMark(beginning, "", now), now)
        await self._replay(replay, beginning, end)
        return Restored(replay.record_count, rebuild)

    async def check(self, state: PartitionState, *, is_new: bool) -> None:
        """Check that inputs and outputs go with a restored state.

        Raises InvariantViolation where the position of an input lies outside its log, or where a new state (one of which the
        changelog holds nothing) stands beside outputs that were written: then its changelog is gone.
        """
        self._check_inputs(state)
        if is_new:
            await self._check_outputs()

    async def _replay(self, replay: "_Replay", begin: int, end: int) -> None:
        span = {TopicPartition(CHANGELOG, self._number): (begin, end)}
        async with contextlib.aclosing(read_spans(self._reader, span)) as pieces:
            async for records in pieces:
                replay.take(records)
                if not replay.is_of_one_state:
                    return
        replay.check_commits()

    def _check_inputs(self, state: PartitionState) -> None:
        for topic, position in state.committed_positions().items():
            beginning, end = self._spans[TopicPartition(topic, self._number)]
            if not beginning <= position <= end:
                raise InvariantViolation(
                    f"{topic}/{self._number} is applied up to {position}, and its log reaches from {beginning} to {end}: "
                    "records are gone, or the topic is not the one that the state was made from"
                )

    async def _check_outputs(self) -> None:
        for topic in OUTPUT_TOPICS:
            if await self._has_records(TopicPartition(topic, self._number)):
                raise InvariantViolation(
                    f"{topic}/{self._number} holds committed rows, and {CHANGELOG} holds nothing: the changelog is gone"
                )

    async def _has_records(self, log: TopicPartition) -> bool:
        """Say whether a log holds a committed record; one of aborted transactions has an end, but no record."""
        async with contextlib.aclosing(read_spans(self._reader, {log: self._spans[log]})) as pieces:
            async for records in pieces:
                if records:
                    return True
        return False


class _Replay:
    """Writes records of a changelog into a store, and watches that their commits are of the store's own state."""

    def __init__(self, store: LocalStore, mark: StoreMark, now: int) -> None:
        self._store = store
        self._mark = mark
        self._now = now
        self._commit_count = 0
        self.record_count = 0
        self.is_of_one_state = True

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Write some records, in one step with the place of the last commit among them."""
        writes: dict[bytes, bytes | None] = {}
        for record in records:
            writes[record.key] = record.value
            if record.key == COMMIT:
                self._take_commit(record)
        if records and self.is_of_one_state:
            self.record_count += len(records)
            self._store.write(writes, self._mark)

    def check_commits(self) -> None:
        """Note, at the end of a log, that a state was expected of which the log holds no commit."""
        if self._mark.state_id and self._commit_count == 0:
            self.is_of_one_state = False

    def _take_commit(self, record: ConsumerRecord) -> None:
        state_id = commit_of(record.value or b"").state_id
        if self._mark.state_id and state_id != self._mark.state_id:
            self.is_of_one_state = False
        self._commit_count += 1
        self._mark = StoreMark(record.offset, state_id, self._now)
