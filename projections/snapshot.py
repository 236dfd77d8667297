"""An account's figures, month by month (docs/ledger.md 5).

A snapshot says what the month is if nothing more is accepted: lots that end inside it have ended, also those still to come.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from projections.account import Account, Allocation
from projections.calendar import Calendar
from projections.lots import VOIDED, Lot
from projections.rows import SnapshotRow
from projections.stored import Customer
from schemas.events import ONCE


@dataclass(slots=True)
class _Figures:
    """What is summed up for one month, in micro-credits."""

    once_granted: int = 0
    once_used: int = 0
    once_expired: int = 0
    once_voided: int = 0
    monthly_granted: int = 0
    monthly_used: int = 0
    monthly_unused: int = 0
    monthly_voided: int = 0
    unlimited_used: int = 0
    once_unlimited: bool = False
    monthly_unlimited: bool = False
    overage: int = 0
    consumption_count: int = 0

    def once_closing(self, once_opening: int) -> int:
        """What is left of limited ONCE lots at the month's end (docs/ledger.md 5.2)."""
        return once_opening + self.once_granted - self.once_used - self.once_expired - self.once_voided


def snapshots_of(
    account: Account, *, customer: Customer, credit_type: str, boundary: int | None, calendar: Calendar
) -> Iterator[SnapshotRow]:
    """Give the account's rows in the order of the months, up to its last month (docs/ledger.md 5.5).

    A month has a row where it begins with a balance, where anything moved, or where an unlimited lot was valid: a limited
    lot with a rest either brought that rest from the month before or was granted in this one. `boundary` is in UTC
    microseconds; a month that ended by then is final.
    """
    if account.last_month is None:
        return
    figures = _sum_up(account, calendar)
    once_opening = 0
    for ordinal in range(min(figures, default=account.last_month.ordinal), account.last_month.ordinal + 1):
        found = figures.get(ordinal)
        if found is None and once_opening == 0:
            continue
        month = calendar.month(ordinal)
        sums = found or _Figures()
        once_closing = sums.once_closing(once_opening)
        yield SnapshotRow(
            organization_id=customer.organization_id,
            customer_id=customer.customer_id,
            credit_type=credit_type,
            month=month.label,
            month_start=month.start,
            month_end=month.end,
            once_opening_micro=once_opening,
            once_granted_micro=sums.once_granted,
            once_used_micro=sums.once_used,
            once_expired_micro=sums.once_expired,
            once_voided_micro=sums.once_voided,
            once_closing_micro=once_closing,
            monthly_granted_micro=sums.monthly_granted,
            monthly_used_micro=sums.monthly_used,
            monthly_unused_micro=sums.monthly_unused,
            monthly_voided_micro=sums.monthly_voided,
            unlimited_used_micro=sums.unlimited_used,
            once_unlimited=sums.once_unlimited,
            monthly_unlimited=sums.monthly_unlimited,
            overage_micro=sums.overage,
            consumed_micro=sums.once_used + sums.monthly_used + sums.unlimited_used + sums.overage,
            consumption_count=sums.consumption_count,
            final=boundary is not None and month.end <= boundary,
        )
        once_opening = once_closing


def _sum_up(account: Account, calendar: Calendar) -> dict[int, _Figures]:
    """Sum what moved in each month, by the month's ordinal; a month without any movement has no entry."""
    figures: dict[int, _Figures] = defaultdict(_Figures)
    for allocation in account.allocations:
        if allocation.use.net_micro > 0:
            _add_consumption(figures[calendar.month_of(allocation.use.event.occurred_at).ordinal], allocation)
    for lot in account.lots:
        if lot.grant.amount_micro is None:
            _add_unlimited(figures, lot, account, calendar)
        else:
            _add_limited(figures, lot, account, calendar)
    return figures


def _add_consumption(figures: _Figures, allocation: Allocation) -> None:
    figures.consumption_count += 1
    figures.overage += allocation.overage_micro
    for payment in allocation.payments:
        grant = payment.lot.grant
        if grant.amount_micro is None:
            figures.unlimited_used += payment.paid_micro
        elif grant.cadence == ONCE:
            figures.once_used += payment.paid_micro
        else:
            figures.monthly_used += payment.paid_micro


def _add_unlimited(figures: dict[int, _Figures], lot: Lot, account: Account, calendar: Calendar) -> None:
    """Mark every month up to the account's last in which an unlimited lot is valid at some instant."""
    last_month = account.last_month
    if last_month is None or lot.start >= last_month.end:
        return
    last = last_month.ordinal if lot.end is None else min(last_month.ordinal, calendar.month_of(lot.end - 1).ordinal)
    for ordinal in range(calendar.month_of(lot.start).ordinal, last + 1):
        if lot.grant.cadence == ONCE:
            figures[ordinal].once_unlimited = True
        else:
            figures[ordinal].monthly_unlimited = True


def _add_limited(figures: dict[int, _Figures], lot: Lot, account: Account, calendar: Calendar) -> None:
    """Count a lot in the month of its start, and its rest in the month in which it was last valid or was voided."""
    amount_micro, rest_micro = lot.grant.amount_micro or 0, account.rest_micro(lot)
    started = figures[calendar.month_of(lot.start).ordinal]
    if lot.grant.cadence == ONCE:
        started.once_granted += amount_micro
    else:
        started.monthly_granted += amount_micro
    if lot.end is None or rest_micro == 0:
        return
    if lot.end_kind == VOIDED:
        ended = figures[calendar.month_of(lot.end).ordinal]
        if lot.grant.cadence == ONCE:
            ended.once_voided += rest_micro
        else:
            ended.monthly_voided += rest_micro
    elif lot.grant.cadence == ONCE:
        figures[calendar.month_of(lot.end - 1).ordinal].once_expired += rest_micro
    else:
        figures[calendar.month_of(lot.end - 1).ordinal].monthly_unused += rest_micro
