"""What an account has at one instant, and what became of its lots by then (docs/ledger.md 6.1, 4.11 and 8.3)."""

from collections.abc import Sequence
from typing import NamedTuple

from plain_model.accounts import PaidConsumption, UsedLot
from plain_model.months import Calendar


class Balance(NamedTuple):
    """The figures of one account as of an instant; amounts in micro-credits, of limited lots only."""

    granted: int
    used: int
    balance: int
    committed: int
    available: int
    restricted: int
    unlimited: bool
    next_expiry: int | None
    next_expiry_amount: int
    overage: int


class LotFigures(NamedTuple):
    """What became of one lot's amount by an instant, in micro-credits; of an unlimited lot only `used` says something."""

    used: int
    expired: int
    unused: int
    voided: int
    rest: int


def balance_of(lots: Sequence[UsedLot], consumption: Sequence[PaidConsumption], *, as_of: int, calendar: Calendar) -> Balance:
    """Give an account's balance as of an instant (UTC microseconds), over the lots that are valid then.

    `lots` holds all lots of the account that are valid at `as_of` at least.
    """
    valid = [used_lot for used_lot in lots if used_lot.lot.is_valid_at(as_of)]
    limited = [used_lot for used_lot in valid if used_lot.lot.is_limited]
    granted_micro = sum(used_lot.lot.grant.amount_micro or 0 for used_lot in limited)
    used_micro = sum(used_lot.used_before(as_of + 1) for used_lot in limited)
    committed_micro = sum(used_lot.used() for used_lot in limited) - used_micro
    expiries = [
        (used_lot.lot.end, used_lot.rest()) for used_lot in limited if used_lot.lot.end is not None and used_lot.rest() > 0
    ]
    next_expiry = min((end for end, _ in expiries), default=None)
    month = calendar.interval_of(calendar.month_of(as_of))
    return Balance(
        granted=granted_micro,
        used=used_micro,
        balance=granted_micro - used_micro,
        committed=committed_micro,
        available=granted_micro - used_micro - committed_micro,
        restricted=sum(used_lot.rest() for used_lot in limited if used_lot.lot.grant.scope),
        unlimited=len(limited) < len(valid),
        next_expiry=next_expiry,
        next_expiry_amount=sum(rest_micro for end, rest_micro in expiries if end == next_expiry),
        overage=sum(paid.overage_micro for paid in consumption if month.start <= paid.consumption.event.occurred_at <= as_of),
    )


def figures_of(used_lot: UsedLot, *, as_of: int) -> LotFigures:
    """Say what became of a lot by an instant (UTC microseconds): once its end has passed, its rest has a name."""
    lot, used_micro, rest_micro = used_lot.lot, used_lot.used(), used_lot.rest()
    if lot.end is None or lot.end > as_of:
        return LotFigures(used_micro, expired=0, unused=0, voided=0, rest=rest_micro)
    if lot.is_voided:
        return LotFigures(used_micro, expired=0, unused=0, voided=rest_micro, rest=0)
    if lot.is_once:
        return LotFigures(used_micro, expired=rest_micro, unused=0, voided=0, rest=0)
    return LotFigures(used_micro, expired=0, unused=rest_micro, voided=0, rest=0)
