"""An account's figures, month by month (docs/ledger.md 5).

A snapshot says what the month is if nothing more is accepted: lots that end inside it have ended, also those still to come.
What was consumed is summed up use by use as it is derived; all else follows from the lots.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from projections.calendar import Calendar
from projections.keys import AccountKey
from projections.lots import VOIDED, Lot, LotKey
from projections.rows import SnapshotRow
from projections.usage import Allocation
from schemas.events import ONCE


class Consumed(NamedTuple):
    """What the consumption of one month came to, in micro-credits; `uses` counts those with a net amount above 0."""

    once_used: int = 0
    monthly_used: int = 0
    unlimited_used: int = 0
    overage: int = 0
    uses: int = 0

    def plus(self, other: "Consumed", *, sign: int = 1) -> "Consumed":
        """Add what another use came to, or (`sign` -1) take it away."""
        return Consumed(*(one + sign * two for one, two in zip(self, other, strict=True)))


@dataclass(slots=True)
class _Moved:
    """What follows from the lots for one month, in micro-credits."""

    once_granted: int = 0
    once_expired: int = 0
    once_voided: int = 0
    monthly_granted: int = 0
    monthly_unused: int = 0
    monthly_voided: int = 0
    once_unlimited: bool = False
    monthly_unlimited: bool = False


def consumed_by(allocation: Allocation, lots: Mapping[LotKey, Lot]) -> Consumed:
    """Give what one consumption adds to its month; `lots` has every lot that pays."""
    once_used = monthly_used = unlimited_used = 0
    for part in allocation.paid:
        lot = lots[part.lot_key]
        if lot.amount_micro is None:
            unlimited_used += part.amount_micro
        elif lot.cadence == ONCE:
            once_used += part.amount_micro
        else:
            monthly_used += part.amount_micro
    uses = int(allocation.overage_micro > 0 or bool(allocation.paid))
    return Consumed(once_used, monthly_used, unlimited_used, allocation.overage_micro, uses)


def consumed_in(row: SnapshotRow | None) -> Consumed:
    """Give what the consumption of a month came to from its row; nothing where there is none."""
    if row is None:
        return Consumed()
    return Consumed(
        row.once_used_micro, row.monthly_used_micro, row.unlimited_used_micro, row.overage_micro, row.consumption_count
    )


def snapshots_of(  # noqa: PLR0913 - everything that a month consists of
    account: AccountKey,
    lots: Iterable[Lot],
    consumed: Mapping[int, Consumed],
    *,
    first: int,
    last: int,
    once_opening: int,
    calendar: Calendar,
) -> Iterator[SnapshotRow]:
    """Give the account's rows from the month `first` to `last` (ordinals), in order; none of them is final.

    `lots` are all that are valid at some instant from the beginning of `first` on, or are voided in it; `consumed` is keyed by
    ordinal; `once_opening` is what limited ONCE lots had left when `first` began. A month has a row where it begins with a
    balance, where anything moved, or where an unlimited lot was valid: a limited lot with a rest either brought that rest
    from the month before or was granted in this one (docs/ledger.md 5.5).
    """
    moved = _moved_by(lots, first=first, last=last, calendar=calendar)
    for ordinal in range(first, last + 1):
        used = consumed.get(ordinal, _NOTHING_CONSUMED)
        found = moved.get(ordinal)
        if found is None and used.uses == 0 and once_opening == 0:
            continue
        found = found or _Moved()
        month = calendar.month(ordinal)
        once_closing = once_opening + found.once_granted - used.once_used - found.once_expired - found.once_voided
        yield SnapshotRow(
            organization_id=account.organization_id,
            customer_id=account.customer_id,
            credit_type=account.credit_type,
            month=month.label,
            month_start=month.start,
            month_end=month.end,
            once_opening_micro=once_opening,
            once_granted_micro=found.once_granted,
            once_used_micro=used.once_used,
            once_expired_micro=found.once_expired,
            once_voided_micro=found.once_voided,
            once_closing_micro=once_closing,
            monthly_granted_micro=found.monthly_granted,
            monthly_used_micro=used.monthly_used,
            monthly_unused_micro=found.monthly_unused,
            monthly_voided_micro=found.monthly_voided,
            unlimited_used_micro=used.unlimited_used,
            once_unlimited=found.once_unlimited,
            monthly_unlimited=found.monthly_unlimited,
            overage_micro=used.overage,
            consumed_micro=used.once_used + used.monthly_used + used.unlimited_used + used.overage,
            consumption_count=used.uses,
            final=False,
        )
        once_opening = once_closing


def last_month_touched(lot: Lot, calendar: Calendar) -> int | None:
    """Give the ordinal of the month in which a lot was last valid or was voided; None for one that never ends."""
    if lot.end is None:
        return None
    return calendar.month_of(lot.end if lot.end_kind == VOIDED else lot.end - 1).ordinal


def _moved_by(lots: Iterable[Lot], *, first: int, last: int, calendar: Calendar) -> Mapping[int, _Moved]:
    """Sum up what follows from lots, by the month's ordinal; a month that no lot moves has no entry."""
    moved: dict[int, _Moved] = defaultdict(_Moved)
    for lot in lots:
        if lot.amount_micro is None:
            _add_unlimited(moved, lot, first=first, last=last, calendar=calendar)
        else:
            _add_limited(moved, lot, calendar)
    return moved


def _add_unlimited(moved: dict[int, _Moved], lot: Lot, *, first: int, last: int, calendar: Calendar) -> None:
    """Mark every month in which an unlimited lot is valid at some instant."""
    until = last if lot.end is None else min(last, calendar.month_of(lot.end - 1).ordinal)
    for ordinal in range(max(first, calendar.month_of(lot.start).ordinal), until + 1):
        if lot.cadence == ONCE:
            moved[ordinal].once_unlimited = True
        else:
            moved[ordinal].monthly_unlimited = True


def _add_limited(moved: dict[int, _Moved], lot: Lot, calendar: Calendar) -> None:
    """Count a lot in the month of its start, and its rest in the month in which it was last valid or was voided."""
    started = moved[calendar.month_of(lot.start).ordinal]
    if lot.cadence == ONCE:
        started.once_granted += lot.amount_micro or 0
    else:
        started.monthly_granted += lot.amount_micro or 0
    touched = last_month_touched(lot, calendar)
    if touched is None or lot.rest_micro == 0:
        return
    ended = moved[touched]
    if lot.cadence != ONCE and lot.end_kind == VOIDED:
        ended.monthly_voided += lot.rest_micro
    elif lot.cadence != ONCE:
        ended.monthly_unused += lot.rest_micro
    elif lot.end_kind == VOIDED:
        ended.once_voided += lot.rest_micro
    else:
        ended.once_expired += lot.rest_micro


_NOTHING_CONSUMED = Consumed()
