"""The schemas of a registry and those shipped with the release: which of ours one is, and how ours are called there.

Rule: docs/ledger.md 3.8. Only shipped schemas count. Two are the same where they write the same bytes and mean the same by
them: names, types, order of fields and symbols, and also what Avro's own canonical form leaves out, the logical types, since
an instant in milliseconds would else be read as one in microseconds.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from schemas.events import Event
from schemas.shipped import Schema, ShippedSchema, shipped_schemas

_MEANING = ("logicalType", "precision", "scale")
_KEPT = ("type", "name", "fields", "symbols", "items", "values", "size", *_MEANING)


def shipped_name_of(text: str) -> str | None:
    """Give the name of the shipped schema, such as `CreditGranted.v1`, that a registry's schema is; None for a foreign one.

    `text` is the schema as the registry gives it. Raises nothing for any text.
    """
    try:
        form = _form_of(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SchemaParseException, UnknownType):
        return None
    return _names_by_form().get(form)


def newest_schema_of(event_type: type[Event]) -> ShippedSchema:
    """Give the newest schema of a type of event, with which it is written."""
    return [schema for schema in shipped_schemas() if schema.subject == event_type.__name__][-1]


def subject_of(schema: ShippedSchema) -> str:
    """Give the subject of a schema by the record name strategy: the record's full name."""
    return f"{schema.content['namespace']}.{schema.content['name']}"


@lru_cache(maxsize=1)
def _names_by_form() -> Mapping[str, str]:
    return {_form_of(schema.content): schema.name for schema in shipped_schemas()}


def _form_of(schema: Schema) -> str:
    """Write what decides about bytes and their meaning, with full names, in one way."""
    # Parsed by fastavro, every name is a full one; what it adds beside that is left out.
    return json.dumps(_stripped(fastavro.parse_schema(schema)), sort_keys=True, separators=(",", ":"))


def _stripped(part: Any) -> Any:
    if isinstance(part, list):
        return [_stripped(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {name: part[name] if name == "symbols" else _stripped(part[name]) for name in _KEPT if name in part}
    return kept["type"] if set(kept) == {"type"} else kept
