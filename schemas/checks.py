"""The one set of checks that every event passes, whichever way it came in (docs/ledger.md 1 and 3.1).

A leaf check takes one value of the type that `schemas.events` names and gives a sentence saying what is wrong, or None.
`fault_of` runs the leaves of an event in the order of its fields and gives the first fault. The pydantic forms at the edges
call the same leaves.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from schemas import events
from schemas.amounts import AMOUNT_LIMIT_MICRO
from schemas.instants import FIRST_INSTANT, INSTANT_LIMIT, MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR

ID_CHARACTERS_MAX = 128
TEXT_CHARACTERS_MAX = 256
COUNT_LIMIT = 10**12
RECORDING_AHEAD_MAX = MICROSECONDS_PER_HOUR
"""How far `recorded_at` and `as_of` may lie after the record's timestamp."""
ACCEPTANCE_WINDOW = 62 * MICROSECONDS_PER_DAY
"""How far `accept_from` stays behind `as_of` at least."""

_NOT_IN_AN_ID = re.compile(r"[|\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class Fault(NamedTuple):
    """The field at fault (dotted for parts of an activity) and a sentence saying what is wrong."""

    field: str
    detail: str


def check_id(value: str) -> str | None:
    """Ids have 1 to 128 characters, no `|` and no control characters (docs/ledger.md 1.1)."""
    if not 1 <= len(value) <= ID_CHARACTERS_MAX:
        return f"must have 1 to {ID_CHARACTERS_MAX} characters, has {len(value)}"
    if _NOT_IN_AN_ID.search(value):
        return "must not contain '|', control characters or lone surrogates"
    return None


def check_text(value: str) -> str | None:
    """Names and labels that are required have 1 to 256 characters (docs/ledger.md 1.1)."""
    return "must not be empty" if not value else check_note(value)


def check_note(value: str) -> str | None:
    """Texts that may be left out have at most 256 characters and may be empty (docs/ledger.md 1.1)."""
    if len(value) > TEXT_CHARACTERS_MAX:
        return f"must have at most {TEXT_CHARACTERS_MAX} characters, has {len(value)}"
    if value.isascii():
        return None  # by far the most, and told at once
    return "must not contain lone surrogates" if _SURROGATE.search(value) else None


def check_instant(value: int) -> str | None:
    """Instants lie from 1970 up to 2200, exclusive (docs/ledger.md 1.2)."""
    return None if FIRST_INSTANT <= value < INSTANT_LIMIT else "must lie from 1970 up to 2200 (exclusive)"


def check_amount(value: int) -> str | None:
    """Amounts of credits lie above 0 and below 10^12 (docs/ledger.md 1.3)."""
    return None if 0 < value < AMOUNT_LIMIT_MICRO else "must be above 0 and below 10^12"


def check_money(value: int) -> str | None:
    """Money lies from 0 up to 10^12, exclusive (docs/ledger.md 1.3)."""
    return None if 0 <= value < AMOUNT_LIMIT_MICRO else "must be 0 or more and below 10^12"


def check_currency(value: str) -> str | None:
    """A currency is three capital letters (docs/ledger.md 1.5)."""
    return None if _CURRENCY.fullmatch(value) else "must be three capital letters such as EUR"


def check_count(value: int) -> str | None:
    """Counts are whole numbers from 0 up to 10^12, exclusive, so that their sums fit 64 bits (docs/ledger.md 1.3)."""
    return None if 0 <= value < COUNT_LIMIT else "must be a whole number of 0 or more and below 10^12"


def check_priority(value: int) -> str | None:
    """Priorities run from 1 to 100, lower burns first (docs/ledger.md 1.5)."""
    return None if 1 <= value <= 100 else "must be a whole number from 1 to 100"


def check_scope(value: tuple[events.Selector, ...]) -> str | None:
    """A selector is a kind of invoice line, or a kind with an item (docs/ledger.md 4.9)."""
    for selector in value:
        if selector.kind not in events.LINE_KINDS:
            return f"kind must be one of {', '.join(events.LINE_KINDS)}"
        sentence = None if selector.item is None else check_text(selector.item)
        if sentence is not None:
            return f"item {sentence}"
    return None


def one_of(allowed: tuple[str, ...]) -> Callable[[str], str | None]:
    """Make the leaf check of a field that takes one of a few words."""
    sentence = f"must be one of {', '.join(allowed)}"

    def check(value: str) -> str | None:
        return None if value in allowed else sentence

    return check


check_cadence = one_of(events.CADENCES)
check_channel = one_of(events.CHANNELS)
check_line_kind = one_of(events.LINE_KINDS)
check_campaign_type = one_of(events.CAMPAIGN_TYPES)
check_created_from = one_of(events.CREATED_FROM)
check_campaign_status = one_of(events.CAMPAIGN_STATUSES)
check_named_kind = one_of(events.NAMED_KINDS)


def check_expiry(*, effective_at: int, expires_at: int | None) -> str | None:
    """A grant expires after it takes effect, or never (docs/ledger.md 1.5)."""
    return "must lie after effective_at" if expires_at is not None and expires_at <= effective_at else None


def check_money_with_currency(*, money_micro: int | None, currency: str | None) -> str | None:
    """Money and its currency come together; the fault is the missing currency's (docs/ledger.md 1.5)."""
    return "is required where money is given" if money_micro is not None and currency is None else None


def check_currency_with_money(*, money_micro: int | None, currency: str | None) -> str | None:
    """Money and its currency come together; the fault is the missing money's (docs/ledger.md 1.5)."""
    return "is required where a currency is given" if money_micro is None and currency is not None else None


def check_window(*, as_of: int, accept_from: int | None) -> str | None:
    """The instant from which a topic partition accepts stays 62 days behind the clock (docs/ledger.md 2.4)."""
    if accept_from is not None and accept_from > as_of - ACCEPTANCE_WINDOW:
        return "must lie at least 62 days before as_of"
    return None


def check_recording(*, instant: int, record_timestamp: int) -> str | None:
    """Nothing is recorded more than an hour after its record's timestamp (docs/ledger.md 3.1 and 2.4)."""
    return "lies more than an hour after the record's timestamp" if instant - record_timestamp > RECORDING_AHEAD_MAX else None


Leaf = Callable[[Any], str | None]


def _optional(leaf: Leaf) -> Leaf:
    def check(value: object) -> str | None:
        return None if value is None else leaf(value)

    return check


_COMMON: dict[str, Leaf] = {
    "event_id": check_id,
    "organization_id": check_id,
    "customer_id": check_id,
    "occurred_at": check_instant,
    "recorded_at": check_instant,
    "actor": _optional(check_note),
}
_COMMON_OF_MASTER_DATA = {name: leaf for name, leaf in _COMMON.items() if name != "customer_id"}

LEAVES: dict[type, dict[str, Leaf]] = {
    events.Booking: {
        "booking_id": check_id,
        "member_id": _optional(check_id),
        "resource": _optional(check_note),
    },
    events.CampaignSend: {
        "campaign_id": check_id,
        "center_id": check_id,
        "channel": check_channel,
        "credit_source": check_text,
        "processed": check_count,
    },
    events.Session: {
        "session_id": check_id,
        "staff": check_text,
        "client": check_text,
        "program": check_text,
        "minutes": check_count,
    },
    events.DailyTopUp: {
        "device_id": check_id,
        "staff": check_text,
        "client": check_text,
        "program": check_text,
    },
    events.LineItem: {
        "invoice_id": check_id,
        "line_id": check_id,
        "kind": check_line_kind,
        "item": check_text,
    },
    events.Other: {"label": check_text},
    events.CreditGranted: {
        **_COMMON,
        "grant_id": check_id,
        "credit_type": check_text,
        "name": check_text,
        "cadence": check_cadence,
        "amount": _optional(check_amount),
        "priority": check_priority,
        "effective_at": check_instant,
        "expires_at": _optional(check_instant),
        "scope": check_scope,
        "unit_cost": _optional(check_money),
        "currency": _optional(check_currency),
    },
    events.CreditVoided: {**_COMMON, "grant_id": check_id, "reason": _optional(check_note)},
    events.CreditConsumed: {
        **_COMMON,
        "credit_type": check_text,
        "amount": check_amount,
        "activity": lambda _: None,
        "cost": _optional(check_money),
        "currency": _optional(check_currency),
    },
    events.ConsumptionReversed: {
        **_COMMON,
        "consumption_event_id": check_id,
        "consumed_at": check_instant,
        "amount": _optional(check_amount),
        "reason": _optional(check_note),
    },
    events.CampaignDefined: {
        **_COMMON_OF_MASTER_DATA,
        "campaign_id": check_id,
        "name": check_text,
        "campaign_type": check_campaign_type,
        "created_from": check_created_from,
        "created_from_id": _optional(check_id),
        "targeted": check_count,
        "channel": check_channel,
        "credit_source": check_text,
        "status": check_campaign_status,
    },
    events.NameGiven: {**_COMMON_OF_MASTER_DATA, "kind": check_named_kind, "named_id": check_id, "name": check_text},
    events.TimeAdvanced: {"as_of": check_instant, "accept_from": _optional(check_instant)},
}
"""For each record, in the order of its fields: the field's name as users write it, and its leaf check."""


def fault_of(event: events.Event, *, record_timestamp: int) -> Fault | None:
    """Find the first fault of an event in the order of its fields, or None.

    `record_timestamp` is the Kafka record's, in UTC microseconds. An activity's faults are named `activity.<field>`.
    """
    event_type = type(event)
    rules = RULES_BETWEEN_FIELDS[event_type]
    for (field, leaf), value in zip(LEAVES[event_type].items(), event, strict=True):
        sentence = leaf(value)
        if sentence is not None:
            return Fault(field, sentence)
        if field in rules:
            fault = rules[field](event, record_timestamp)
            if fault is not None:
                return fault
    return None


Rule = Callable[[Any, int], Fault | None]


def _recorded_at_rule(event: events.CustomerEvent | events.MasterEvent, record_timestamp: int) -> Fault | None:
    return _fault("recorded_at", check_recording(instant=event.recorded_at, record_timestamp=record_timestamp))


def _as_of_rule(event: events.TimeAdvanced, record_timestamp: int) -> Fault | None:
    return _fault("as_of", check_recording(instant=event.as_of, record_timestamp=record_timestamp))


def _accept_from_rule(event: events.TimeAdvanced, _: int) -> Fault | None:
    return _fault("accept_from", check_window(as_of=event.as_of, accept_from=event.accept_from))


def _expires_at_rule(event: events.CreditGranted, _: int) -> Fault | None:
    return _fault("expires_at", check_expiry(effective_at=event.effective_at, expires_at=event.expires_at))


def _activity_rule(event: events.CreditConsumed, _: int) -> Fault | None:
    for (field, leaf), value in zip(LEAVES[type(event.activity)].items(), event.activity, strict=True):
        sentence = leaf(value)
        if sentence is not None:
            return Fault(f"activity.{field}", sentence)
    return None


def _unit_cost_rule(event: events.CreditGranted, _: int) -> Fault | None:
    return _money_fault("unit_cost", money_micro=event.unit_cost_micro, currency=event.currency)


def _cost_rule(event: events.CreditConsumed, _: int) -> Fault | None:
    return _money_fault("cost", money_micro=event.cost_micro, currency=event.currency)


def _money_fault(field: str, *, money_micro: int | None, currency: str | None) -> Fault | None:
    return _fault(field, check_currency_with_money(money_micro=money_micro, currency=currency)) or _fault(
        "currency", check_money_with_currency(money_micro=money_micro, currency=currency)
    )


def _fault(field: str, sentence: str | None) -> Fault | None:
    return None if sentence is None else Fault(field, sentence)


_RECORDED: dict[str, Rule] = {"recorded_at": _recorded_at_rule}

RULES_BETWEEN_FIELDS: dict[type, dict[str, Rule]] = {
    events.CreditGranted: {**_RECORDED, "expires_at": _expires_at_rule, "currency": _unit_cost_rule},
    events.CreditVoided: _RECORDED,
    events.CreditConsumed: {**_RECORDED, "activity": _activity_rule, "currency": _cost_rule},
    events.ConsumptionReversed: _RECORDED,
    events.CampaignDefined: _RECORDED,
    events.NameGiven: _RECORDED,
    events.TimeAdvanced: {"as_of": _as_of_rule, "accept_from": _accept_from_rule},
}
"""For each type of event: the rules that need more than one field, each after the leaf of the field that it stands at.

A rule takes an event, or anything that has its fields up to that one, and the record's timestamp.
"""
