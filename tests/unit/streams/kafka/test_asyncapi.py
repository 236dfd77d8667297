"""docs/asyncapi.json: valid AsyncAPI, made from the declarations, and all topics, schemas and keys are those of the code."""

import copy
import json
from pathlib import Path

import fastavro
import pytest
from jsonschema import Draft7Validator

from projections.rows import TABLES
from schemas import topics
from schemas.events import EVENT_TYPES, TOPICS_OF_TYPE
from schemas.shipped import shipped_schemas
from streams.kafka.asyncapi import asyncapi, document
from streams.kafka.topics import TOPICS

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "asyncapi.json"
SPECIFICATION = ROOT / "tests" / "third_party" / "asyncapi" / "asyncapi-3.0.0.schema.json"


@pytest.fixture(scope="module")
def specification() -> Draft7Validator:
    return Draft7Validator(json.loads(SPECIFICATION.read_text(encoding="utf-8")))


def test_the_page_is_made_from_the_declarations():
    """Whoever changes a topic or a schema runs `make docs`."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_the_page_is_asyncapi(specification):
    """The official schema of AsyncAPI 3.0.0 finds nothing to say."""
    assert [error.message for error in specification.iter_errors(asyncapi())] == []


@pytest.mark.parametrize(
    "path",
    [("asyncapi",), ("channels", topics.GRANTS, "address"), ("operations", f"receive {topics.GRANTS}", "action")],
    ids=".".join,
)
def test_the_check_has_teeth(path, specification):
    """A page that is wrong in one place is not valid."""
    broken = copy.deepcopy(asyncapi())
    inside = broken
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = 7
    assert list(specification.iter_errors(broken))


def test_every_topic_is_a_channel_and_says_what_lies_on_it():
    """Inputs carry the events that belong on them, outputs the rows of their table; configurations are those declared."""
    channels = asyncapi()["channels"]
    assert set(channels) == {*topics.INPUT_TOPICS, *(table.topic for table in TABLES)}
    for name, event_type in EVENT_TYPES.items():
        assert {topic for topic, channel in channels.items() if name in channel["messages"]} == set(TOPICS_OF_TYPE[event_type])
    for table in TABLES:
        assert list(channels[table.topic]["messages"]) == [table.row_type.__name__]
    for specified in TOPICS:
        if specified.name in channels:
            told = channels[specified.name]["bindings"]["kafka"]["topicConfiguration"]
            assert told["cleanup.policy"] == [specified.configuration["cleanup.policy"]]


def test_every_schema_can_be_read_and_is_the_newest_that_is_shipped():
    """What a tool takes from the page decodes what a producer sends."""
    messages = asyncapi()["components"]["messages"]
    for message in messages.values():
        fastavro.parse_schema(message["payload"]["schema"])
    newest = {shipped.subject: shipped.content for shipped in shipped_schemas()}
    assert {name: messages[name]["payload"]["schema"] for name in newest} == newest
