"""The topics on the broker: which there are, with which configuration, made where missing and checked where not.

Rule: docs/architecture.md, topics. Input topics keep everything: they are the source of truth. Every topic but the control
topic has the same number of partitions, for life, so that one worker owns all of a customer.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from creditstream.connection import Brokers
from projections.rows import TABLES
from schemas import topics
from schemas.errors import SettingsError, TransientError
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MILLISECOND
from streams.kafka.clients import admin_of

HOW_TO_MAKE = "'credits topics create' makes what is missing"

_KNOWN_TRIES = 50
_KNOWN_PAUSE_SECONDS = 0.1

GENERATION = 1
"""The generation of state, group and transactional ids: part of their names, and the high part of every revision."""

CHANGELOG = f"credits.state.{GENERATION}"
GROUP = f"credits-worker-{GENERATION}"

CONTROL = "credits.control"
"""What operators have said to the workers (docs/ledger.md 2.5); one partition, whatever the others have."""

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
    """A topic as it has to be: its name, the entries of its configuration that count, and its number of partitions.

    `partition_count` is None for the topics that have as many as the setting says.
    """

    name: str
    configuration: Mapping[str, str]
    partition_count: int | None = None


TOPICS = (
    *(TopicSpec(name, MappingProxyType(_INPUT)) for name in topics.INPUT_TOPICS),
    *(
        TopicSpec(name, MappingProxyType(_COMPACTED if name in (topics.CONFLICTS, topics.DERIVING) else _OUTPUT))
        for name in OUTPUT_TOPICS
    ),
    TopicSpec(CHANGELOG, MappingProxyType(_STATE)),
    TopicSpec(CONTROL, MappingProxyType({"cleanup.policy": "compact"}), partition_count=1),
)


class FoundTopic(NamedTuple):
    """A topic as the brokers have it."""

    partition_count: int
    configuration: Mapping[str, str | None]


async def ensure_topics(brokers: Brokers, *, partition_count: int, replication_factor: int) -> list[str]:
    """Make the topics that are missing, once those that exist are as they have to be; gives the names of those it made.

    Raises SettingsError with what is wrong, in which case nothing is made, and TransientError where the brokers cannot be
    asked.
    """
    async with admin_of(brokers) as admin:
        found = await _find_topics(admin)
        _refuse(differences(found, partition_count=partition_count))
        missing = [spec for spec in TOPICS if spec.name not in found]
        if missing:
            await _create(missing, admin, partition_count, replication_factor)
            found = await _find_topics(admin, just_made={spec.name for spec in missing})
            # Whoever was faster may have made them otherwise.
            _refuse(differences(found, partition_count=partition_count))
    return [spec.name for spec in missing]


async def check_topics(brokers: Brokers, *, partition_count: int) -> list[str]:
    """Give, in sentences, everything in which the topics differ from what they have to be: nothing where all is well.

    Raises TransientError where the brokers cannot be asked.
    """
    async with admin_of(brokers) as admin:
        found = await _find_topics(admin)
    missing = [f"the topic {spec.name} does not exist; {HOW_TO_MAKE}" for spec in TOPICS if spec.name not in found]
    return missing + differences(found, partition_count=partition_count)


async def input_partition_count(*, bootstrap_servers: Brokers) -> int:
    """Ask the brokers for the number of partitions of the input topics.

    Raises SettingsError where a topic is missing or their numbers differ, and TransientError where nobody answers.
    """
    async with admin_of(bootstrap_servers) as admin:
        partitions = await partitions_of(admin, topics.INPUT_TOPICS)
    counts = Counter(partition.topic for partition in partitions)
    if len(set(counts.values())) > 1:
        named = ", ".join(f"{topic} has {count}" for topic, count in sorted(counts.items()))
        raise SettingsError(f"the input topics must have one number of partitions, and {named}")
    return counts[topics.GRANTS]


async def partitions_of(admin: AIOKafkaAdminClient, names: Sequence[str]) -> list[TopicPartition]:
    """Give every partition of some topics, in order; raises SettingsError naming a topic that does not exist."""
    counts = await _partition_counts(admin)
    for name in names:
        if name not in counts:
            raise SettingsError(f"the topic {name} does not exist; {HOW_TO_MAKE}")
    return sorted(TopicPartition(name, number) for name in names for number in range(counts[name]))


def differences(found: Mapping[str, FoundTopic], *, partition_count: int) -> list[str]:
    """Say in sentences in what topics that exist differ from what they have to be; a topic that is missing is none of it."""
    return [
        sentence for spec in TOPICS if spec.name in found for sentence in _of_topic(spec, found[spec.name], partition_count)
    ]


def _of_topic(spec: TopicSpec, found: FoundTopic, partition_count: int) -> Iterator[str]:
    if spec.partition_count is not None and found.partition_count != spec.partition_count:
        yield f"the topic {spec.name} has {found.partition_count} partitions; it must have {spec.partition_count}"
    if spec.partition_count is None and found.partition_count != partition_count:
        yield (
            f"the topic {spec.name} has {found.partition_count} partitions, and CREDITS_PARTITION_COUNT is {partition_count}; "
            "the number is chosen once, for all topics and for life"
        )
    for entry, wanted in spec.configuration.items():
        if found.configuration.get(entry) != wanted:
            yield f"the topic {spec.name} has {entry}={found.configuration.get(entry)}; it must be {wanted}"


def _refuse(sentences: Sequence[str]) -> None:
    """Raise SettingsError with the first difference, and how to see the others."""
    if sentences:
        others = len(sentences) - 1
        raise SettingsError(sentences[0] + (f" ({others} more: 'credits topics check' lists all)" if others else ""))


async def _find_topics(admin: AIOKafkaAdminClient, *, just_made: Iterable[str] = ()) -> dict[str, FoundTopic]:
    """Ask for those of our topics that exist, and again while the brokers do not all know of those that were just made."""
    for _ in range(_KNOWN_TRIES):
        with contextlib.suppress(UnknownTopicOrPartitionError):  # somebody is making them
            counts = await _partition_counts(admin)
            names = [spec.name for spec in TOPICS if spec.name in counts]
            configurations = await _configurations(admin, names)
            if set(just_made) <= set(names):
                return {name: FoundTopic(counts[name], configurations[name]) for name in names}
        await asyncio.sleep(_KNOWN_PAUSE_SECONDS)
    raise TransientError("the topics were made, and the brokers do not all know of them yet; try again in a moment")


async def _create(
    specs: Iterable[TopicSpec], admin: AIOKafkaAdminClient, partition_count: int, replication_factor: int
) -> None:
    wanted = [
        NewTopic(
            spec.name,
            spec.partition_count or partition_count,
            replication_factor,
            topic_configs=dict(spec.configuration),
        )
        for spec in specs
    ]
    response = await admin.create_topics(wanted)
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        # Another worker that starts at the same time may have been faster.
        if code != 0 and error is not TopicAlreadyExistsError:
            raise TransientError(f"the topic {name} cannot be made: {error.__name__}")


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Give the number of partitions of every topic there is; to ask for one by its name could make it."""
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}


async def _configurations(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str | None]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in names]
    responses: list[Any] = await admin.describe_configs(resources)
    found: dict[str, dict[str, str | None]] = {}
    for response in responses:
        for code, _, _, name, entries in response.resources:
            if code != 0:
                raise for_code(code)(name)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found
