"""Events in CloudEvents: what the envelope gives, and where it contradicts the event."""

import pytest

from schemas.refusals import Reason, Refusal
from streams.api.cloud_events import envelope_of, is_binary, unwrap

NOON = "2026-05-15T12:00:00Z"
ENVELOPE = {"specversion": "1.0", "id": "v1", "source": "/contracts", "type": "CreditVoided", "time": NOON}
INSIDE = {"organization_id": "o1", "customer_id": "c1", "grant_id": "g1"}
WHOLE = {**INSIDE, "type": "CreditVoided", "event_id": "v1", "occurred_at": NOON}


def test_the_envelope_gives_what_the_event_leaves_out():
    """Name, id and instant; what else an envelope says is not kept."""
    assert unwrap({**ENVELOPE, "subject": "x", "traceparent": "y", "data": INSIDE}) == WHOLE
    assert unwrap({**ENVELOPE, "data": WHOLE}) == WHOLE
    without_time = {name: value for name, value in ENVELOPE.items() if name != "time"}
    assert unwrap({**without_time, "data": WHOLE}) == WHOLE
    assert unwrap({**without_time, "time": None, "data": INSIDE}) == {n: v for n, v in WHOLE.items() if n != "occurred_at"}


def test_the_same_instant_in_another_zone_agrees():
    """Instants are compared, not texts; the event keeps its own."""
    inside = {**INSIDE, "occurred_at": "2026-05-15T14:00:00+02:00"}
    assert unwrap({**ENVELOPE, "data": inside})["occurred_at"] == "2026-05-15T14:00:00+02:00"


@pytest.mark.parametrize(
    ("inside", "field"),
    [
        ({"type": "CreditGranted"}, "type"),
        ({"event_id": "v2"}, "event_id"),
        ({"event_id": 1}, "event_id"),
        ({"occurred_at": "2026-05-15T12:00:01Z"}, "occurred_at"),
        ({"occurred_at": 7}, "occurred_at"),
    ],
)
def test_a_contradiction_is_refused(inside, field):
    """Nobody can say which of the two is meant."""
    refusal = unwrap({**ENVELOPE, "data": {**INSIDE, **inside}})
    assert (refusal.reason, refusal.field) == (Reason.INVALID, field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": 1.0}, "specversion"),
        ({"id": ""}, "id"),
        ({"source": None}, "source"),
        ({"type": 3}, "type"),
        ({"time": "noon"}, "time"),
        ({"time": 3}, "time"),
        ({"data": None}, "data"),
        ({"data": "text"}, "data"),
        ({"data": None, "data_base64": "e30="}, "data"),
    ],
)
def test_an_envelope_that_is_none_is_refused(change, field):
    """The sentence is on the first attribute at fault."""
    refusal = unwrap({**ENVELOPE, "data": INSIDE, **change})
    assert isinstance(refusal, Refusal)
    assert refusal.field == field


@pytest.mark.parametrize("content", [None, 3, "text", [], [ENVELOPE]])
def test_what_is_no_object_is_refused(content):
    """Any JSON value may come."""
    assert isinstance(unwrap(content), Refusal)


def test_the_binary_mode_has_its_envelope_in_headers():
    """Header values are percent-encoded, as the HTTP binding of CloudEvents says."""
    headers = {"ce-specversion": "1.0", "Ce-Id": "v%C3%A9%201", "ce-source": "/a", "ce-type": "CreditVoided", "Host": "h"}
    assert is_binary({name.lower(): value for name, value in headers.items()})
    assert not is_binary({"content-type": "application/json"})
    assert unwrap(envelope_of(headers, INSIDE)) == {**INSIDE, "type": "CreditVoided", "event_id": "vé 1"}
