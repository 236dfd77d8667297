"""The topics on the broker: that all are declared, that inputs keep everything, and that what differs is refused."""

import pytest

from projections.rows import TABLES
from schemas import topics
from schemas.errors import SettingsError
from streams.kafka.topics import CHANGELOG, TOPICS, TopicSpec, check_configuration, check_partition_counts

SPECS = {spec.name: spec for spec in TOPICS}


def test_every_topic_is_declared_once():
    """Inputs, the topics of all tables, and the changelog."""
    assert set(SPECS) == {*topics.INPUT_TOPICS, *(table.topic for table in TABLES), CHANGELOG}
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


def test_only_conflicts_and_the_state_are_compacted():
    """Other outputs keep every row, since a sink that begins anew reads them from the beginning."""
    compacted = {name for name, spec in SPECS.items() if spec.configuration["cleanup.policy"] == "compact"}
    assert compacted == {topics.CONFLICTS, CHANGELOG}


def test_deletions_of_the_state_are_remembered_for_a_week():
    """A worker that was away for less never resurrects a deleted key."""
    assert SPECS[CHANGELOG].configuration["delete.retention.ms"] == str(7 * 86_400_000)


def test_a_topic_with_another_partition_count_is_refused():
    """The number of partitions is for life; the sentence names topic, setting and both numbers."""
    check_partition_counts({topics.GRANTS: 8, topics.VOIDS: 8}, partition_count=8)
    with pytest.raises(SettingsError, match=r"credits\.voids has 4 partitions, and CREDITS_PARTITION_COUNT is 8"):
        check_partition_counts({topics.GRANTS: 8, topics.VOIDS: 4}, partition_count=8)


def test_a_topic_with_another_configuration_is_refused():
    """A topic made by somebody else that deletes after a week is not taken for the source of truth."""
    spec = TopicSpec("t", {"retention.ms": "-1"})
    check_configuration(spec, {"retention.ms": "-1", "other": "x"})
    with pytest.raises(SettingsError, match=r"t has retention\.ms=604800000; it must be -1"):
        check_configuration(spec, {"retention.ms": "604800000"})
