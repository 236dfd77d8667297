"""An account's figures for each calendar month (docs/ledger.md 5).

Every figure is summed anew for every month over all lots and all consumption; opening and closing are each found from the
lots, not from each other, and then held against the flows between them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from plain_model.accounts import PaidConsumption, UsedLot
from plain_model.months import Calendar, Interval, Month
from schemas.errors import InvariantViolation


class Snapshot(NamedTuple):
    """The figures of one month; amounts in micro-credits, in the order in which they are told (docs/ledger.md 8.3)."""

    once_opening: int
    once_granted: int
    once_used: int
    once_expired: int
    once_voided: int
    once_closing: int
    monthly_granted: int
    monthly_used: int
    monthly_unused: int
    monthly_voided: int
    unlimited_used: int
    once_unlimited: bool
    monthly_unlimited: bool
    overage: int
    consumed: int
    consumption_count: int


def snapshots_of(
    lots: Sequence[UsedLot], consumption: Sequence[PaidConsumption], *, calendar: Calendar, last_month: Month | None
) -> list[tuple[Month, Interval, Snapshot]]:
    """Give the snapshot of every month that has a row, in order, up to and including `last_month` (docs/ledger.md 5.5).

    Raises InvariantViolation where the books of a month do not close.
    """
    beginnings = [used_lot.lot.start for used_lot in lots] + [paid.consumption.event.occurred_at for paid in consumption]
    if last_month is None or not beginnings:
        return []
    rows: list[tuple[Month, Interval, Snapshot]] = []
    month = calendar.month_of(min(beginnings))
    while month <= last_month:
        interval = calendar.interval_of(month)
        snapshot = _snapshot(lots, consumption, interval)
        _check_books(snapshot, month)
        if any(snapshot) or any(_has_rest_in(used_lot, interval) for used_lot in lots):
            rows.append((month, interval, snapshot))
        month = month.following()
    return rows


def _snapshot(lots: Sequence[UsedLot], consumption: Sequence[PaidConsumption], month: Interval) -> Snapshot:
    once = [used_lot for used_lot in lots if used_lot.lot.is_limited and used_lot.lot.is_once]
    monthly = [used_lot for used_lot in lots if used_lot.lot.is_limited and not used_lot.lot.is_once]
    unlimited = [used_lot for used_lot in lots if not used_lot.lot.is_limited]
    valid_unlimited = [used_lot.lot for used_lot in unlimited if used_lot.lot.is_valid_in(month)]
    counted = [
        paid for paid in consumption if paid.consumption.net_micro > 0 and month.contains(paid.consumption.event.occurred_at)
    ]
    return Snapshot(
        once_opening=_standing(once, month.start),
        once_granted=_granted(once, month),
        once_used=_used(once, month),
        once_expired=_lapsed(once, month),
        once_voided=_voided(once, month),
        once_closing=_standing(once, month.end),
        monthly_granted=_granted(monthly, month),
        monthly_used=_used(monthly, month),
        monthly_unused=_lapsed(monthly, month),
        monthly_voided=_voided(monthly, month),
        unlimited_used=_used(unlimited, month),
        once_unlimited=any(lot.is_once for lot in valid_unlimited),
        monthly_unlimited=any(not lot.is_once for lot in valid_unlimited),
        overage=sum(paid.overage_micro for paid in counted),
        consumed=sum(paid.consumption.net_micro for paid in counted),
        consumption_count=len(counted),
    )


def _granted(lots: Iterable[UsedLot], month: Interval) -> int:
    """Sum the amounts of the limited lots that start in the month."""
    return sum(used_lot.lot.grant.amount_micro or 0 for used_lot in lots if month.contains(used_lot.lot.start))


def _used(lots: Iterable[UsedLot], month: Interval) -> int:
    return sum(used_lot.used_in(month) for used_lot in lots)


def _lapsed(lots: Iterable[UsedLot], month: Interval) -> int:
    """Sum the rests of the lots that came to their natural end and were last valid in the month."""
    return sum(
        used_lot.rest()
        for used_lot in lots
        if used_lot.lot.end is not None and not used_lot.lot.is_voided and month.contains(used_lot.lot.end - 1)
    )


def _voided(lots: Iterable[UsedLot], month: Interval) -> int:
    """Sum the rests of the lots that a void of this month ended."""
    return sum(
        used_lot.rest()
        for used_lot in lots
        if used_lot.lot.end is not None and used_lot.lot.is_voided and month.contains(used_lot.lot.end)
    )


def _standing(lots: Iterable[UsedLot], instant: int) -> int:
    """Sum the rests that stand where one month turns into the next.

    A lot that comes to its natural end right there is gone with the month before; one that is voided right there is voided
    in the month that begins.
    """
    standing_micro = 0
    for used_lot in lots:
        lot = used_lot.lot
        has_started = lot.start < instant
        is_gone = lot.end is not None and (lot.end < instant if lot.is_voided else lot.end <= instant)
        if has_started and not is_gone:
            standing_micro += used_lot.rest_before(instant)
    return standing_micro


def _has_rest_in(used_lot: UsedLot, month: Interval) -> bool:
    """Say whether a limited lot has a rest at its first valid instant of the month, before any consumption then."""
    return used_lot.lot.is_valid_in(month) and used_lot.rest_before(max(used_lot.lot.start, month.start)) > 0


def _check_books(figures: Snapshot, month: Month) -> None:
    """Hold the laws of a month (docs/ledger.md 5.2 to 5.4)."""
    once_closing = figures.once_opening + figures.once_granted - figures.once_used - figures.once_expired - figures.once_voided
    monthly_granted = figures.monthly_used + figures.monthly_unused + figures.monthly_voided
    consumed = figures.once_used + figures.monthly_used + figures.unlimited_used + figures.overage
    if (once_closing, monthly_granted, consumed) != (figures.once_closing, figures.monthly_granted, figures.consumed):
        raise InvariantViolation(f"the books of {month.text()} do not close: {figures}")
