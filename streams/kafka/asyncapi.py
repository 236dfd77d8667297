"""The page docs/asyncapi.json, made from the declarations of topics and schemas: `make docs`.

It describes inputs, outputs and what lies on them as AsyncAPI 3.0 says, so that tools can show it and make clients from it.
"""

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from typing import Any

from projections.row_schemas import schema_of
from projections.rows import TABLES, Table
from schemas import topics
from schemas.events import EVENT_TYPES, TOPICS_OF_TYPE, CampaignDefined, NameGiven, TimeAdvanced
from schemas.shipped import ShippedSchema, shipped_schemas
from streams.kafka.topics import TOPICS

Document = dict[str, Any]

_AVRO = "application/vnd.apache.avro;version=1.9.0"
_KAFKA_BINDING = "0.5.0"

_HEAD = """\
A credit ledger: grants, voids and consumption in, balances and monthly books out. What the events mean and which are refused \
is in docs/events.md and docs/ledger.md.

Values are Avro behind a header: single-object encoding (c3 01 and the schema's fingerprint, 8 bytes little-endian), or the \
Confluent header (00 and the schema's id, 4 bytes big-endian) where a schema registry is configured; readers take both. The \
partition of an event is Kafka's default partitioner (murmur2) of its key, its timestamp is `recorded_at`."""

_MASTER = "The last in the log stands, so the topic is never compacted: an invalid newer record cannot push out a valid one."
_INPUTS = {
    topics.GRANTS: "Promises of credits.",
    topics.VOIDS: "Ends of grants.",
    topics.CONSUMPTION: "Use of credits, and what was taken back of it.",
    topics.CAMPAIGNS: f"Definitions of campaigns. {_MASTER}",
    topics.NAMES: f"Names of customers, centers and zones. {_MASTER}",
}
_CUSTOMER_KEY = "organization_id|customer_id"
_MASTER_KEYS = {CampaignDefined: "organization_id|campaign_id", NameGiven: "organization_id|kind|named_id"}


def document() -> str:
    """Give the text of the page."""
    return json.dumps(asyncapi(), ensure_ascii=False, indent=1) + "\n"


def asyncapi() -> Document:
    """Give the document as JSON values."""
    newest = {shipped.subject: shipped for shipped in shipped_schemas()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "creditstream", "version": importlib.metadata.version("creditstream"), "description": _HEAD},
        "defaultContentType": "application/vnd.apache.avro",
        "servers": {
            "local": {
                "host": "127.0.0.1:19092",
                "protocol": "kafka",
                "description": "The broker that `credits up` starts; CREDITS_KAFKA_BROKERS names any other.",
            }
        },
        "channels": {
            **{name: _input(name) for name in topics.INPUT_TOPICS},
            **{table.topic: _output(table) for table in TABLES},
        },
        "operations": dict([*_operations(topics.INPUT_TOPICS, "receive"), *_operations(_output_topics(), "send")]),
        "components": {
            "messages": {
                **{subject: _event_message(newest[subject]) for subject in EVENT_TYPES},
                **{table.row_type.__name__: _row_message(table) for table in TABLES},
            }
        },
    }


def _output_topics() -> tuple[str, ...]:
    return tuple(table.topic for table in TABLES)


def _input(topic: str) -> Document:
    subjects = [subject for subject, event_type in EVENT_TYPES.items() if topic in TOPICS_OF_TYPE[event_type]]
    return _channel(topic, _INPUTS[topic], subjects)


def _output(table: Table) -> Document:
    told = f"The rows of the table {table.name}. Of two rows with the same key the one with the greater revision stands."
    return _channel(table.topic, told, [table.row_type.__name__])


def _channel(topic: str, description: str, messages: list[str]) -> Document:
    specification = next(spec for spec in TOPICS if spec.name == topic)
    return {
        "address": topic,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic,
                "topicConfiguration": _configuration(specification.configuration),
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _configuration(configured: Any) -> Document:
    """Write the configuration of a topic as the binding types it; entries that it does not know are not shown."""
    whole_numbers = ("retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes")
    return {
        "cleanup.policy": [configured["cleanup.policy"]],
        **{name: int(configured[name]) for name in whole_numbers if name in configured},
    }


def _operations(names: tuple[str, ...], action: str) -> Iterator[tuple[str, Document]]:
    for topic in names:
        yield f"{action} {topic}", {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}


def _event_message(shipped: ShippedSchema) -> Document:
    event_type = EVENT_TYPES[shipped.subject]
    binding: Document = {"bindingVersion": _KAFKA_BINDING}
    if event_type is not TimeAdvanced:
        key = _MASTER_KEYS.get(event_type, _CUSTOMER_KEY)
        binding["key"] = {"type": "string", "description": f"{key}, in UTF-8"}
    return {
        "name": shipped.subject,
        "title": shipped.subject,
        "summary": shipped.content["doc"],
        "payload": {"schemaFormat": _AVRO, "schema": shipped.content},
        "bindings": {"kafka": binding},
    }


def _row_message(table: Table) -> Document:
    schema = schema_of(table.row_type)
    key_fields = ", ".join(table.row_type._fields[: table.key_length])
    key = {"type": "string", "description": f"a JSON array of {key_fields}"}
    return {
        "name": table.row_type.__name__,
        "title": table.row_type.__name__,
        "summary": schema["doc"],
        "payload": {"schemaFormat": _AVRO, "schema": schema},
        "bindings": {"kafka": {"key": key, "bindingVersion": _KAFKA_BINDING}},
    }


if __name__ == "__main__":
    sys.stdout.write(document())
