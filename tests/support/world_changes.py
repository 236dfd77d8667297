"""What goes wrong on the way of a generated event: copies, contradictions, faults, and bytes that say nothing."""

from random import Random
from typing import Any

from schemas import codec, topics
from schemas.amounts import AMOUNT_LIMIT_MICRO
from schemas.events import (
    CampaignSend,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
    DailyTopUp,
    LineItem,
    Other,
    Session,
)
from schemas.instants import INSTANT_LIMIT, MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MILLISECOND
from schemas.records import RawRecord

EARLINESS_MAX = 400 * MICROSECONDS_PER_DAY


def copy_of(random: Random, event: Any, instants: list[int]) -> CustomerEvent:
    """Give a second delivery of an event; what it may differ in is no part of its content."""
    changed = random.choice(("nothing", "recorded_at", "event_id"))
    if changed == "recorded_at":
        return event._replace(recorded_at=random.choice(instants))
    if changed == "event_id" and isinstance(event, CreditGranted):
        return event._replace(event_id=event.event_id + "-again")
    return event


def contradiction_of(random: Random, event: CustomerEvent, instants: list[int]) -> CustomerEvent:
    """Give an event of the same identity that says something else; an event of a later instant may be new once more."""
    occurred_at = random.choice(instants)
    again = {"occurred_at": occurred_at, "recorded_at": occurred_at}
    match event:
        case CreditGranted():
            bigger = event._replace(amount_micro=(event.amount_micro or 0) // 2 + 1_000_001)
            renamed = event._replace(name="Another name")
            return random.choice((bigger, renamed, event._replace(scope=()), event._replace(**again)))
        case CreditVoided():
            return random.choice((event._replace(**again), event._replace(grant_id="g0"), event._replace(reason="moved")))
        case CreditConsumed():
            smaller = event._replace(amount_micro=event.amount_micro // 2 + 1)
            other = event._replace(activity=_same_words(event.activity))
            return random.choice((other, smaller, event._replace(**again), _reversal_with_its_id(event, occurred_at)))
        case _:
            return random.choice((event._replace(amount_micro=1_000_000), event._replace(**again)))


def _same_words(activity: Any) -> Any:
    """Give an activity of another type that holds the same words where there is one."""
    match activity:
        case DailyTopUp(device_id, staff, client, program) if client in {"ADDON", "USAGE_METER"}:
            return LineItem(device_id, staff, client, program)
        case LineItem(invoice_id, line_id, kind, item):
            return DailyTopUp(invoice_id, line_id, kind, item)
        case Session(session_id, staff, client, program, minutes) if client == "SMS":
            return CampaignSend(session_id, staff, client, program, minutes)
        case CampaignSend():
            return Session(*activity)
        case _:
            return Other("something else")


def _reversal_with_its_id(event: CreditConsumed, occurred_at: int) -> ConsumptionReversed:
    customer = (event.organization_id, event.customer_id)
    return ConsumptionReversed(
        *(event.event_id, *customer, occurred_at, occurred_at, None), event.event_id, event.occurred_at, None, None
    )


def invalid_of(random: Random, event: Any, timestamp: int) -> CustomerEvent:
    """Give an event with one fault or two."""
    faults: list[dict[str, Any]] = [
        {"recorded_at": timestamp + MICROSECONDS_PER_HOUR + 1},
        {"event_id": "a|b"},
        {"occurred_at": INSTANT_LIMIT},
    ]
    match event:
        case CreditGranted():
            faults += [{"priority": 101}, {"expires_at": event.effective_at}, {"amount_micro": 0}, {"currency": "eur"}]
        case CreditConsumed():
            faults += [{"amount_micro": AMOUNT_LIMIT_MICRO}, {"activity": Other("")}, {"cost_micro": 1, "currency": None}]
        case CreditVoided():
            faults += [{"grant_id": ""}]
        case _:
            faults += [{"amount_micro": -1}, {"consumed_at": -1}]
    return event._replace(**(random.choice(faults) | random.choice((random.choice(faults), {}))))


def undecodable_of(random: Random, raw: RawRecord) -> RawRecord:
    """Give a record whose bytes no shipped schema can read."""
    value = raw.value or b""
    return raw._replace(value=random.choice((value[:-1], value + b"\x00", b"\x00\x00\x00\x00\x07" + value, None)))


def early_of(event: Any, raw: RawRecord) -> RawRecord:
    """Give the record as if it had come more than 400 days before its event occurred."""
    too_soon = (event.occurred_at - EARLINESS_MAX - 1) // MICROSECONDS_PER_MILLISECOND * MICROSECONDS_PER_MILLISECOND
    return raw._replace(timestamp=too_soon, value=codec.encode(event._replace(recorded_at=too_soon)))


def just_in_time(event: Any, raw: RawRecord) -> RawRecord:
    """Give the record as if it had come 400 days before its event occurred, or a moment less."""
    soonest = -(-(event.occurred_at - EARLINESS_MAX) // MICROSECONDS_PER_MILLISECOND) * MICROSECONDS_PER_MILLISECOND
    return raw._replace(timestamp=soonest, value=codec.encode(event._replace(recorded_at=soonest)))


def wrong_key_of(random: Random, raw: RawRecord) -> RawRecord:
    """Give the record under a key that its content does not demand, or with a header that says no place."""
    if random.choice((False, False, True)):
        return raw._replace(headers=((topics.HOP_HEADER, b"somewhere"),))
    return raw._replace(key=random.choice((b"o1|c9", None, (raw.key or b"") + b" ")))
