"""Rows that say what one accepted event says: a grant with its void, a consumption as the ledger has it, its payment."""

from collections.abc import Mapping

from projections.calendar import Calendar
from projections.costs import cost_of
from projections.lots import Lot, LotKey
from projections.rows import AllocationRow, GrantRow, LedgerRow, PaidPart
from projections.stored import Stored
from projections.usage import Allocation, Use
from schemas import events
from schemas.events import CreditConsumed, CreditGranted, CreditVoided, Selector


def grant_row(grant: CreditGranted, void: Stored[CreditVoided] | None) -> GrantRow:
    """Write a grant with the void of it that stands."""
    return GrantRow(
        organization_id=grant.organization_id,
        customer_id=grant.customer_id,
        grant_id=grant.grant_id,
        event_id=grant.event_id,
        credit_type=grant.credit_type,
        occurred_at=grant.occurred_at,
        recorded_at=grant.recorded_at,
        actor=grant.actor,
        name=grant.name,
        cadence=grant.cadence,
        amount_micro=grant.amount_micro,
        priority=grant.priority,
        effective_at=grant.effective_at,
        expires_at=grant.expires_at,
        scope=tuple(grant.scope),
        unit_cost_micro=grant.unit_cost_micro,
        currency=grant.currency,
        voided_at=None if void is None else void.acts_at,
        void_event_id=None if void is None else void.event.event_id,
        void_reason=None if void is None else void.event.reason,
    )


def grant_of(row: GrantRow) -> CreditGranted:
    """Give back the grant that a row was made from."""
    return CreditGranted(
        event_id=row.event_id,
        organization_id=row.organization_id,
        customer_id=row.customer_id,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        actor=row.actor,
        grant_id=row.grant_id,
        credit_type=row.credit_type,
        name=row.name,
        cadence=row.cadence,
        amount_micro=row.amount_micro,
        priority=row.priority,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        scope=tuple(Selector(*selector) for selector in row.scope),
        unit_cost_micro=row.unit_cost_micro,
        currency=row.currency,
    )


def ledger_row(event: CreditConsumed, calendar: Calendar) -> LedgerRow:
    """Spread the fields of an activity over the columns of the ledger; an invoice line's `kind` is `line_kind` there."""
    activity = event.activity._asdict()
    if isinstance(event.activity, events.LineItem):
        activity["line_kind"] = activity.pop("kind")
    return LedgerRow(
        organization_id=event.organization_id,
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        event_id=event.event_id,
        credit_type=event.credit_type,
        recorded_at=event.recorded_at,
        actor=event.actor,
        month=calendar.month_of(event.occurred_at).label,
        day=calendar.day_of(event.occurred_at),
        amount_micro=event.amount_micro,
        cost_micro=event.cost_micro,
        currency=event.currency,
        activity_type=type(event.activity).__name__,
        **(_NO_ACTIVITY | activity),
    )


def allocation_row(use: Use, allocation: Allocation, *, lots: Mapping[LotKey, Lot], calendar: Calendar) -> AllocationRow:
    """Write how a consumption is paid; `lots` has every lot that pays."""
    event = use.event
    return AllocationRow(
        organization_id=event.organization_id,
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        event_id=event.event_id,
        credit_type=event.credit_type,
        month=calendar.month_of(event.occurred_at).label,
        amount_micro=event.amount_micro,
        reversed_micro=event.amount_micro - allocation.net_micro,
        overage_micro=allocation.overage_micro,
        cost=cost_of(use, allocation, lots),
        paid_by=tuple(PaidPart(*part) for part in allocation.paid),
    )


_NO_ACTIVITY: dict[str, None] = dict.fromkeys(LedgerRow._fields[LedgerRow._fields.index("activity_type") + 1 :])
