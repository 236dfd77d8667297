"""Faust's transport, changed where money is counted: whole batches are pulled by position, and all inputs go together.

Faust hands on one event at a time, keeps its own account of what was acknowledged, and clears its queues when partitions
move. Here `_drain_messages`, the one place that all of that hangs on, pulls batches for those partition numbers that want one,
each with the positions before and after, and puts them into a bounded channel; whoever applies them proves that nothing is
missing. Group membership, assignment and the thread of the consumer stay Faust's. A test asserts the private signatures.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT

from creditstream.connection import Connection
from schemas.errors import InvariantViolation, TransientError
from schemas.topics import INPUT_TOPICS
from streams.kafka.messages import raw_record
from streams.worker.batches import Batch, Wanted

log = logging.getLogger(__name__)

_WAIT_SECONDS = 0.1
_IDLE_SECONDS = 0.02
_FETCH_MILLISECONDS = 200
_PARTITION_FETCH_BYTES = 2 << 20


class Unreadable(NamedTuple):
    """A topic partition that cannot be read, and why."""

    wanted: Wanted
    error: Exception


Pulled = Batch | Unreadable


class Inbox(Protocol):
    """Where batches are wanted and go; see `streams.worker.partitions.Partitions`."""

    def wanted(self) -> list[Wanted]:
        """Give the topic partitions from which a batch is wanted now."""

    async def deliver(self, batch: Batch) -> None:
        """Hand on a batch; waits while there are enough of them."""

    def fail(self, wanted: Wanted, error: Exception) -> None:
        """Say that a topic partition cannot be read."""


class CopartitionedAssignor(PartitionAssignor):
    """Faust's sticky assignor, with all input topics in one group: a partition number of all of them goes to one worker."""

    @classmethod
    def _get_copartitioned_groups(
        cls,
        topics: set[str],
        cluster: ClusterMetadata,
        subscriptions: MutableMapping[str, list[str]],  # noqa: ARG003 - the signature that is overridden
    ) -> MutableMapping[int, Iterable[set[str]]]:
        """Put all topics into one group; where their partition counts differ nothing is assigned at all."""
        counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in sorted(topics)}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            log.error("the input topics have unequal partition counts, so none is assigned: %s", counts)
            return {}
        return {next(iter(counts.values())): [set(topics)]}


class PullingThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread, with what is done in it for whole batches."""

    mundane_level = "debug"

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            **cast(PullingTransport, transport).connection.arguments(),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            # Where to begin stands in the state; anything else would skip records or repeat them.
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_MILLISECONDS,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            check_crcs=True,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
        )

    async def pull(self, wanted: Sequence[Wanted], *, record_count_max: int) -> list[Pulled]:
        """Give, for each topic partition that is wanted, what has been fetched of it: a batch, or why it cannot be read."""
        return cast(list[Pulled], await self.call_thread(self._pull, wanted, record_count_max))

    async def seek_to(self, partition: TopicPartition, offset: int) -> None:
        """Let the next fetch of a topic partition begin at an offset; what was fetched before is dropped."""
        await self.call_thread(self._seek_to, partition, offset)

    async def commit_advice(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit group offsets the ordinary way, which only a member of the current generation can."""
        await self.call_thread(self._commit_advice, positions)

    async def seen_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Give the last stable offset of topic partitions as the last fetch of each saw it; none for one never fetched."""
        return cast(dict[TopicPartition, int], await self.call_thread(self._seen_ends, partitions))

    async def _seen_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        states = {partition: _position_state(self._ensure_consumer(), partition) for partition in partitions}
        return {partition: state.lso for partition, state in states.items() if state is not None and state.lso is not None}

    async def _pull(self, wanted: Sequence[Wanted], record_count_max: int) -> list[Pulled]:
        consumer = self._ensure_consumer()
        results = await self._sweep(consumer, wanted, record_count_max)
        if not results:
            waiter = consumer._fetcher._create_fetch_waiter()  # noqa: SLF001 - there is no other way to wait for all partitions
            # Within its context, so that the group knows that this worker is not stuck.
            with consumer._subscription.fetch_context():  # noqa: SLF001 - as above
                await asyncio.wait([waiter], timeout=_WAIT_SECONDS)
            waiter.cancel()
            results = await self._sweep(consumer, wanted, record_count_max)
        return results

    async def _sweep(self, consumer: AIOKafkaConsumer, wanted: Sequence[Wanted], record_count_max: int) -> list[Pulled]:
        """Take what lies fetched, without waiting, so that no seek comes between the two positions of a batch."""
        results: list[Pulled] = []
        for one in wanted:
            state = _position_state(consumer, TopicPartition(one.topic, one.number))
            if state is None:
                continue
            begin = state.position
            try:
                fetched = await consumer.getmany(
                    TopicPartition(one.topic, one.number), timeout_ms=0, max_records=record_count_max
                )
            except (KafkaError, ValueError) as error:
                results.append(Unreadable(one, error))
                continue
            if state.has_valid_position and state.position > begin:
                raw = tuple(raw_record(record) for records in fetched.values() for record in records)
                results.append(Batch(one, begin, state.position, raw))
        return results

    async def _seek_to(self, partition: TopicPartition, offset: int) -> None:
        self._ensure_consumer().seek(partition, offset)

    async def _commit_advice(self, positions: Mapping[TopicPartition, int]) -> None:
        await self._ensure_consumer().commit({log: OffsetAndMetadata(offset, "") for log, offset in positions.items()})


class PullingConsumer(driver.Consumer):
    """Faust's consumer without acknowledgement, gaps and commits of its own: positions stand in the state."""

    mundane_level = "debug"
    _thread: PullingThread

    def _new_consumer_thread(self) -> PullingThread:
        return PullingThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Pull batches until consumer or fetcher stop."""
        inbox, record_count_max = cast(PullingTransport, self.transport).inbox, self._batch_record_count()
        while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001 - as the method that this overrides
            wanted = inbox.wanted()
            try:
                results = await self._thread.pull(wanted, record_count_max=record_count_max)
            except ConsumerStoppedError:
                return
            for result in results:
                if isinstance(result, Batch):
                    await inbox.deliver(result)
                else:
                    inbox.fail(*result)
            if not wanted:
                await asyncio.sleep(_IDLE_SECONDS)

    def _batch_record_count(self) -> int:
        return int(self.app.conf.broker_max_poll_records or 1)

    async def seek_input(self, topic: str, number: int, offset: int) -> None:
        """Let the next fetch of a topic partition begin at an offset; raises TransientError where it is not assigned."""
        try:
            await self._thread.seek_to(TopicPartition(topic, number), offset)
        except KafkaError as error:
            raise TransientError(f"{topic}/{number} cannot be read from {offset}: {error!r}") from error

    async def seen_ends(self, numbers: Sequence[int]) -> dict[tuple[str, int], int]:
        """Give the end of each input topic partition as the last fetch saw it; none for one that was not fetched yet."""
        partitions = [TopicPartition(topic, number) for topic in INPUT_TOPICS for number in numbers]
        return {tuple(partition): end for partition, end in (await self._thread.seen_ends(partitions)).items()}

    async def commit_advice(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Commit positions as the group's offsets, as advice for lag tools and as proof of membership.

        Raises TransientError where this worker is no member of the group's current generation, or the broker does not answer.
        """
        try:
            await self._thread.commit_advice({TopicPartition(*log): offset for log, offset in positions.items()})
        except KafkaError as error:
            raise TransientError(f"group offsets cannot be committed: {error!r}") from error

    async def commit(
        self,
        topics: Any = None,  # noqa: ARG002 - the signature that is overridden
        start_new_transaction: bool = True,  # noqa: ARG002 - the signature that is overridden
    ) -> bool:
        """Commit nothing: Faust's own account of acknowledged events is not kept."""
        return False

    async def perform_seek(self) -> None:
        """Seek nowhere: every partition number seeks to the positions in its state."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Check nothing: Faust's streams of single events are not in use."""


class PullingTransport(driver.Transport):
    """Faust's Kafka transport with the pulling consumer."""

    Consumer = PullingConsumer

    def __init__(self, url: list[Any], app: AppT, *, inbox: Inbox, connection: Connection) -> None:
        super().__init__(url, app)
        self.inbox = inbox
        self.connection = connection


def _position_state(consumer: AIOKafkaConsumer, partition: TopicPartition) -> Any | None:
    """Give aiokafka's state of a topic partition, or None where it is not assigned or has no position."""
    subscription = consumer._subscription.subscription  # noqa: SLF001 - `position()` waits and may be of another assignment
    assignment = None if subscription is None else subscription.assignment
    if assignment is None or not assignment.active or partition not in assignment.tps:
        return None
    if consumer._subscription.reassignment_in_progress:  # noqa: SLF001 - as above
        return None
    state = assignment.state_value(partition)
    return state if state.has_valid_position else None


def check_assignment(assigned: Iterable[TP], inputs: Sequence[str]) -> set[int]:
    """Give the partition numbers of an assignment; raises InvariantViolation where one is not assigned for all input topics."""
    topics_by_number: dict[int, set[str]] = {}
    for topic, number in assigned:
        if topic in inputs:
            topics_by_number.setdefault(number, set()).add(topic)
    for number, found in sorted(topics_by_number.items()):
        if found != set(inputs):
            raise InvariantViolation(f"partition number {number} was assigned for {sorted(found)} only; inputs go together")
    return set(topics_by_number)
