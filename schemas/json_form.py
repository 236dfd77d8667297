"""Events as JSON objects, read and written (docs/ledger.md 1.12).

The verdict on an object is the one that the wire form of the same content gets: the same reason, the same field
(docs/ledger.md 8.4).
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.amounts import UNLIMITED, format_micro
from schemas.checks import LEAVES, Fault
from schemas.events import ACTIVITY_TYPES, EVENT_TYPES, Activity, CreditGranted, Event
from schemas.form_fields import EventForm, shown
from schemas.forms import EVENT_FORMS
from schemas.instants import INSTANT_LIMIT, format_instant
from schemas.refusals import Reason, Refusal


def read_object(fields: Mapping[str, object], *, record_timestamp: int | None = None) -> Event | Refusal:
    """Read an event from its JSON form; what is at fault makes it a refusal as `invalid`.

    `record_timestamp` is the record's in UTC microseconds; None for an object that is no record yet, whose timestamp will be
    its `recorded_at`. Of several faults an unknown field is named first, then the first in the order of the event's fields.
    A missing `recorded_at` is `occurred_at`; null stands for a field that is left out. Raises nothing for any JSON values.
    """
    form = form_of(fields)
    if form is None:
        return Refusal(Reason.INVALID, "type", f"must be one of {', '.join(EVENT_TYPES)}")
    try:
        read = form.model_validate(fields, context=INSTANT_LIMIT if record_timestamp is None else record_timestamp)
    except ValidationError as error:
        fault = _first_fault(error)
        return Refusal(Reason.INVALID, fault.field, fault.detail)
    event: Event = read.to_record()
    return event


def write_object(event: Event) -> dict[str, object]:
    """Write an event in its JSON form; `read_object` gives it back.

    Amounts are shortest decimal strings, instants RFC 3339 with `Z`; an optional field without value is left out.
    """
    return _write_record(event)


def form_of(fields: Mapping[str, object]) -> type[EventForm] | None:
    """Give the form of the event's type; None where the object names no type that there is."""
    event_type = fields.get("type")
    return EVENT_FORMS.get(event_type) if isinstance(event_type, str) else None


def _first_fault(error: ValidationError) -> Fault:
    """Choose the fault that is named: pydantic gives the errors of known fields in their order."""
    errors = error.errors(include_url=False, include_input=False)
    unknown = [one for one in errors if one["type"] == "extra_forbidden"]
    first = min(unknown, key=lambda one: (len(one["loc"]), str(one["loc"][-1]))) if unknown else errors[0]
    return Fault(_field(first), _sentence(first))


def _field(error: ErrorDetails) -> str:
    named: str | None = error.get("ctx", {}).get("field")
    location = error["loc"]
    if location[0] == "activity" and len(location) > 2:
        return f"activity.{shown(named or str(location[-1]))}"
    if location[0] == "activity" and error["type"].startswith("union_tag"):
        return "activity.type"
    return shown(named or str(location[0]))


def _sentence(error: ErrorDetails) -> str:
    own: str | None = error.get("ctx", {}).get("sentence")
    sentence = own or _SENTENCES.get(error["type"], error["msg"])
    inner = error["loc"][-1] if error["loc"][0] == "scope" and len(error["loc"]) > 2 else None
    return sentence if inner is None else f"{shown(str(inner))} {sentence}"


_SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "is an unknown field",
    "string_type": "must be a text",
    "string_unicode": "must not contain lone surrogates",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "union_tag_not_found": f"must be one of {', '.join(ACTIVITY_TYPES)}",
    "union_tag_invalid": f"must be one of {', '.join(ACTIVITY_TYPES)}",
}
"""What pydantic's own errors are called here."""


def _write_record(record: Event | Activity) -> dict[str, object]:
    written: dict[str, object] = {"type": type(record).__name__}
    for name, value in zip(LEAVES[type(record)], record, strict=True):
        if value is not None:
            written[name] = _write_value(name, value)
        elif name == "amount" and isinstance(record, CreditGranted):
            written[name] = UNLIMITED
    return written


def _write_value(name: str, value: Any) -> object:
    if name in _AMOUNTS:
        return format_micro(value)
    if name in _INSTANTS:
        return format_instant(value)
    if name == "scope":
        return [{part: text for part, text in selector._asdict().items() if text is not None} for selector in value]
    return _write_record(value) if name == "activity" else value


_AMOUNTS = frozenset({"amount", "unit_cost", "cost"})
_INSTANTS = frozenset({"occurred_at", "recorded_at", "effective_at", "expires_at", "consumed_at", "as_of", "accept_from"})
