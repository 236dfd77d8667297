"""The topics on the broker: which there are, with which configuration, made where missing and checked where not.

Rule: docs/architecture.md, topics. Input topics keep everything: they are the source of truth. Every topic has the same number
of partitions, for life, so that one worker owns all of a customer.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from projections.rows import TABLES
from schemas import topics
from schemas.errors import SettingsError, TransientError
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MILLISECOND

_Answer = TypeVar("_Answer")

_KNOWN_TRIES = 50
_KNOWN_PAUSE_SECONDS = 0.1

GENERATION = 1
"""The generation of state, group and transactional ids: part of their names, and the high part of every revision."""

CHANGELOG = f"credits.state.{GENERATION}"
GROUP = f"credits-worker-{GENERATION}"

OUTPUT_TOPICS = tuple(table.topic for table in TABLES)

MESSAGE_BYTES_MAX = 8 << 20
"""Size of a record of the outputs and of the changelog: a dead letter holds a whole input record and what is wrong with it."""

_HOUR_MILLISECONDS = MICROSECONDS_PER_HOUR // MICROSECONDS_PER_MILLISECOND
_WEEK_MILLISECONDS = 7 * MICROSECONDS_PER_DAY // MICROSECONDS_PER_MILLISECOND
_SEGMENT_MILLISECONDS_MAX = 2**63 - 1
_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1"}

_INPUT = {
    "cleanup.policy": "delete",
    **_FOR_EVER,
    # Producers date their records by the event: segments that roll by such a time would roll at every jump.
    "segment.ms": str(_SEGMENT_MILLISECONDS_MAX),
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(_HOUR_MILLISECONDS),
}
_OUTPUT = {"cleanup.policy": "delete", **_FOR_EVER, "max.message.bytes": str(MESSAGE_BYTES_MAX)}
_COMPACTED = {"cleanup.policy": "compact", "max.message.bytes": str(MESSAGE_BYTES_MAX)}
# A worker's local copy of the state may lag this long before a deletion that it has not seen yet is forgotten.
_STATE = {**_COMPACTED, "delete.retention.ms": str(_WEEK_MILLISECONDS)}


class TopicSpec(NamedTuple):
    """A topic as it has to be: its name and the entries of its configuration that count."""

    name: str
    configuration: Mapping[str, str]


TOPICS = (
    *(TopicSpec(name, MappingProxyType(_INPUT)) for name in topics.INPUT_TOPICS),
    *(TopicSpec(name, MappingProxyType(_COMPACTED if name == topics.CONFLICTS else _OUTPUT)) for name in OUTPUT_TOPICS),
    TopicSpec(CHANGELOG, MappingProxyType(_STATE)),
)


async def ensure_topics(brokers: Sequence[str], *, partition_count: int, replication_factor: int) -> None:
    """Make the topics that are missing, and check all of them against what they have to be.

    Raises SettingsError naming the topic that has another number of partitions or another configuration, and
    TransientError where the brokers cannot be asked.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=list(brokers))
    try:
        await admin.start()
        missing = {spec.name for spec in TOPICS} - set(await admin.list_topics())
        if missing:
            await _create([spec for spec in TOPICS if spec.name in missing], admin, partition_count, replication_factor)
        check_partition_counts(await _once_known(lambda: _partition_counts(admin)), partition_count=partition_count)
        configurations = await _once_known(lambda: _configurations(admin))
        for spec in TOPICS:
            check_configuration(spec, configurations[spec.name])
    except KafkaError as error:
        raise TransientError(f"the topics cannot be made or checked at {','.join(brokers)}: {error!r}") from error
    finally:
        await admin.close()


async def _once_known(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Ask again while the brokers do not all know of a topic that was just made; the last answer's error is raised."""
    for _ in range(_KNOWN_TRIES):
        with contextlib.suppress(UnknownTopicOrPartitionError):
            return await ask()
        await asyncio.sleep(_KNOWN_PAUSE_SECONDS)
    return await ask()


def check_partition_counts(counts: Mapping[str, int], *, partition_count: int) -> None:
    """Check the numbers of partitions that topics have; raises SettingsError naming the first that is wrong."""
    for name, count in sorted(counts.items()):
        if count != partition_count:
            raise SettingsError(
                f"the topic {name} has {count} partitions, and CREDITS_PARTITION_COUNT is {partition_count}; "
                "the number is chosen once, for all topics and for life"
            )


def check_configuration(spec: TopicSpec, found: Mapping[str, str]) -> None:
    """Check what a broker says of a topic; raises SettingsError naming the first entry that is wrong."""
    for entry, wanted in spec.configuration.items():
        if found.get(entry) != wanted:
            raise SettingsError(f"the topic {spec.name} has {entry}={found.get(entry)}; it must be {wanted}")


async def _create(
    specs: Iterable[TopicSpec], admin: AIOKafkaAdminClient, partition_count: int, replication_factor: int
) -> None:
    wanted = [
        NewTopic(spec.name, partition_count, replication_factor, topic_configs=dict(spec.configuration)) for spec in specs
    ]
    response = await admin.create_topics(wanted)
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        # Another worker that starts at the same time may have been faster.
        if code != 0 and error is not TopicAlreadyExistsError:
            raise TransientError(f"the topic {name} cannot be made: {error.__name__}")


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    described = await admin.describe_topics([spec.name for spec in TOPICS])
    for topic in described:
        if topic["error_code"] != 0:
            raise for_code(topic["error_code"])(topic["topic"])
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _configurations(admin: AIOKafkaAdminClient) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name, None) for spec in TOPICS]
    responses: list[Any] = await admin.describe_configs(resources)
    found: dict[str, dict[str, str]] = {}
    for response in responses:
        for code, _, _, name, entries in response.resources:
            if code != 0:
                raise for_code(code)(name)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found
