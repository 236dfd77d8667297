"""Reading back what is committed: the state from its changelog, and whether the logs beside it go with it.

A store is brought up from its own position. It goes with the log if the commits found from there on carry its state id; the
first record of a store's last commit is still in the log, or a newer commit is, since compaction keeps the last of each key.
Restored means that the consumer's *position* has reached the end that was asked for after fencing, not that a certain record
was seen: a transactional log ends in a commit marker. Everything here reads committed data only, so that an end is the last
stable offset.
"""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas import topics
from schemas.errors import InvariantViolation, TransientError
from streams.kafka.closing import close_within
from streams.kafka.topics import CHANGELOG, OUTPUT_TOPICS
from streams.worker.partition_state import PartitionState
from streams.worker.store import LocalStore, Rebuild, StoreMark
from streams.worker.worker_keys import COMMIT, commit_of

_FETCH_MILLISECONDS = 100
_PATIENCE_SECONDS = 30
_CLOSE_SECONDS = 5
_RECORDS_A_WRITE = 5_000


class Restored(NamedTuple):
    """How a store was brought up: from so many records of the changelog, and why it was thrown away before, if it was."""

    record_count: int
    rebuild: Rebuild | None


class CommittedLogs:
    """A reader of committed records of one partition number, of no group; use it as a context.

    Raises TransientError where the brokers do not answer, or do not get on.
    """

    def __init__(self, brokers: Sequence[str], *, number: int) -> None:
        self._number = number
        self._extents: dict[TopicPartition, tuple[int, int]] = {}
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=list(brokers),
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            # Other requests to a broker wait behind a fetch.
            fetch_max_wait_ms=_FETCH_MILLISECONDS,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            self._extents = await self._find_extents()
        except BaseException as error:
            await close_within(_CLOSE_SECONDS, self._consumer.stop())
            if isinstance(error, KafkaError):
                raise TransientError(f"the logs of partition number {self._number} cannot be read: {error!r}") from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await close_within(_CLOSE_SECONDS, self._consumer.stop())

    async def restore(self, store: LocalStore, *, now: int) -> Restored:
        """Bring a store up to the end of its changelog; `now` in UTC microseconds is noted as when it was written."""
        try:
            return await self._restore(store, now)
        except KafkaError as error:
            raise TransientError(f"the changelog of partition number {self._number} cannot be read: {error!r}") from error

    async def check(self, state: PartitionState, *, is_new: bool) -> None:
        """Check that inputs and outputs go with a restored state.

        Raises InvariantViolation where the position of an input lies outside its log, or where a new state (one of which the
        changelog holds nothing) stands beside outputs that were written: then its changelog is gone.
        """
        try:
            self._check_inputs(state)
            if is_new:
                await self._check_outputs()
        except KafkaError as error:
            raise TransientError(f"the logs of partition number {self._number} cannot be read: {error!r}") from error

    async def _restore(self, store: LocalStore, now: int) -> Restored:
        beginning, end = self._extents[TopicPartition(CHANGELOG, self._number)]
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

    async def _replay(self, replay: "_Replay", begin: int, end: int) -> None:
        changelog = TopicPartition(CHANGELOG, self._number)
        self._read_from(changelog, begin)
        progress = _Progress(changelog)
        while replay.is_of_one_state and (position := await self._consumer.position(changelog)) < end:
            progress.check(position)
            fetched = await self._consumer.getmany(changelog, timeout_ms=_FETCH_MILLISECONDS, max_records=_RECORDS_A_WRITE)
            replay.take(fetched.get(changelog, ()))
        replay.check_commits()

    def _check_inputs(self, state: PartitionState) -> None:
        for topic, position in state.committed_positions().items():
            beginning, end = self._extents[TopicPartition(topic, self._number)]
            if not beginning <= position <= end:
                raise InvariantViolation(
                    f"{topic}/{self._number} is applied up to {position}, and its log reaches from {beginning} to {end}: "
                    "records are gone, or the topic is not the one that the state was made from"
                )

    async def _check_outputs(self) -> None:
        for output in self._partitions_of(OUTPUT_TOPICS):
            if await self._has_records(output):
                raise InvariantViolation(
                    f"{output.topic}/{self._number} holds committed rows, and {CHANGELOG} holds nothing: the changelog is gone"
                )

    async def _has_records(self, log: TopicPartition) -> bool:
        """Say whether a log holds a committed record; one of aborted transactions has an end, but no record."""
        beginning, end = self._extents[log]
        if beginning == end:
            return False
        self._read_from(log, beginning)
        progress = _Progress(log)
        while (position := await self._consumer.position(log)) < end:
            progress.check(position)
            if (await self._consumer.getmany(log, timeout_ms=_FETCH_MILLISECONDS, max_records=1)).get(log):
                return True
        return False

    async def _find_extents(self) -> dict[TopicPartition, tuple[int, int]]:
        """Give where all logs begin and, as of now, end."""
        logs = self._partitions_of((*topics.INPUT_TOPICS, *OUTPUT_TOPICS, CHANGELOG))
        # Assigned first, so that all become known at once, and not one after another.
        self._consumer.assign(logs)
        self._consumer.pause(*logs)
        for log in logs:
            # Without a place to begin at, the client would look for one, and raise later that there is none.
            self._consumer.seek(log, 0)
        ends = await self._consumer.end_offsets(logs)
        beginnings = await self._consumer.beginning_offsets(logs)
        return {log: (beginnings[log], ends[log]) for log in logs}

    def _read_from(self, log: TopicPartition, offset: int) -> None:
        self._consumer.assign([log])
        self._consumer.seek(log, offset)

    def _partitions_of(self, names: Iterable[str]) -> list[TopicPartition]:
        return [TopicPartition(name, self._number) for name in names]


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


class _Progress:
    """Gives up on a log whose position stands still: its end was promised, so it can be reached."""

    def __init__(self, log: TopicPartition) -> None:
        self._log = log
        self._position = -1
        self._since = time.monotonic()

    def check(self, position: int) -> None:
        """Note the position; raises TransientError when it has not moved for long."""
        if position != self._position:
            self._position, self._since = position, time.monotonic()
        elif time.monotonic() - self._since > _PATIENCE_SECONDS:
            raise TransientError(f"{self._log.topic}/{self._log.partition} does not get on at {position}")
