"""What the credits of the demo feed are used for, by credit type: an amount, and the activity that took it."""

import random
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from schemas.amounts import MICRO_PER_CREDIT
from schemas.events import CHANNELS, LINE_KINDS, Activity, Booking, CampaignSend, DailyTopUp, LineItem, Session
from streams.demo.customers import CAMPAIGNS, CENTERS, SALON, Customer

_UNDEFINED_CAMPAIGN = "flash-sale"
_STAFF = ("Ada Lind", "Ben Okafor", "Carla Ruiz", "Dev Mehta")
_ITEMS = {"USAGE_METER": "compute-hours", "ADDON": "support", "FIXED_FEE": "platform", "LICENSE": "seats"}
_SENT_A_CREDIT = {"EMAIL": 10, "SMS": 1, "WHATSAPP": 2}
_MINUTES = (30, 45, 60, 90, 120)


class Used(NamedTuple):
    """What a use took, in micro-credits, and what it was."""

    amount_micro: int
    activity: Activity


def use_of(chance: random.Random, customer: Customer, number: int) -> Used:
    """Draw a use of a customer's credits; `number` makes the ids that belong to it."""
    return _USES[customer.credit_type](chance, customer, number)


def _booking(chance: random.Random, customer: Customer, number: int) -> Used:
    activity = Booking(f"booking-{number}", f"{customer.customer_id}-{chance.randrange(5)}", f"Room {chance.randrange(1, 9)}")
    return Used(chance.randrange(2, 15) * MICRO_PER_CREDIT // 2, activity)


def _desk(chance: random.Random, customer: Customer, number: int) -> Used:
    activity = Booking(f"booking-{number}", f"{customer.customer_id}-{chance.randrange(5)}", "Open space")
    return Used(chance.randrange(2, 19) * MICRO_PER_CREDIT // 4, activity)


def _send(chance: random.Random, _customer: Customer, _number: int) -> Used:
    campaign_id = _UNDEFINED_CAMPAIGN if chance.random() < 0.03 else chance.choice(CAMPAIGNS)
    channel = chance.choice(CHANNELS)
    processed = chance.randrange(4, 31) * 10
    source = chance.choice(("PLAN", "PLAN", "PURCHASED"))
    activity = CampaignSend(campaign_id, chance.choice(CENTERS[SALON]), channel, source, processed)
    return Used(processed * MICRO_PER_CREDIT // _SENT_A_CREDIT[channel], activity)


def _session(chance: random.Random, customer: Customer, number: int) -> Used:
    minutes = chance.choice(_MINUTES)
    client = f"{customer.name}, client {chance.randrange(1, 20)}"
    activity = Session(f"session-{number}", chance.choice(_STAFF), client, "Speech therapy", minutes)
    return Used(minutes * MICRO_PER_CREDIT // 60, activity)


def _top_up(chance: random.Random, customer: Customer, _number: int) -> Used:
    device = chance.randrange(1, 20)
    client = f"{customer.name}, client {device}"
    return Used(MICRO_PER_CREDIT, DailyTopUp(f"device-{device}", chance.choice(_STAFF), client, "Hearing aids"))


def _line(chance: random.Random, customer: Customer, number: int) -> Used:
    [kind] = chance.choices(LINE_KINDS, weights=(6, 2, 1, 1))
    activity = LineItem(f"invoice-{customer.customer_id}-{number // 1_000}", f"line-{number}", kind, _ITEMS[kind])
    return Used(chance.randrange(100, 4_901) * MICRO_PER_CREDIT // 100, activity)


_USES: MappingProxyType[str, Callable[[random.Random, Customer, int], Used]] = MappingProxyType(
    {"coins": _booking, "hours": _desk, "messages": _send, "sessions": _session, "topups": _top_up, "usd": _line}
)
