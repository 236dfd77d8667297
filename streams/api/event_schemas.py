"""The schemas of events in docs/openapi.json: those of the pydantic forms, with the limits that the checks keep.

A form says what shape a field has; what the field may say beyond that is a check (`schemas.checks`), which is added here by
the field's name. A test holds the schemas against what is accepted.
"""

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from schemas import events
from schemas.checks import COUNT_LIMIT, ID_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from schemas.forms import EVENT_FORMS
from streams.api.cloud_events import SPEC_VERSION

Document = dict[str, Any]

ID = {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS_MAX, "pattern": r"^[^|\u0000-\u001f\u007f-\u009f]+$"}
TEXT = {"type": "string", "minLength": 1, "maxLength": TEXT_CHARACTERS_MAX}
INSTANT = {"type": "string", "format": "date-time"}
_NOTE = {"type": "string", "maxLength": TEXT_CHARACTERS_MAX}
_COUNT = {"type": "integer", "minimum": 0, "maximum": COUNT_LIMIT - 1}
_WORDS = {
    "cadence": events.CADENCES,
    "campaign_type": events.CAMPAIGN_TYPES,
    "channel": events.CHANNELS,
    "created_from": events.CREATED_FROM,
    "status": events.CAMPAIGN_STATUSES,
}
_KINDS = {"NameGivenForm": events.NAMED_KINDS}
_FIELDS: dict[str, Document] = {
    "actor": _NOTE,
    "reason": _NOTE,
    "resource": _NOTE,
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "minutes": _COUNT,
    "processed": _COUNT,
    "targeted": _COUNT,
    "priority": {"type": "integer", "minimum": 1, "maximum": 100, "default": events.DEFAULT_PRIORITY},
    **{name: {"type": "string", "enum": list(words)} for name, words in _WORDS.items()},
}
"""What fields may say that are no ids and no texts, by their name."""
_MAY_BE_LEFT_OUT = ("recorded_at", "effective_at")
BROUGHT = tuple(name for name in EVENT_FORMS if name != events.TimeAdvanced.__name__)


def nullable(schema: Document) -> Document:
    """Give the schema of what may be null as well."""
    return {"anyOf": [schema, {"type": "null"}]}


def event_schemas() -> Document:
    """Give the schemas of events and of what they are made of, by the names that events have elsewhere."""
    forms = [(EVENT_FORMS[name], "validation") for name in BROUGHT]
    _, made = models_json_schema(forms, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    text = json.dumps({name: _completed(name, schema) for name, schema in made["$defs"].items()})
    # `CreditGrantedForm` is how the code calls the form of what everybody calls CreditGranted.
    named: Document = json.loads(text.replace('Form"', '"'))
    return {**{name.removesuffix("Form"): schema for name, schema in named.items()}, "CloudEvent": _cloud_event()}


def _completed(form_name: str, schema: Document) -> Document:
    """Add to the schema of a form what its fields may say; null stands for a field that may be left out."""
    required = [name for name in schema["required"] if name not in _MAY_BE_LEFT_OUT]
    properties = {
        name: _property(form_name, name, told, may_be_null=name not in required) for name, told in schema["properties"].items()
    }
    return {
        "type": "object",
        "description": schema["description"].splitlines()[0],
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _property(form_name: str, name: str, told: Document, *, may_be_null: bool) -> Document:
    if name == "type" or "discriminator" in told:
        return {key: value for key, value in told.items() if key != "title"}
    inner = _without_null(told)
    schema = _of_field(form_name, name) or {key: value for key, value in inner.items() if key not in ("title", "default")}
    return nullable(schema) if may_be_null else schema


def _without_null(told: Document) -> Document:
    """Give what stands beside null where a schema takes null too."""
    others = [one for one in told.get("anyOf", ()) if one.get("type") != "null"]
    inner: Document = others[0] if len(others) == 1 else told
    return inner


def _of_field(form_name: str, name: str) -> Document | None:
    """Give the schema of a field by its name; None where the form's own says all."""
    if name == "kind":
        return {"type": "string", "enum": list(_KINDS.get(form_name, events.LINE_KINDS))}
    if name.endswith("_id"):
        return ID
    if name in _FIELDS:
        return _FIELDS[name]
    return None if name in _OWN_SHAPES else TEXT


_OWN_SHAPES = frozenset(
    {
        "amount",
        "cost",
        "unit_cost",
        "occurred_at",
        "recorded_at",
        "effective_at",
        "expires_at",
        "consumed_at",
        "scope",
        "activity",
    }
)
"""The fields whose form says in what shape they are written."""


def _cloud_event() -> Document:
    filled = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "An event in the envelope of CloudEvents; `id` and `time` are its event_id and occurred_at.",
        "properties": {
            "specversion": {"const": SPEC_VERSION},
            "id": filled,
            "source": filled,
            "type": {"type": "string", "enum": list(BROUGHT)},
            "time": nullable(INSTANT),
            "data": {"type": "object", "description": "The JSON form of the event, without what the envelope says."},
        },
        "required": ["specversion", "id", "source", "type", "data"],
    }
