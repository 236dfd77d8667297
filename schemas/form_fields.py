"""What the JSON forms of events are made of: the shapes that fields have, and how forms call the checks (docs/ledger.md 1.12).

A form says what shape a field has in JSON: a text, a whole number, an RFC 3339 instant, a decimal string. What a field may
say is checked by the leaves and rules of `schemas.checks`, the same that the events of the wire pass. An error of pydantic
that is not its own has a `sentence` in its context, and a `field` where a rule names another field than the one it stands at.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas import events
from schemas.amounts import LONGEST_TEXT, UNLIMITED, parse_amount
from schemas.checks import LEAVES, RULES_BETWEEN_FIELDS, TEXT_CHARACTERS_MAX
from schemas.instants import parse_instant


def shown(name: str) -> str:
    """Make a field's name that came from outside fit to be named: without lone surrogates, and not without end."""
    safe = name.encode("utf-8", "backslashreplace").decode()
    return safe if len(safe) <= TEXT_CHARACTERS_MAX else f"{safe[:TEXT_CHARACTERS_MAX]}…"


def _shape_error(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("shape", "{sentence}", {"sentence": sentence})


def _fault(*, field: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError("fault", "{sentence}", {"field": field, "sentence": sentence})


def _read_instant(value: object) -> int:
    instant = parse_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise _shape_error("must be an RFC 3339 instant with an offset and at most 6 digits of a second")
    return instant


def _read_amount(value: object) -> int:
    amount_micro = parse_amount(value) if isinstance(value, str) else None
    if amount_micro is None:
        raise _shape_error('must be a decimal string such as "12.5", with at most 6 digits after the point')
    return amount_micro


def _read_amount_or_unlimited(value: object) -> int | None:
    return None if value == UNLIMITED else _read_amount(value)


_DECIMAL = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$", "maxLength": LONGEST_TEXT}

Instant = Annotated[int, BeforeValidator(_read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Amount = Annotated[int, BeforeValidator(_read_amount), WithJsonSchema(_DECIMAL)]
AmountOrUnlimited = Annotated[
    int | None, BeforeValidator(_read_amount_or_unlimited), WithJsonSchema({"anyOf": [{"const": UNLIMITED}, _DECIMAL]})
]


class Form(BaseModel):
    """A JSON object of fixed fields; null stands for a field that is left out."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_nulls_out(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        return {shown(name): value for name, value in fields.items() if value is not None or name not in cls.model_fields}


class SelectorForm(Form):
    """An entry of a grant's scope; its content is checked with the whole scope."""

    kind: str
    item: str | None = None


def _make_scope(selectors: list[SelectorForm]) -> tuple[events.Selector, ...]:
    return events.sorted_scope(events.Selector(selector.kind, selector.item) for selector in selectors)


Scope = Annotated[list[SelectorForm], AfterValidator(_make_scope)]


class RecordForm(Form):
    """The form of a record of `schemas.events`: every field passes the record's leaf, then the rule that stands at it."""

    record_type: ClassVar[type[Any]]
    type: str

    @field_validator("*", mode="after")
    @classmethod
    def _check(cls, value: Any, info: ValidationInfo) -> Any:
        leaf = LEAVES[cls.record_type].get(info.field_name or "")
        sentence = None if leaf is None else leaf(value)
        if sentence is not None:
            raise _fault(field=info.field_name or "", sentence=sentence)
        return value

    def to_record(self) -> Any:
        """Give the record of `schemas.events` that the form says."""
        values = [getattr(self, name) for name in LEAVES[self.record_type]]
        return self.record_type._make(value.to_record() if isinstance(value, RecordForm) else value for value in values)


class EventForm(RecordForm):
    """The form of an event: the rules between its fields hold too, each at its place in the order of the fields.

    An instant that is by default that of the event is filled in. Validation takes the record's timestamp in UTC microseconds
    as its context.
    """

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        occurred_at = fields.get("occurred_at")
        missing = [name for name in _INSTANTS_BY_DEFAULT if name in cls.model_fields and fields.get(name) is None]
        return fields if occurred_at is None else {**fields, **dict.fromkeys(missing, occurred_at)}

    @field_validator("*", mode="after")
    @classmethod
    def _keep_rule(cls, value: Any, info: ValidationInfo) -> Any:
        rule = RULES_BETWEEN_FIELDS[cls.record_type].get(info.field_name or "")
        if rule is None or isinstance(value, RecordForm):  # an activity's form has checked it
            return value
        so_far = cls._fields_so_far(value, info)
        record_timestamp: Any = info.context
        fault = None if so_far is None else rule(so_far, record_timestamp)
        if fault is not None:
            raise _fault(field=fault.field, sentence=fault.detail)
        return value

    @classmethod
    def _fields_so_far(cls, value: Any, info: ValidationInfo) -> SimpleNamespace | None:
        """Give what a rule takes: the event's fields up to this one; None where an earlier one is at fault."""
        so_far = SimpleNamespace()
        for name, attribute in zip(LEAVES[cls.record_type], cls.record_type._fields, strict=True):
            if name == info.field_name:
                setattr(so_far, attribute, value)
                return so_far
            if name not in info.data:
                return None
            setattr(so_far, attribute, info.data[name])
        return so_far


_INSTANTS_BY_DEFAULT = ("recorded_at", "effective_at")
"""The instants that are `occurred_at` where they are left out."""
