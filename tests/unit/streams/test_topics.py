"""The topics on the broker: that all are declared, that inputs keep everything, and that what differs is named."""

import pytest

from projections.rows import TABLES
from schemas import topics
from streams.kafka.topics import CHANGELOG, CONTROL, TOPICS, FoundTopic, differences

SPECS = {spec.name: spec for spec in TOPICS}
COUNT = 8


def as_they_have_to_be() -> dict[str, FoundTopic]:
    return {
        name: FoundTopic(spec.partition_count or COUNT, {**spec.configuration, "other": "x"}) for name, spec in SPECS.items()
    }


def test_every_topic_is_declared_once():
    """Inputs, the topics of all tables, the changelog, and the one of the operators."""
    assert set(SPECS) == {*topics.INPUT_TOPICS, *(table.topic for table in TABLES), CHANGELOG, CONTROL}
    assert len(SPECS) == len(TOPICS)


@pytest.mark.parametrize("name", topics.INPUT_TOPICS)
def test_input_topics_keep_everything(name):
    """They are the source of truth: nothing is deleted or compacted, and event-dated timestamps roll no segments."""
    configuration = SPECS[name].configuration
    assert configuration["cleanup.policy"] == "delete"
    assert (configuration["retention.ms"], configuration["retention.bytes"]) == ("-1", "-1")
    assert configuration["segment.ms"] == str(2**63 - 1)
    assert configuration["message.timestamp.type"] == "CreateTime"
    assert configuration["message.timestamp.after.max.ms"] == "3600000"


def test_only_what_comes_and_goes_the_state_and_the_operators_words_are_compacted():
    """Other outputs keep every row, since a sink that begins anew reads them from the beginning."""
    compacted = {name for name, spec in SPECS.items() if spec.configuration["cleanup.policy"] == "compact"}
    assert compacted == {topics.CONFLICTS, topics.DERIVING, CHANGELOG, CONTROL}


def test_deletions_of_the_state_are_remembered_for_a_week():
    """A worker that was away for less never resurrects a deleted key."""
    assert SPECS[CHANGELOG].configuration["delete.retention.ms"] == str(7 * 86_400_000)


def test_topics_that_are_right_do_not_differ():
    """Entries that are not ours to say count for nothing, and a topic that is missing is no difference: it is made."""
    assert differences(as_they_have_to_be(), partition_count=COUNT) == []
    assert differences({}, partition_count=COUNT) == []


def test_another_number_of_partitions_is_named_for_each_topic():
    """The sentence names topic, setting and both numbers; the operators' topic has one partition, whatever is set."""
    sentences = differences(as_they_have_to_be(), partition_count=4)
    assert len(sentences) == len(TOPICS) - 1
    assert (
        f"the topic {topics.VOIDS} has 8 partitions, and CREDITS_PARTITION_COUNT is 4; "
        "the number is chosen once, for all topics and for life"
    ) in sentences
    found = {CONTROL: FoundTopic(COUNT, SPECS[CONTROL].configuration)}
    assert differences(found, partition_count=COUNT) == [f"the topic {CONTROL} has 8 partitions; it must have 1"]


def test_every_entry_of_a_configuration_that_differs_is_named():
    """A topic made by somebody else that deletes after a week, or says nothing of it, is not taken for the source of truth."""
    found = as_they_have_to_be()
    spoiled = {**found[topics.GRANTS].configuration, "retention.ms": "604800000"}
    del spoiled["segment.ms"]
    found[topics.GRANTS] = FoundTopic(COUNT, spoiled)
    assert differences(found, partition_count=COUNT) == [
        f"the topic {topics.GRANTS} has retention.ms=604800000; it must be -1",
        f"the topic {topics.GRANTS} has segment.ms=None; it must be {2**63 - 1}",
    ]
