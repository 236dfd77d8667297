"""The fold of one account: its lots and its consumption in, what every lot paid out (docs/ledger.md 4)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from projections.burn_down import Payment, burn_order, pay
from projections.calendar import Calendar, Month
from projections.lots import Lot, LotKey, issue
from projections.usage import Use
from schemas.events import CreditGranted
from schemas.records import Place


class Promise(NamedTuple):
    """A grant that has effect, where it lies, and the instant at which its earliest void takes effect (None: none)."""

    grant: CreditGranted
    place: Place
    voided_at: int | None


class Allocation(NamedTuple):
    """How one consumption was paid: the payments in burn order and the overage, in micro-credits."""

    use: Use
    payments: tuple[Payment, ...]
    overage_micro: int


class Account(NamedTuple):
    """One account's derived state: allocations in the order of consumption, and what was used of each lot in all.

    `used_micro` is keyed by `Lot.key`; lots are in the order (`start`, `grant_id`).
    """

    lots: tuple[Lot, ...]
    used_micro: Mapping[LotKey, int]
    allocations: tuple[Allocation, ...]
    last_month: Month | None

    def rest_micro(self, lot: Lot) -> int:
        """Give what a limited lot has left when all consumption is counted; 0 for an unlimited one."""
        return 0 if lot.grant.amount_micro is None else lot.grant.amount_micro - self.used_micro[lot.key]


def last_month_of(uses: Iterable[Use], *, clock: int | None, calendar: Calendar) -> Month | None:
    """Give the later of the clock's month and the last month with consumption of a net amount above 0 (docs/ledger.md 5.5)."""
    instants = [use.event.occurred_at for use in uses if use.net_micro > 0]
    if clock is not None:
        instants.append(clock)
    return calendar.month_of(max(instants)) if instants else None


def derive(promises: Iterable[Promise], uses: Iterable[Use], *, clock: int | None, calendar: Calendar) -> Account:
    """Derive an account anew from its grants and its consumption.

    The order of the arguments' elements does not matter: consumption is taken in the order (`occurred_at`, `event_id`), as
    if it had always been its net size (docs/ledger.md 4.1 and 4.5).
    """
    ordered = sorted(uses, key=lambda use: (use.event.occurred_at, use.event.event_id))
    last_month = last_month_of(ordered, clock=clock, calendar=calendar)
    lots = sorted(
        (
            lot
            for promise in promises
            for lot in issue(promise.grant, voided_at=promise.voided_at, calendar=calendar, last_month=last_month)
        ),
        key=lambda lot: (lot.start, lot.grant.grant_id),
    )
    used_micro, allocations = _burn_down(lots, ordered)
    return Account(lots=tuple(lots), used_micro=used_micro, allocations=tuple(allocations), last_month=last_month)


def _burn_down(lots: list[Lot], uses: list[Use]) -> tuple[dict[LotKey, int], list[Allocation]]:
    """Walk the consumption in order; only the lots that have started, not ended and not run out are looked at."""
    used_micro = {lot.key: 0 for lot in lots}

    def rest_micro(lot: Lot) -> int:
        return (lot.grant.amount_micro or 0) - used_micro[lot.key]

    allocations = []
    live: list[Lot] = []
    started = 0
    for use in uses:
        instant = use.event.occurred_at
        while started < len(lots) and lots[started].start <= instant:
            live.append(lots[started])
            started += 1
        live = [lot for lot in live if lot.is_valid_at(instant) and (lot.grant.amount_micro is None or rest_micro(lot) > 0)]
        payments, overage_micro = pay(use.net_micro, burn_order(live, use.event), rest_micro=rest_micro)
        for payment in payments:
            used_micro[payment.lot.key] += payment.paid_micro
        allocations.append(Allocation(use=use, payments=tuple(payments), overage_micro=overage_micro))
    return used_micro, allocations
