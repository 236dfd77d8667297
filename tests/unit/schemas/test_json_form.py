"""Events in their JSON form: what is at fault is named, the same fault as on the wire (docs/ledger.md 1.12, 8.4)."""

import json

import pytest

from schemas.events import Booking, CreditConsumed, CreditGranted, NameGiven, Selector, TimeAdvanced
from schemas.instants import parse_instant
from schemas.json_form import read_object, write_object
from schemas.refusals import Reason, Refusal

T = "2026-03-01T10:00:00Z"
COMMON = {"event_id": "e1", "organization_id": "o1", "customer_id": "c1", "occurred_at": T}
GRANT = {
    "type": "CreditGranted",
    **COMMON,
    "grant_id": "g1",
    "credit_type": "coins",
    "name": "n",
    "cadence": "ONCE",
    "amount": "10",
}
CONSUMPTION = {
    "type": "CreditConsumed",
    **COMMON,
    "credit_type": "coins",
    "amount": "4",
    "activity": {"type": "Booking", "booking_id": "b1"},
}
REVERSAL = {"type": "ConsumptionReversed", **COMMON, "consumption_event_id": "e0", "consumed_at": T}
CAMPAIGN = {
    **{name: value for name, value in COMMON.items() if name != "customer_id"},
    "type": "CampaignDefined",
    "campaign_id": "k1",
    "name": "n",
    "campaign_type": "SCHEDULED",
    "created_from": "CENTER",
    "targeted": 5,
    "channel": "SMS",
    "credit_source": "plan",
    "status": "LIVE",
}
SESSION = {"type": "Session", "session_id": "s1", "staff": "a", "client": "b", "program": "c", "minutes": 5}


def without(fields, name):
    return {other: value for other, value in fields.items() if other != name}


def with_activity(**fields):
    return {**CONSUMPTION, "activity": {**CONSUMPTION["activity"], **fields}}


def test_what_is_left_out_is_filled_in():
    """recorded_at and effective_at are occurred_at, priority is 50, the scope is everything."""
    event = read_object(GRANT)
    at = parse_instant(T)
    assert event == CreditGranted(
        "e1", "o1", "c1", at, at, None, "g1", "coins", "n", "ONCE", 10_000_000, 50, at, None, (), None, None
    )


@pytest.mark.parametrize(
    "name", ["recorded_at", "actor", "priority", "effective_at", "expires_at", "scope", "unit_cost", "currency"]
)
def test_null_stands_for_what_is_left_out(name):
    """A field that may be left out may be null, and means the same."""
    assert read_object({**GRANT, name: None}) == read_object(GRANT)


def test_a_scope_is_a_set():
    """Order and repeats of its entries mean nothing, and null is an item that is left out."""
    entries = [{"kind": "LICENSE"}, {"kind": "ADDON", "item": "b"}, {"kind": "ADDON", "item": None}, {"kind": "ADDON"}]
    scope = (Selector("ADDON", None), Selector("ADDON", "b"), Selector("LICENSE", None))
    assert read_object({**GRANT, "scope": entries}).scope == scope


def test_unlimited_is_a_word():
    """A grant without limit says so; it cannot be left out."""
    assert read_object({**GRANT, "amount": "unlimited"}).amount_micro is None


def test_a_reversal_without_amount_takes_all():
    """Nothing and null mean all that is left."""
    assert read_object(REVERSAL).amount_micro is None
    assert read_object({**REVERSAL, "amount": None}).amount_micro is None


@pytest.mark.parametrize(
    ("fields", "field", "detail"),
    [
        # the type first
        (without(GRANT, "type"), "type", "must be one of CreditGranted"),
        ({**GRANT, "type": None}, "type", "must be one of"),
        ({**GRANT, "type": 5, "foo": 1}, "type", "must be one of"),
        ({**GRANT, "type": ["CreditGranted"]}, "type", "must be one of"),
        ({**GRANT, "type": "creditgranted"}, "type", "must be one of"),
        # then unknown fields, wherever they stand, the least name first
        ({**GRANT, "event_id": "", "foo": None}, "foo", "is an unknown field"),
        ({**GRANT, "zoo": 1, "foo": 1}, "foo", "is an unknown field"),
        ({**CAMPAIGN, "customer_id": "c1"}, "customer_id", "is an unknown field"),
        ({**with_activity(foo=1), "event_id": ""}, "activity.foo", "is an unknown field"),
        ({**with_activity(foo=1), "zoo": 1}, "zoo", "is an unknown field"),
        ({**GRANT, "scope": [{"kind": "ADDON", "foo": 1}], "name": ""}, "scope", "foo is an unknown field"),
        ({**GRANT, "activity": {}}, "activity", "is an unknown field"),
        ({**GRANT, "\ud800": 1}, "\\ud800", "is an unknown field"),
        ({**GRANT, "x" * 300: 1}, "x" * 256 + "…", "is an unknown field"),
        # then in the order of the fields
        (without(without(GRANT, "name"), "event_id"), "event_id", "is required"),
        ({**GRANT, "event_id": None}, "event_id", "is required"),
        ({**GRANT, "event_id": 7}, "event_id", "must be a text"),
        ({**GRANT, "event_id": "a|b", "customer_id": ""}, "event_id", "must not contain"),
        ({**GRANT, "event_id": "\ud800"}, "event_id", "lone surrogates"),
        (without(GRANT, "occurred_at"), "occurred_at", "is required"),
        ({**GRANT, "occurred_at": "2026-03-01T10:00:00"}, "occurred_at", "must be an RFC 3339 instant"),
        ({**GRANT, "occurred_at": 1}, "occurred_at", "must be an RFC 3339 instant"),
        ({**GRANT, "occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at", "must lie from 1970"),
        ({**GRANT, "recorded_at": "soon", "grant_id": ""}, "recorded_at", "must be an RFC 3339 instant"),
        ({**GRANT, "actor": "a" * 257}, "actor", "at most 256"),
        ({**GRANT, "cadence": "WEEKLY"}, "cadence", "must be one of ONCE, MONTHLY"),
        (without(GRANT, "amount"), "amount", "is required"),
        ({**GRANT, "amount": None}, "amount", "is required"),
        ({**GRANT, "amount": 10}, "amount", "must be a decimal string"),
        ({**GRANT, "amount": 1.5}, "amount", "must be a decimal string"),
        ({**GRANT, "amount": "1e3"}, "amount", "must be a decimal string"),
        ({**GRANT, "amount": "-1"}, "amount", "must be a decimal string"),
        ({**GRANT, "amount": "0.0000001"}, "amount", "must be a decimal string"),
        ({**GRANT, "amount": "Unlimited"}, "amount", "must be a decimal string"),
        ({**GRANT, "amount": "0"}, "amount", "must be above 0"),
        ({**GRANT, "amount": "1000000000000"}, "amount", "must be above 0 and below 10^12"),
        ({**CONSUMPTION, "amount": "unlimited"}, "amount", "must be a decimal string"),
        ({**REVERSAL, "amount": "unlimited"}, "amount", "must be a decimal string"),
        ({**GRANT, "priority": "5"}, "priority", "must be a whole number"),
        ({**GRANT, "priority": 5.0}, "priority", "must be a whole number"),
        ({**GRANT, "priority": True}, "priority", "must be a whole number"),
        ({**GRANT, "priority": 101}, "priority", "must be a whole number from 1 to 100"),
        ({**GRANT, "priority": 10**40}, "priority", "must be a whole number from 1 to 100"),
        ({**GRANT, "expires_at": T}, "expires_at", "must lie after effective_at"),
        ({**GRANT, "expires_at": T, "scope": 5}, "expires_at", "must lie after effective_at"),
        ({**GRANT, "scope": "ADDON"}, "scope", "must be a list"),
        ({**GRANT, "scope": ["ADDON"]}, "scope", "must be an object"),
        ({**GRANT, "scope": [{}]}, "scope", "kind is required"),
        ({**GRANT, "scope": [{"kind": "addon"}]}, "scope", "kind must be one of"),
        ({**GRANT, "scope": [{"kind": "ADDON", "item": ""}]}, "scope", "item must not be empty"),
        ({**GRANT, "unit_cost": "1"}, "currency", "is required where money is given"),
        ({**GRANT, "currency": "EUR"}, "unit_cost", "is required where a currency is given"),
        ({**GRANT, "unit_cost": "1", "currency": "eur"}, "currency", "must be three capital letters"),
        ({**CAMPAIGN, "targeted": -1}, "targeted", "must be a whole number of 0 or more"),
        ({**CAMPAIGN, "targeted": "5"}, "targeted", "must be a whole number"),
        # and in the activity in its own order
        (without(CONSUMPTION, "activity"), "activity", "is required"),
        ({**CONSUMPTION, "activity": "Booking"}, "activity", "must be an object"),
        ({**CONSUMPTION, "activity": {}}, "activity.type", "must be one of Booking"),
        ({**CONSUMPTION, "activity": {"type": None}}, "activity.type", "must be one of Booking"),
        ({**CONSUMPTION, "activity": {"type": "booking"}}, "activity.type", "must be one of Booking"),
        ({**CONSUMPTION, "activity": {"type": ["Booking"]}}, "activity.type", "must be one of Booking"),
        ({**CONSUMPTION, "activity": {"type": {}}, "cost": 1}, "activity.type", "must be one of Booking"),
        (with_activity(booking_id=None), "activity.booking_id", "is required"),
        (with_activity(member_id=""), "activity.member_id", "must have 1 to 128 characters"),
        ({**CONSUMPTION, "activity": {**SESSION, "staff": "", "minutes": -1}}, "activity.staff", "must not be empty"),
        ({**CONSUMPTION, "activity": {**SESSION, "minutes": 1.5}}, "activity.minutes", "must be a whole number"),
        ({"type": "TimeAdvanced"}, "as_of", "is required"),
        ({"type": "TimeAdvanced", "as_of": T, "accept_from": "2026-01-01T00:00:00Z"}, "accept_from", "at least 62 days before"),
        ({"type": "TimeAdvanced", "as_of": T, "recorded_at": T}, "recorded_at", "is an unknown field"),
    ],
)
def test_the_first_fault_is_named(fields, field, detail):
    """The unknown field first, then the first in the order of the event's fields, with a sentence."""
    verdict = read_object(fields)
    assert isinstance(verdict, Refusal), verdict
    assert (verdict.reason, verdict.field) == (Reason.INVALID, field)
    assert detail in verdict.detail


def test_recording_is_held_against_the_record():
    """recorded_at, and as_of, lie at most an hour after the record's timestamp, also where recorded_at is filled in."""
    an_hour_before = parse_instant("2026-03-01T09:00:00Z")
    assert isinstance(read_object(GRANT, record_timestamp=an_hour_before), CreditGranted)
    for fields, field in ((GRANT, "recorded_at"), ({"type": "TimeAdvanced", "as_of": T}, "as_of")):
        verdict = read_object(fields, record_timestamp=an_hour_before - 1)
        assert verdict == Refusal(Reason.INVALID, field, "lies more than an hour after the record's timestamp")


def test_a_rule_is_named_before_a_later_fault():
    """The order holds for rules between fields too."""
    late = {**GRANT, "recorded_at": "2026-03-01T12:00:00Z", "grant_id": "", "unit_cost": "1"}
    assert read_object(late, record_timestamp=parse_instant(T)).field == "recorded_at"
    assert read_object(late).field == "grant_id"


def test_the_written_form_is_the_shortest():
    """Amounts without trailing zeros, instants with Z, and nothing of what is not said."""
    at = parse_instant("2026-03-01T11:30:00.250+01:30")
    event = CreditConsumed("e1", "o1", "c1", at, at, None, "coins", 2_500_000, Booking("b1", None, "R"), 0, "EUR")
    assert json.dumps(write_object(event)) == json.dumps(
        {
            "type": "CreditConsumed",
            **COMMON,
            "occurred_at": "2026-03-01T10:00:00.25Z",
            "recorded_at": "2026-03-01T10:00:00.25Z",
            "credit_type": "coins",
            "amount": "2.5",
            "activity": {"type": "Booking", "booking_id": "b1", "resource": "R"},
            "cost": "0",
            "currency": "EUR",
        }
    )


def test_all_that_is_said_is_written():
    """An unlimited amount and a scope are there, and an event without optional fields is short."""
    event = read_object({**GRANT, "amount": "unlimited", "scope": [{"kind": "ADDON"}, {"kind": "ADDON", "item": "b"}]})
    written = write_object(event)
    assert written["amount"] == "unlimited"
    assert written["scope"] == [{"kind": "ADDON"}, {"kind": "ADDON", "item": "b"}]
    assert write_object(TimeAdvanced(0, None)) == {"type": "TimeAdvanced", "as_of": "1970-01-01T00:00:00Z"}
    assert list(write_object(NameGiven("n", "o", 0, 0, None, "ZONE", "z", "n"))) == [
        "type",
        "event_id",
        "organization_id",
        "occurred_at",
        "recorded_at",
        "kind",
        "named_id",
        "name",
    ]
