"""The Kafka side of a sink: reads committed records into the queues, pauses where one is full, and commits what is inserted.

Offsets are committed after the insert, never before. A new assignment of partitions empties the queues: what was not committed
is read again, by whoever has the partition then.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, UnknownTopicOrPartitionError

from creditstream.closing import close_within
from schemas.errors import TransientError
from streams.kafka.messages import raw_record
from streams.metrics import SinkMetrics
from streams.settings import SinkSettings
from streams.sink.backoff import Backoff
from streams.sink.health import Health
from streams.sink.queues import Queues

_log = logging.getLogger("streams.sink")

_POLL_MILLISECONDS = 100
_POLL_RECORDS = 2_000
_FETCH_BYTES = 4 << 20
"""What a broker gives at a time: it waits in the client, beside the buffer."""
_SESSION_MILLISECONDS = 10_000
_HEARTBEAT_MILLISECONDS = 1_000
"""So soon a sink learns that another one comes or goes."""
_CLOSE_SECONDS = 5


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # the package ships no types
    """A member of the sinks' group and what it reads; one object from joining to leaving."""

    def __init__(self, settings: SinkSettings, group: str, queues: Queues, metrics: SinkMetrics, health: Health) -> None:
        self._brokers = settings.kafka
        self._queues = queues
        self._metrics = metrics
        self._health = health
        self._assignment = 0
        self._committed: dict[TopicPartition, int] = {}
        self._progress = asyncio.Event()
        self._consumer: Any = AIOKafkaConsumer(
            **settings.kafka.arguments(),
            group_id=group,
            group_instance_id=settings.member_name,
            session_timeout_ms=_SESSION_MILLISECONDS,
            heartbeat_interval_ms=_HEARTBEAT_MILLISECONDS,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=_FETCH_BYTES,
        )

    async def start(self) -> None:
        """Join the group, and wait for an assignment.

        Raises KafkaError where the brokers do not answer, TransientError where they have no output topics.
        """
        self._queues.clear()
        self._consumer.subscribe(list(self._queues.of_topic), listener=self)
        try:
            await self._consumer.start()
        except UnknownTopicOrPartitionError as error:
            raise TransientError(
                f"Kafka at {self._brokers} does not have all output topics; a worker makes them when it starts"
            ) from error

    async def stop(self) -> None:
        """Leave; a broker that is gone does not hold it up."""
        self._health.is_member = False
        await close_within(_CLOSE_SECONDS, self._consumer.stop())

    async def read_on(self) -> None:
        """Read for ever; raises KafkaError where the client gives up."""
        while True:
            self._pause_and_resume()
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=_POLL_RECORDS)
            for partition, records in fetched.items():
                self._queues.of_topic[partition.topic].put(raw_record(record) for record in records)
            await self._note_positions()
            self._metrics.heartbeat_timestamp_seconds.set_to_current_time()
            self._show_buffer()

    async def commit_on(self) -> None:
        """Commit what is inserted, whenever there is more of it, for ever.

        A broker that does not answer is asked again. What a new assignment took away is not committed.
        """
        backoff = Backoff()
        while True:
            await self._progress.wait()
            self._progress.clear()
            try:
                await self.commit()
            except (CommitFailedError, IllegalStateError):
                _log.info("partitions were assigned anew before a commit; what was not committed is read again")
            except KafkaError as error:
                seconds = backoff.next_seconds()
                _log.warning("offsets were not committed: %r; trying again in %.1f s", error, seconds)
                await asyncio.sleep(seconds)
                self._progress.set()
            else:
                backoff.reset()

    async def commit(self) -> None:
        """Commit what is inserted and is not committed yet; raises KafkaError where that fails."""
        inserted = self._inserted()
        positions = {partition: inserted[partition] for partition in inserted if not self._is_committed(partition, inserted)}
        if positions:
            await self._consumer.commit(positions)
            self._committed |= positions

    def note_progress(self) -> None:
        """Note that rows were inserted: there may be something to commit, and room to read on."""
        self._progress.set()
        self._pause_and_resume()
        self._show_buffer()

    async def lag(self) -> Mapping[str, int]:
        """Give for each topic the number of records that are not inserted yet, of the partitions that are held.

        Raises KafkaError where the brokers do not answer.
        """
        inserted = self._inserted()
        ends = await self._consumer.end_offsets(list(inserted)) if inserted else {}
        found = dict.fromkeys(self._queues.of_topic, 0)
        for partition, end in ends.items():
            found[partition.topic] += max(0, end - inserted[partition])
        return found

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Let go of what was read: somebody will read it again from what was committed."""
        _log.debug("%d topic partitions are taken away", len(revoked))
        self._assignment += 1
        self._committed.clear()
        self._queues.clear()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Note that the group gave partitions to this sink, or none where there are more sinks than partitions."""
        _log.info("the group gave %d topic partitions to this sink", len(assigned))
        self._health.is_member = True

    def _inserted(self) -> dict[TopicPartition, int]:
        """Give for each topic partition how far everything is inserted, as a fetch position."""
        return {
            TopicPartition(topic, number): position
            for topic, queue in self._queues.of_topic.items()
            for number, position in queue.positions().items()
        }

    def _is_committed(self, partition: TopicPartition, positions: Mapping[TopicPartition, int]) -> bool:
        return self._committed.get(partition) == positions[partition]

    async def _note_positions(self) -> None:
        """Note how far each partition was read, for records alone do not tell: commit markers move positions too."""
        assignment = self._assignment
        positions = {}
        for partition in self._consumer.assignment():
            try:
                positions[partition] = await self._consumer.position(partition)
            except IllegalStateError:
                return
            if assignment != self._assignment:
                # A position of the assignment before: the queues know nothing any more of what lies before it.
                return
        for partition, position in positions.items():
            self._queues.of_topic[partition.topic].note_position(partition.partition, position)
        if not all(self._is_committed(partition, positions) for partition in positions):
            self._progress.set()

    def _pause_and_resume(self) -> None:
        """Pause the partitions of tables whose queue is full, until it is half empty; the member goes on polling."""
        paused = self._consumer.paused()
        for partition in self._consumer.assignment():
            queue = self._queues.of_topic[partition.topic]
            if queue.is_full and partition not in paused:
                self._consumer.pause(partition)
            elif queue.is_half_empty and partition in paused:
                self._consumer.resume(partition)
        self._metrics.paused.set(1 if self._consumer.paused() else 0)

    def _show_buffer(self) -> None:
        self._metrics.buffer_bytes.set(self._queues.size_bytes)
        self._metrics.buffer_rows.set(self._queues.row_count)
