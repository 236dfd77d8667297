"""All rows that follow from one customer's accepted events: the pure fold of docs/ledger.md 4 to 7.

The rows depend on the set of events, the catalog, the clock and the boundary, and on nothing else (docs/ledger.md 4.1).
"""

from collections.abc import Iterator
from typing import NamedTuple

from projections.account import Account, Promise, derive
from projections.calendar import Calendar, calendar_of
from projections.campaign_usage import campaign_usage_of
from projections.conflicts import catalog_conflict, catalog_conflicts, reversal_conflicts, void_conflicts
from projections.costs import cost_of
from projections.lots import Lot
from projections.rows import AllocationRow, GrantRow, LedgerRow, LotRow, PaidPart, Row
from projections.snapshot import snapshots_of
from projections.stored import Customer, CustomerEvents, Stored
from projections.usage import Use, identity_of, unite
from schemas import events
from schemas.catalog import Catalog
from schemas.events import CreditGranted, CreditVoided, Selector
from schemas.records import Place


class Times(NamedTuple):
    """The clock and the boundary of a partition number in UTC microseconds; None where there is none (docs/ledger.md 2.3)."""

    clock: int | None
    boundary: int | None


class SourcedRow(NamedTuple):
    """A row, and the place of the record that it comes from where it comes from a single one (else None)."""

    row: Row
    source: Place | None


def balance_rows_of(customer: Customer, accepted: CustomerEvents, *, catalog: Catalog, times: Times) -> Iterator[SourcedRow]:
    """Derive every row of a customer but its campaign counters from its accepted events.

    Guarantees that no two rows share a key.
    """
    calendar = calendar_of(catalog.zone_name(customer.organization_id))
    consumption = {identity_of(stored.event): (stored.event, stored.place) for stored in accepted.consumption}
    reversals = [stored.event for stored in accepted.reversals]
    uses, acted = unite(consumption, reversals)
    effective_uses = [use for use in uses if catalog_conflict(use.event, catalog) is None]
    voids = earliest_voids(accepted.voids)
    grants = [stored for stored in accepted.grants if catalog_conflict(stored.event, catalog) is None]

    for stored in grants:
        yield SourcedRow(_grant_row(stored.event, voids.get(stored.event.grant_id)), stored.place)
    for use in effective_uses:
        yield SourcedRow(_ledger_row(use, calendar), use.place)
    credit_types = {stored.event.credit_type for stored in grants} | {use.event.credit_type for use in effective_uses}
    for credit_type in sorted(credit_types):
        account = derive(
            [_promise(stored, voids) for stored in grants if stored.event.credit_type == credit_type],
            [use for use in effective_uses if use.event.credit_type == credit_type],
            clock=times.clock,
            calendar=calendar,
        )
        for row in _account_rows(account, customer=customer, credit_type=credit_type, times=times, calendar=calendar):
            yield SourcedRow(row, None)

    granted_or_consumed = [stored.event for stored in accepted.grants] + [use.event for use in uses]
    grant_ids = {stored.event.grant_id for stored in accepted.grants}
    for conflict in (
        *catalog_conflicts(granted_or_consumed, customer=customer, catalog=catalog),
        *void_conflicts(accepted.voids, grant_ids=grant_ids, customer=customer),
        *reversal_conflicts(reversals, acted=acted, consumption=consumption.keys(), customer=customer),
    ):
        yield SourcedRow(conflict, None)


def campaign_rows_of(customer: Customer, accepted: CustomerEvents, *, catalog: Catalog) -> Iterator[SourcedRow]:
    """Derive the campaign counters of a customer from its accepted events."""
    sends = {
        identity_of(stored.event): (stored.event, stored.place)
        for stored in accepted.consumption
        if isinstance(stored.event.activity, events.CampaignSend) and catalog_conflict(stored.event, catalog) is None
    }
    if not sends:
        return
    uses, _ = unite(sends, [stored.event for stored in accepted.reversals])
    calendar = calendar_of(catalog.zone_name(customer.organization_id))
    for row in campaign_usage_of(uses, customer=customer, calendar=calendar):
        yield SourcedRow(row, None)


def earliest_voids(voids: list[Stored[CreditVoided]]) -> dict[str, Stored[CreditVoided]]:
    """Give for each grant id the void that stands: the earliest by the instant at which it acts, then by `event_id`."""
    ordered = sorted(voids, key=lambda stored: (stored.acts_at, stored.event.event_id), reverse=True)
    return {stored.event.grant_id: stored for stored in ordered}


def _promise(stored: Stored[CreditGranted], voids: dict[str, Stored[CreditVoided]]) -> Promise:
    void = voids.get(stored.event.grant_id)
    return Promise(grant=stored.event, place=stored.place, voided_at=None if void is None else void.acts_at)


def _account_rows(account: Account, *, customer: Customer, credit_type: str, times: Times, calendar: Calendar) -> Iterator[Row]:
    for lot in account.lots:
        yield lot_row(lot, used_micro=account.used_micro[lot.key], calendar=calendar)
    for allocation in account.allocations:
        event = allocation.use.event
        yield AllocationRow(
            *customer,
            occurred_at=event.occurred_at,
            event_id=event.event_id,
            credit_type=credit_type,
            month=calendar.month_of(event.occurred_at).label,
            amount_micro=event.amount_micro,
            reversed_micro=allocation.use.reversed_micro,
            overage_micro=allocation.overage_micro,
            cost=cost_of(allocation.use, allocation.payments),
            paid_by=tuple(
                PaidPart(payment.lot.grant.grant_id, payment.lot.start, payment.paid_micro) for payment in allocation.payments
            ),
        )
    yield from snapshots_of(account, customer=customer, credit_type=credit_type, boundary=times.boundary, calendar=calendar)


def _grant_row(grant: CreditGranted, void: Stored[CreditVoided] | None) -> GrantRow:
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


def lot_row(lot: Lot, *, used_micro: int, calendar: Calendar) -> LotRow:
    """Write the facts of a lot, of which `used_micro` was used in all."""
    grant = lot.grant
    return LotRow(
        organization_id=grant.organization_id,
        customer_id=grant.customer_id,
        credit_type=grant.credit_type,
        grant_id=grant.grant_id,
        start=lot.start,
        cadence=grant.cadence,
        end=lot.end,
        natural_end=lot.natural_end,
        end_kind=lot.end_kind,
        amount_micro=grant.amount_micro,
        used_micro=used_micro,
        priority=grant.priority,
        granted_at=grant.occurred_at,
        scope=tuple(grant.scope),
        month=calendar.month_of(lot.start).label,
    )


def _ledger_row(use: Use, calendar: Calendar) -> LedgerRow:
    """Spread the fields of an activity over the columns of the ledger; an invoice line's `kind` is `line_kind` there."""
    event = use.event
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


_NO_ACTIVITY: dict[str, None] = dict.fromkeys(LedgerRow._fields[LedgerRow._fields.index("activity_type") + 1 :])
