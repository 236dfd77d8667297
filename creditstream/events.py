"""Events made from what an upstream product has in hand, checked before anything is sent (docs/ledger.md 1).

Each function gives an event that has passed the one set of checks that every event passes, or raises InvalidEvent with the
field and a sentence. What an event means is told in docs/events.md; here only its fields are named. An event that is not said
when it was recorded is recorded now.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from creditstream.values import Amount, Moment, activity_object, amount_text, limit_text, moment_text, scope_list
from creditstream.wall_clock import now_microseconds
from schemas.errors import InvalidEvent
from schemas.events import (
    DEFAULT_PRIORITY,
    Activity,
    CampaignDefined,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    Event,
    NameGiven,
    Selector,
)
from schemas.instants import format_instant
from schemas.json_form import read_object
from schemas.refusals import Refusal


def credit_granted(
    *,
    event_id: str,
    organization_id: str,
    customer_id: str,
    occurred_at: Moment,
    grant_id: str,
    credit_type: str,
    name: str,
    cadence: str,
    amount: Amount,
    priority: int = DEFAULT_PRIORITY,
    effective_at: Moment | None = None,
    expires_at: Moment | None = None,
    scope: Sequence[Selector] = (),
    unit_cost: Amount | None = None,
    currency: str | None = None,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> CreditGranted:
    """Promise credits to an account.

    `cadence` is ONCE or MONTHLY, `amount` may be UNLIMITED; a grant without `effective_at` takes effect at `occurred_at`, one
    without `expires_at` never expires. For monthly grants by first and last month, see `grant_monthly`.
    """
    fields = {
        **_common(event_id, organization_id, occurred_at, recorded_at, actor),
        "customer_id": customer_id,
        "grant_id": grant_id,
        "credit_type": credit_type,
        "name": name,
        "cadence": cadence,
        "amount": limit_text("amount", amount),
        "priority": priority,
        "effective_at": _optional_moment("effective_at", effective_at),
        "expires_at": _optional_moment("expires_at", expires_at),
        "scope": scope_list(scope),
        "unit_cost": _optional_amount("unit_cost", unit_cost),
        "currency": currency,
    }
    return cast(CreditGranted, checked("CreditGranted", fields))


def credit_voided(
    *,
    event_id: str,
    organization_id: str,
    customer_id: str,
    occurred_at: Moment,
    grant_id: str,
    reason: str | None = None,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> CreditVoided:
    """End a grant for good at `occurred_at`."""
    fields = {
        **_common(event_id, organization_id, occurred_at, recorded_at, actor),
        "customer_id": customer_id,
        "grant_id": grant_id,
        "reason": reason,
    }
    return cast(CreditVoided, checked("CreditVoided", fields))


def credit_consumed(
    *,
    event_id: str,
    organization_id: str,
    customer_id: str,
    occurred_at: Moment,
    credit_type: str,
    amount: Amount,
    activity: Activity,
    cost: Amount | None = None,
    currency: str | None = None,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> CreditConsumed:
    """Use credits for an activity; `occurred_at` is when it counts, such as the hour of the meeting, not of its booking."""
    fields = {
        **_common(event_id, organization_id, occurred_at, recorded_at, actor),
        "customer_id": customer_id,
        "credit_type": credit_type,
        "amount": amount_text("amount", amount),
        "activity": activity_object(activity),
        "cost": _optional_amount("cost", cost),
        "currency": currency,
    }
    return cast(CreditConsumed, checked("CreditConsumed", fields))


def consumption_reversed(
    *,
    event_id: str,
    organization_id: str,
    customer_id: str,
    occurred_at: Moment,
    consumption_event_id: str,
    consumed_at: Moment,
    amount: Amount | None = None,
    reason: str | None = None,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> ConsumptionReversed:
    """Take a consumption back, in part or, without `amount`, all that is left; `consumed_at` is its `occurred_at`."""
    fields = {
        **_common(event_id, organization_id, occurred_at, recorded_at, actor),
        "customer_id": customer_id,
        "consumption_event_id": consumption_event_id,
        "consumed_at": moment_text("consumed_at", consumed_at),
        "amount": _optional_amount("amount", amount),
        "reason": reason,
    }
    return cast(ConsumptionReversed, checked("ConsumptionReversed", fields))


def campaign_defined(
    *,
    event_id: str,
    organization_id: str,
    occurred_at: Moment,
    campaign_id: str,
    name: str,
    campaign_type: str,
    created_from: str,
    targeted: int,
    channel: str,
    credit_source: str,
    status: str,
    created_from_id: str | None = None,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> CampaignDefined:
    """Say what a campaign is; what was said last stands."""
    fields = {
        **_common(event_id, organization_id, occurred_at, recorded_at, actor),
        "campaign_id": campaign_id,
        "name": name,
        "campaign_type": campaign_type,
        "created_from": created_from,
        "created_from_id": created_from_id,
        "targeted": targeted,
        "channel": channel,
        "credit_source": credit_source,
        "status": status,
    }
    return cast(CampaignDefined, checked("CampaignDefined", fields))


def name_given(
    *,
    event_id: str,
    organization_id: str,
    occurred_at: Moment,
    kind: str,
    named_id: str,
    name: str,
    recorded_at: Moment | None = None,
    actor: str | None = None,
) -> NameGiven:
    """Say what a customer, a center or a zone is called; what was said last stands."""
    fields = {
        **_common(event_id, organization_id, occurred_at, recorded_at, actor),
        "kind": kind,
        "named_id": named_id,
        "name": name,
    }
    return cast(NameGiven, checked("NameGiven", fields))


def checked(event_type: str, fields: Mapping[str, object]) -> Event:
    """Read an event from its JSON form; raises InvalidEvent with the first fault."""
    event = read_object({"type": event_type, **fields})
    if isinstance(event, Refusal):
        raise InvalidEvent(event.field or "type", event.detail)
    return event


def _common(
    event_id: str, organization_id: str, occurred_at: Moment, recorded_at: Moment | None, actor: str | None
) -> dict[str, object]:
    """Give the fields that every event has."""
    return {
        "event_id": event_id,
        "organization_id": organization_id,
        "occurred_at": moment_text("occurred_at", occurred_at),
        "recorded_at": _optional_moment("recorded_at", recorded_at) or format_instant(now_microseconds()),
        "actor": actor,
    }


def _optional_amount(field: str, amount: Amount | None) -> str | None:
    return None if amount is None else amount_text(field, amount)


def _optional_moment(field: str, moment: Moment | None) -> str | None:
    return None if moment is None else moment_text(field, moment)
