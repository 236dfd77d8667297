"""The events of the benchmark's feed, one function each, and what its credits are used for."""

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from schemas.amounts import MICRO_PER_CREDIT
from schemas.events import (
    CHANNELS,
    DEFAULT_PRIORITY,
    LINE_KINDS,
    MONTHLY,
    ONCE,
    Activity,
    Booking,
    CampaignDefined,
    CampaignSend,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    LineItem,
    NameGiven,
    Session,
)
from schemas.instants import MICROSECONDS_PER_DAY

if TYPE_CHECKING:
    from bench.feed import Account

_VALID_DAYS = 90


def credit_granted(account: "Account", grant_id: str, *, amount_micro: int, at: int, is_monthly: bool) -> CreditGranted:
    """Make a grant that is valid from now on for 90 days."""
    return CreditGranted(
        event_id=f"event-of-{grant_id}",
        organization_id=account.organization_id,
        customer_id=account.customer_id,
        occurred_at=at,
        recorded_at=at,
        actor="billing",
        grant_id=grant_id,
        credit_type=account.credit_type,
        name="Plan" if is_monthly else "Top-up",
        cadence=MONTHLY if is_monthly else ONCE,
        amount_micro=amount_micro,
        priority=DEFAULT_PRIORITY,
        effective_at=at,
        expires_at=at + _VALID_DAYS * MICROSECONDS_PER_DAY,
        scope=(),
        unit_cost_micro=None,
        currency=None,
    )


def campaign_defined(organization_id: str, number: int, *, at: int) -> CampaignDefined:
    """Make the definition of a campaign."""
    return CampaignDefined(
        event_id=f"event-of-campaign-{number}",
        organization_id=organization_id,
        occurred_at=at,
        recorded_at=at,
        actor=None,
        campaign_id=f"campaign-{number}",
        name=f"Campaign {number}",
        campaign_type="ALWAYS_ON",
        created_from="ORGANIZATION",
        created_from_id=None,
        targeted=1_000,
        channel="EMAIL",
        credit_source="PLAN",
        status="LIVE",
    )


def credit_consumed(
    account: "Account", event_id: str, chance: random.Random, *, occurred_at: int, recorded_at: int
) -> CreditConsumed:
    """Make a consumption of up to 5 credits, by an activity of the kind that the account's credits are for."""
    return CreditConsumed(
        event_id=event_id,
        organization_id=account.organization_id,
        customer_id=account.customer_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        actor=None,
        credit_type=account.credit_type,
        amount_micro=chance.randint(1, 5_000) * MICRO_PER_CREDIT // 1_000,
        activity=_ACTIVITIES[account.credit_type](event_id, chance),
        cost_micro=None,
        currency=None,
    )


def consumption_reversed(consumed: CreditConsumed, event_id: str, *, at: int, is_whole: bool) -> ConsumptionReversed:
    """Make a reversal of a consumption, in whole or by half."""
    return ConsumptionReversed(
        event_id=event_id,
        organization_id=consumed.organization_id,
        customer_id=consumed.customer_id,
        occurred_at=at,
        recorded_at=at,
        actor=None,
        consumption_event_id=consumed.event_id,
        consumed_at=consumed.occurred_at,
        amount_micro=None if is_whole else max(1, consumed.amount_micro // 2),
        reason=None,
    )


def credit_voided(grant: CreditGranted, event_id: str, *, at: int) -> CreditVoided:
    """Make the void of a grant."""
    return CreditVoided(
        event_id=event_id,
        organization_id=grant.organization_id,
        customer_id=grant.customer_id,
        occurred_at=at,
        recorded_at=at,
        actor=None,
        grant_id=grant.grant_id,
        reason=None,
    )


def name_given(account: "Account", event_id: str, *, at: int) -> NameGiven:
    """Make the naming of a customer."""
    return NameGiven(
        event_id=event_id,
        organization_id=account.organization_id,
        occurred_at=at,
        recorded_at=at,
        actor=None,
        kind="CUSTOMER",
        named_id=account.customer_id,
        name=f"Customer {account.customer_id}",
    )


def _booking(activity_id: str, chance: random.Random) -> Activity:
    return Booking(booking_id=activity_id, member_id=f"member-{chance.randrange(50)}", resource=f"room-{chance.randrange(20)}")


def _session(activity_id: str, chance: random.Random) -> Activity:
    client = f"client-{chance.randrange(50)}"
    return Session(session_id=activity_id, staff=f"staff-{chance.randrange(9)}", client=client, program="care", minutes=50)


def _campaign_send(activity_id: str, chance: random.Random) -> Activity:  # noqa: ARG001 - one signature for all activities
    return CampaignSend(
        campaign_id=f"campaign-{chance.randrange(10)}",
        center_id=f"center-{chance.randrange(5)}",
        channel=chance.choice(CHANNELS),
        credit_source="PLAN",
        processed=chance.randint(1, 500),
    )


def _line_item(activity_id: str, chance: random.Random) -> Activity:
    invoice_id = f"invoice-{chance.randrange(100)}"
    return LineItem(
        invoice_id=invoice_id, line_id=activity_id, kind=chance.choice(LINE_KINDS), item=f"item-{chance.randrange(8)}"
    )


_ACTIVITIES: Mapping[str, Callable[[str, random.Random], Activity]] = MappingProxyType(
    {"coins": _booking, "hours": _booking, "sessions": _session, "messages": _campaign_send, "usd": _line_item}
)
"""What credits of each type are used for, and how one such activity is made."""
