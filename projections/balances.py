"""An account's balance as of an instant, computed from its rows (docs/ledger.md 6.1).

The same rows lie in memory, in the output topics and in ClickHouse, so a balance is the same wherever it is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from projections.account import lot_row
from projections.calendar import Calendar
from projections.event_rows import grant_of
from projections.keys import AccountKey
from projections.lots import LotKey, issue
from projections.rows import AllocationRow, GrantRow, LotRow
from schemas.events import MONTHLY


class Balance(NamedTuple):
    """What an account has at an instant, in micro-credits, over the limited lots that are valid then.

    `committed_micro` is what later consumption draws on these lots, `restricted_micro` the part of `available_micro` in
    lots with a scope, `overage_micro` that of the month so far; `next_expiry` is None with nothing to lapse.
    """

    granted_micro: int
    used_micro: int
    balance_micro: int
    committed_micro: int
    available_micro: int
    restricted_micro: int
    unlimited: bool
    next_expiry: int | None
    next_expiry_amount_micro: int
    overage_micro: int


class _LotThen(NamedTuple):
    """One limited lot at the instant: what was used of it by then, and what is drawn on it later."""

    row: LotRow
    amount_micro: int
    used_micro: int
    committed_micro: int

    @property
    def available_micro(self) -> int:
        return self.amount_micro - self.used_micro - self.committed_micro


def lots_then(lots: Iterable[LotRow], grants: Iterable[GrantRow], *, as_of: int, calendar: Calendar) -> list[LotRow]:
    """Give the lots of an account that are valid at `as_of`, also those of a month that the clock has not reached.

    Rows of monthly lots end with the account's last month; one that is valid later has had no consumption yet, since the
    month of the last consumption has rows.
    """
    valid = {(lot.grant_id, lot.start): lot for lot in lots if lot.is_valid_at(as_of)}
    for row in grants:
        if row.cadence == MONTHLY:
            issued = issue(grant_of(row), voided_at=row.voided_at, calendar=calendar, last_month=calendar.month_of(as_of))
            for lot in issued[-1:]:
                if lot.is_valid_at(as_of):
                    valid.setdefault(lot.key, lot_row(AccountKey(row.organization_id, row.customer_id, row.credit_type), lot))
    return list(valid.values())


def balance_of(valid: Sequence[LotRow], allocations: Iterable[AllocationRow], *, as_of: int, month: str) -> Balance:
    """Compute the balance of one account at `as_of` (UTC microseconds) from its lots valid then and all allocations.

    `month` is the label of the month in the organization's zone that contains `as_of`. What occurred at `as_of` itself
    counts as used.
    """
    committed_micro: dict[LotKey, int] = {}
    overage_micro = 0
    for allocation in allocations:
        if allocation.occurred_at <= as_of:
            overage_micro += allocation.overage_micro if allocation.month == month else 0
            continue
        for part in allocation.paid_by:
            lot_key = (part.grant_id, part.lot_start)
            committed_micro[lot_key] = committed_micro.get(lot_key, 0) + part.amount_micro
    return sum_up(valid, committed_micro=committed_micro, overage_micro=overage_micro)


def sum_up(valid: Sequence[LotRow], *, committed_micro: Mapping[LotKey, int], overage_micro: int) -> Balance:
    """Sum up lots valid at an instant; `committed_micro` is what each pays for later consumption, which is not used by then."""
    limited = [
        _LotThen(lot, lot.amount_micro, lot.used_micro - committed, committed)
        for lot in valid
        if lot.amount_micro is not None
        for committed in [committed_micro.get((lot.grant_id, lot.start), 0)]
    ]
    lapsing = [(lot.row.end, lot.available_micro) for lot in limited if lot.row.end is not None and lot.available_micro > 0]
    next_expiry = min((end for end, _ in lapsing), default=None)
    granted_micro = sum(lot.amount_micro for lot in limited)
    used_micro = sum(lot.used_micro for lot in limited)
    return Balance(
        granted_micro=granted_micro,
        used_micro=used_micro,
        balance_micro=granted_micro - used_micro,
        committed_micro=sum(lot.committed_micro for lot in limited),
        available_micro=sum(lot.available_micro for lot in limited),
        restricted_micro=sum(lot.available_micro for lot in limited if lot.row.scope),
        unlimited=len(limited) < len(valid),
        next_expiry=next_expiry,
        next_expiry_amount_micro=sum(available_micro for end, available_micro in lapsing if end == next_expiry),
        overage_micro=overage_micro,
    )
