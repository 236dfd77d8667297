"""One set of fields: records, leaves, schemas and forms name the same ones in the same order (docs/ledger.md 1.4, 8.4)."""

import typing

import pytest

from schemas import events
from schemas.checks import LEAVES, RULES_BETWEEN_FIELDS
from schemas.events import ACTIVITY_TYPES, EVENT_TYPES
from schemas.forms import EVENT_FORMS, ActivityForm
from schemas.shipped import shipped_schemas

ACTIVITY_FORMS = {form.record_type.__name__: form for form in typing.get_args(typing.get_args(ActivityForm)[0])}
RECORD_TYPES = [*EVENT_TYPES.values(), *ACTIVITY_TYPES.values()]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_leaves_stand_in_the_order_of_the_fields(record_type):
    """A leaf's name is the field's without the unit of the record's."""
    assert list(LEAVES[record_type]) == [field.removesuffix("_micro") for field in record_type._fields]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_forms_stand_in_the_order_of_the_fields(record_type):
    """Pydantic names faults in the order of a form's fields, so that it must be the record's."""
    form = {**EVENT_FORMS, **ACTIVITY_FORMS}[record_type.__name__]
    assert list(form.model_fields) == ["type", *LEAVES[record_type]]


def test_schemas_stand_in_the_order_of_the_fields():
    """The newest schema of an event has its fields, and the union of activities theirs."""
    newest = {schema.subject: schema.content for schema in shipped_schemas()}
    for name, schema in newest.items():
        assert [field["name"] for field in schema["fields"]] == list(LEAVES[EVENT_TYPES[name]])
    activities = next(field["type"] for field in newest["CreditConsumed"]["fields"] if field["name"] == "activity")
    fields = {activity["name"]: [field["name"] for field in activity["fields"]] for activity in activities}
    assert fields == {name: list(LEAVES[activity]) for name, activity in ACTIVITY_TYPES.items()}


def test_enums_hold_the_words():
    """A word that the checks allow can be written, and no other."""

    def symbols(schema, found):
        if isinstance(schema, list):
            for part in schema:
                symbols(part, found)
        elif isinstance(schema, dict):
            if schema.get("type") == "enum":
                found.append(tuple(schema["symbols"]))
            for part in ("type", "items"):
                symbols(schema.get(part), found)
            for field in schema.get("fields", []):
                symbols(field["type"], found)
        return found

    words = {found for schema in shipped_schemas() for found in symbols(schema.content, [])}
    assert words == {
        events.CADENCES,
        events.CHANNELS,
        events.LINE_KINDS,
        events.CAMPAIGN_TYPES,
        events.CREATED_FROM,
        events.CAMPAIGN_STATUSES,
        events.NAMED_KINDS,
    }


def test_rules_stand_at_fields():
    """Every rule between fields stands at a field of its event."""
    assert set(RULES_BETWEEN_FIELDS) == set(EVENT_TYPES.values())
    for event_type, rules in RULES_BETWEEN_FIELDS.items():
        assert set(rules) <= set(LEAVES[event_type])
