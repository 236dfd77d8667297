"""The events of the demo feed, one function each: what happened to whom and when, in the words of docs/ledger.md 1."""

import random
from typing import NamedTuple

from schemas.amounts import MICRO_PER_CREDIT
from schemas.events import (
    MONTHLY,
    ONCE,
    CampaignDefined,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    NameGiven,
    Selector,
)
from schemas.instants import MICROSECONDS_PER_DAY
from streams.demo.activities import Used
from streams.demo.customers import SALON, Customer

_PLAN_PRIORITY = 40
_PACK_PRIORITY = 50
_GOODWILL_PRIORITY = 5
_UNIT_COST_MICRO = {"coins": 1_250_000, "sessions": 42_500_000, "messages": 20_000}
_CURRENCIES = {"coins": "EUR", "sessions": "GBP", "messages": "USD"}
_SCOPES = ((), (), (Selector("USAGE_METER", None),), (Selector("USAGE_METER", "compute-hours"),), (Selector("ADDON", None),))


class Named(NamedTuple):
    """What is called by a name, and the name."""

    organization_id: str
    kind: str
    named_id: str
    name: str


def plan(customer: Customer, number: int, *, at: int, is_unlimited: bool) -> CreditGranted:
    """Make the plan that gives a customer credits every month from now on."""
    unit_cost_micro = None if is_unlimited else _UNIT_COST_MICRO.get(customer.credit_type)
    return CreditGranted(
        event_id=f"plan-{number}",
        organization_id=customer.organization_id,
        customer_id=customer.customer_id,
        occurred_at=at,
        recorded_at=at,
        actor="billing",
        grant_id=f"plan-of-{customer.customer_id}",
        credit_type=customer.credit_type,
        name="Unlimited plan" if is_unlimited else "Monthly plan",
        cadence=MONTHLY,
        amount_micro=None if is_unlimited else customer.monthly_micro,
        priority=_PLAN_PRIORITY,
        effective_at=at,
        expires_at=None,
        scope=(),
        unit_cost_micro=unit_cost_micro,
        currency=None if unit_cost_micro is None else _CURRENCIES[customer.credit_type],
    )


def pack(chance: random.Random, customer: Customer, number: int, *, at: int) -> CreditGranted:
    """Make a pack that a customer buys: less than its plan gives a month, for some months or for ever."""
    days = chance.choice((None, 45, 90, 150))
    return CreditGranted(
        event_id=f"pack-{number}",
        organization_id=customer.organization_id,
        customer_id=customer.customer_id,
        occurred_at=at,
        recorded_at=at,
        actor="shop",
        grant_id=f"pack-{number}",
        credit_type=customer.credit_type,
        name="Promotion" if customer.credit_type == "usd" else "Pack",
        cadence=ONCE,
        amount_micro=_part_of(customer.monthly_micro, percent=chance.randrange(10, 35)),
        priority=_PACK_PRIORITY,
        effective_at=at,
        expires_at=None if days is None else at + days * MICROSECONDS_PER_DAY,
        scope=chance.choice(_SCOPES) if customer.credit_type == "usd" else (),
        unit_cost_micro=None,
        currency=None,
    )


def goodwill(chance: random.Random, customer: Customer, number: int, *, at: int, effective_from: int) -> CreditGranted:
    """Make a grant of today that is valid from some days ago on, but not from before `effective_from`."""
    effective_at = max(effective_from, at - chance.randrange(5, 21) * MICROSECONDS_PER_DAY)
    return pack(chance, customer, number, at=at)._replace(
        actor="support",
        name="Goodwill",
        priority=_GOODWILL_PRIORITY,
        effective_at=effective_at,
        expires_at=at + 30 * MICROSECONDS_PER_DAY,
    )


def consumption(customer: Customer, used: Used, number: int, *, occurred_at: int, recorded_at: int) -> CreditConsumed:
    """Make a use of credits."""
    return CreditConsumed(
        event_id=f"use-{number}",
        organization_id=customer.organization_id,
        customer_id=customer.customer_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        actor=None,
        credit_type=customer.credit_type,
        amount_micro=used.amount_micro,
        activity=used.activity,
        cost_micro=None,
        currency=None,
    )


def reversal(use: CreditConsumed, number: int, *, amount_micro: int | None, at: int) -> ConsumptionReversed:
    """Make a reversal of a use, of an amount or of all of it (None)."""
    return ConsumptionReversed(
        event_id=f"reversal-{number}",
        organization_id=use.organization_id,
        customer_id=use.customer_id,
        occurred_at=at,
        recorded_at=at,
        actor="support",
        consumption_event_id=use.event_id,
        consumed_at=use.occurred_at,
        amount_micro=amount_micro,
        reason="cancelled",
    )


def void(grant: CreditGranted, number: int, *, occurred_at: int, recorded_at: int) -> CreditVoided:
    """Make the void of a grant."""
    return CreditVoided(
        event_id=f"void-{number}",
        organization_id=grant.organization_id,
        customer_id=grant.customer_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        actor="billing",
        grant_id=grant.grant_id,
        reason="paid back",
    )


def name(named: Named, number: int, *, at: int) -> NameGiven:
    """Say what somebody or something is called."""
    return NameGiven(
        event_id=f"name-{number}",
        organization_id=named.organization_id,
        occurred_at=at,
        recorded_at=at,
        actor=None,
        kind=named.kind,
        named_id=named.named_id,
        name=named.name,
    )


def campaign(campaign_id: str, number: int, *, status: str, at: int) -> CampaignDefined:
    """Define a campaign of the salons."""
    return CampaignDefined(
        event_id=f"campaign-{number}",
        organization_id=SALON,
        occurred_at=at,
        recorded_at=at,
        actor=None,
        campaign_id=campaign_id,
        name=campaign_id.replace("-", " ").capitalize(),
        campaign_type="ALWAYS_ON",
        created_from="ORGANIZATION",
        created_from_id=None,
        targeted=5_000,
        channel="EMAIL",
        credit_source="PLAN",
        status=status,
    )


def _part_of(amount_micro: int, *, percent: int) -> int:
    """Give a part of an amount, in whole credits and at least one."""
    return max(1, amount_micro * percent // (100 * MICRO_PER_CREDIT)) * MICRO_PER_CREDIT
