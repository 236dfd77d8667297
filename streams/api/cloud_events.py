"""Events in CloudEvents 1.0: the envelope is held against the event inside, and gives what that leaves out (docs/http.md).

`type` is the event's name, `data` its JSON form. `id` and `time` are `event_id` and `occurred_at`: where the event says them
too, they must agree. `source` must be there and, as what else an envelope may say, is not kept.
"""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

from schemas.instants import parse_instant
from schemas.refusals import Reason, Refusal

SPEC_VERSION = "1.0"
_PREFIX = "ce-"
_FILLED_IN = {"type": "type", "id": "event_id", "time": "occurred_at"}
"""The attributes of an envelope that are fields of the event."""


def is_binary(headers: Mapping[str, str]) -> bool:
    """Tell whether a request is a CloudEvent in binary mode: the envelope in its headers, the event in its body."""
    return f"{_PREFIX}specversion" in headers


def envelope_of(headers: Mapping[str, str], data: object) -> dict[str, object]:
    """Give the envelope of a CloudEvent in binary mode."""
    attributes = {
        name.lower().removeprefix(_PREFIX): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith(_PREFIX)
    }
    return {**attributes, "data": data}


def unwrap(envelope: object) -> dict[str, object] | Refusal:
    """Give the JSON form of the event in an envelope, or why there is none; raises nothing for any JSON values."""
    if not isinstance(envelope, dict):
        return _invalid(None, "must be a CloudEvent, which is a JSON object")
    fault = _fault_of_envelope(envelope)
    if fault is not None:
        return fault
    event: dict[str, object] = dict(cast(Mapping[str, Any], envelope["data"]))
    for attribute, field in _FILLED_IN.items():
        said, inside = envelope.get(attribute), event.get(field)
        if said is None:
            continue
        if inside is None:
            event[field] = said
        elif not _agree(attribute, said, inside):
            return _invalid(field, f"must be what the envelope's {attribute} says, or left out")
    return event


def _fault_of_envelope(envelope: Mapping[str, object]) -> Refusal | None:
    if envelope.get("specversion") != SPEC_VERSION:
        return _invalid("specversion", f"must be {SPEC_VERSION!r}")
    for attribute in ("id", "source", "type"):
        if not isinstance(envelope.get(attribute), str) or not envelope[attribute]:
            return _invalid(attribute, "is required of a CloudEvent, and must be a text that is not empty")
    time = envelope.get("time")
    if time is not None and (not isinstance(time, str) or parse_instant(time) is None):
        return _invalid("time", "must be an RFC 3339 instant with an offset and at most 6 digits of a second")
    if not isinstance(envelope.get("data"), dict):
        return _invalid("data", "must be the event as a JSON object")
    return None


def _agree(attribute: str, said: object, inside: object) -> bool:
    if attribute == "time":
        return isinstance(inside, str) and parse_instant(inside) == parse_instant(cast(str, said))
    return said == inside


def _invalid(field: str | None, detail: str) -> Refusal:
    return Refusal(Reason.INVALID, field, detail)
