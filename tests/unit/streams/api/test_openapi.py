"""docs/openapi.json: made from the declarations, and its schemas of events say what is accepted."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from schemas.events import TimeAdvanced
from schemas.json_form import read_object, write_object
from schemas.refusals import Refusal
from streams.api.event_schemas import BROUGHT
from streams.api.openapi import document, openapi
from tests.support.strategies import VALID_EVENTS, broken_events, mutations

PAGE = Path(__file__).parents[4] / "docs" / "openapi.json"
EVENTS = VALID_EVENTS.filter(lambda event: not isinstance(event, TimeAdvanced))
NOT_IN_A_SCHEMA = (
    # Instants have a first and a last year, money a greatest amount and, unlike credits, a least of 0.
    *("occurred_at", "recorded_at", "effective_at", "expires_at", "consumed_at", "amount", "cost", "unit_cost"),
    "currency",  # comes with money
)
"""The fields of which a check says more than a schema can."""


@cache
def schema_of(event_type: str) -> Draft202012Validator:
    """Give what tells whether an object is an event of a type, by the page alone."""
    page = openapi()
    return Draft202012Validator({"$ref": f"#/components/schemas/{event_type}", "components": page["components"]})


def test_the_page_is_made_from_the_declarations():
    """Whoever changes a form, a limit or an answer runs `make docs`."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_every_schema_is_one():
    """A misspelt type or keyword of a wrong kind would check nothing."""
    for schema in openapi()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_name_that_is_referred_to_is_there():
    """A reference into the void makes the page useless to a tool."""
    referred = {part.split('"')[0] for part in document().split("#/components/schemas/")[1:]}
    assert referred <= set(openapi()["components"]["schemas"])
    assert set(BROUGHT) <= referred
    assert "TimeAdvanced" not in referred


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_what_the_project_writes_is_by_the_schema(event):
    """Every event, with all that it may say and leave out."""
    schema_of(type(event).__name__).validate(write_object(event))


@given(mutations(EVENTS.map(write_object)))
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_is_by_the_schema(mutation):
    """A client that keeps to the schema is never told that something cannot be said which can."""
    if not isinstance(read_object(mutation.fields), Refusal):
        schema_of(mutation.fields["type"]).validate(mutation.fields)


@given(broken_events().filter(lambda event: not isinstance(event, TimeAdvanced)))
@settings(max_examples=300, deadline=None)
def test_what_is_by_the_schema_is_accepted_but_for_what_no_schema_can_say(event):
    """Limits on ids, texts, counts and words are in the schema, so that a client sees them."""
    try:
        fields = write_object(event)
    except OverflowError:  # an instant that no calendar has cannot be written
        return
    refusal = read_object(fields)
    if isinstance(refusal, Refusal) and refusal.field not in NOT_IN_A_SCHEMA:
        assert not schema_of(type(event).__name__).is_valid(fields), refusal


@pytest.mark.parametrize(("field", "value"), [("event_id", "a|b"), ("priority", 0), ("amount", 5), ("cadence", "DAILY")])
def test_the_schema_has_teeth(field, value):
    """One wrong value, and the object is no event."""
    whole = {
        "type": "CreditGranted", "event_id": "g", "organization_id": "o1", "customer_id": "c1", "grant_id": "g",
        "occurred_at": "2026-03-01T00:00:00Z", "credit_type": "coins", "name": "Gift", "cadence": "ONCE", "amount": "5",
    }  # fmt: skip
    assert schema_of("CreditGranted").is_valid(whole)
    assert not schema_of("CreditGranted").is_valid({**whole, field: value})
