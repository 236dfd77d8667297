"""One account's lots, and which of them pay for what (docs/ledger.md 4.2 to 4.8).

Consumption is taken net of its reversals in the order (`occurred_at`, `event_id`); for each one all lots are looked through
anew. The seven criteria of the burn-down are a tuple of small functions.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from plain_model.months import Calendar, Interval, Month
from schemas.events import ONCE, CreditConsumed, CreditGranted, LineItem, Selector

NEVER = 10**18
"""Stands for the end of a lot without end where ends are compared: later than every instant."""


class Lot(NamedTuple):
    """A grant's credits for the instants from `start` up to `end`, exclusive (None: for ever); UTC microseconds.

    `natural_end` is where it would end without a void, `end` where it does; they differ only where a void came first.
    """

    grant: CreditGranted
    start: int
    natural_end: int | None
    end: int | None

    @property
    def is_limited(self) -> bool:
        """Whether the lot has an amount."""
        return self.grant.amount_micro is not None

    @property
    def is_once(self) -> bool:
        """Whether the lot is the only one of its grant."""
        return self.grant.cadence == ONCE

    @property
    def is_voided(self) -> bool:
        """Whether a void ended the lot before its natural end."""
        return self.end != self.natural_end

    def is_valid_at(self, instant: int) -> bool:
        """Say whether the lot can pay at an instant."""
        return self.start <= instant and (self.end is None or instant < self.end)

    def is_valid_in(self, interval: Interval) -> bool:
        """Say whether the lot is valid at some instant of an interval."""
        return self.start < interval.end and (self.end is None or interval.start < self.end)


class NetConsumption(NamedTuple):
    """A consumption with what its reversals took back, in micro-credits (at most its amount)."""

    event: CreditConsumed
    reversed_micro: int

    @property
    def net_micro(self) -> int:
        """What is left of the consumption."""
        return self.event.amount_micro - self.reversed_micro


class Payment(NamedTuple):
    """What one lot paid for a consumption, in micro-credits above 0."""

    lot: Lot
    amount_micro: int


class PaidConsumption(NamedTuple):
    """A consumption with the lots that paid for it, in burn order, and what no lot covered."""

    consumption: NetConsumption
    payments: tuple[Payment, ...]
    overage_micro: int


class UsedLot(NamedTuple):
    """A lot with all that it paid: (when, micro-credits), in the order in which consumption is taken."""

    lot: Lot
    uses: tuple[tuple[int, int], ...]

    def used_before(self, instant: int) -> int:
        """Give the micro-credits that the lot paid for consumption before an instant."""
        return sum(amount_micro for occurred_at, amount_micro in self.uses if occurred_at < instant)

    def used_in(self, interval: Interval) -> int:
        """Give the micro-credits that the lot paid for consumption in an interval."""
        return sum(amount_micro for occurred_at, amount_micro in self.uses if interval.contains(occurred_at))

    def used(self) -> int:
        """Give the micro-credits that the lot paid at any time."""
        return sum(amount_micro for _, amount_micro in self.uses)

    def rest_before(self, instant: int) -> int:
        """Give what a limited lot has left before the consumption at an instant; 0 for an unlimited one."""
        amount_micro = self.lot.grant.amount_micro
        return 0 if amount_micro is None else amount_micro - self.used_before(instant)

    def rest(self) -> int:
        """Give what a limited lot has left in the end; 0 for an unlimited one."""
        amount_micro = self.lot.grant.amount_micro
        return 0 if amount_micro is None else amount_micro - self.used()


def lots_of(grant: CreditGranted, *, voided_at: int | None, calendar: Calendar, last_month: Month | None) -> tuple[Lot, ...]:
    """Issue a grant's lots in the order of their start (docs/ledger.md 4.2 and 4.4).

    `voided_at` is the instant of the void that stands, in UTC microseconds. Monthly lots are issued up to and including
    `last_month`; none where that is None.
    """
    validities = [(grant.effective_at, grant.expires_at)] if grant.cadence == ONCE else _months_of(grant, calendar, last_month)
    return tuple(
        Lot(grant, start, natural_end, _end(natural_end, voided_at))
        for start, natural_end in validities
        if voided_at is None or start < voided_at
    )


def _months_of(grant: CreditGranted, calendar: Calendar, last_month: Month | None) -> list[tuple[int, int | None]]:
    """Cut a monthly grant's validity into calendar months."""
    validities: list[tuple[int, int | None]] = []
    month = calendar.month_of(grant.effective_at)
    while last_month is not None and month <= last_month:
        interval = calendar.interval_of(month)
        start = max(interval.start, grant.effective_at)
        end = interval.end if grant.expires_at is None else min(interval.end, grant.expires_at)
        if start >= end:
            break
        validities.append((start, end))
        month = month.following()
    return validities


def _end(natural_end: int | None, voided_at: int | None) -> int | None:
    if voided_at is None or (natural_end is not None and natural_end <= voided_at):
        return natural_end
    return voided_at


def selectors_that_match(scope: Iterable[Selector], event: CreditConsumed) -> tuple[Selector, ...]:
    """Give the selectors of a scope that an invoice line meets; anything else meets none (docs/ledger.md 4.9)."""
    line = event.activity
    if not isinstance(line, LineItem):
        return ()
    return tuple(selector for selector in scope if selector.kind == line.kind and selector.item in (None, line.item))


def may_pay(lot: Lot, event: CreditConsumed) -> bool:
    """Say whether a lot is valid when the consumption occurs and pays for such things (docs/ledger.md 4.6 and 4.9)."""
    in_scope = not lot.grant.scope or bool(selectors_that_match(lot.grant.scope, event))
    return in_scope and lot.is_valid_at(event.occurred_at)


Criterion = Callable[[Lot, CreditConsumed], int | str]
"""Ranks a lot among those that may pay for a consumption: the least pays first, equals go to the next criterion."""


def made_first(lot: Lot, event: CreditConsumed) -> int:
    """Grants made by then are equal; of those made later, the one made first."""
    return max(lot.grant.occurred_at, event.occurred_at)


def least_priority(lot: Lot, _event: CreditConsumed) -> int:
    """The lowest number burns first."""
    return lot.grant.priority


def unlimited_first(lot: Lot, _event: CreditConsumed) -> int:
    """Unlimited before limited."""
    return 1 if lot.is_limited else 0


def soonest_natural_end(lot: Lot, _event: CreditConsumed) -> int:
    """The one that lapses first; one without end comes last, and a void changes nothing."""
    return NEVER if lot.natural_end is None else lot.natural_end


def narrowest_selector(lot: Lot, event: CreditConsumed) -> int:
    """An item before a kind, a kind before everything; of several selectors that match, the narrowest counts."""
    if not lot.grant.scope:
        return 2
    return 0 if any(selector.item is not None for selector in selectors_that_match(lot.grant.scope, event)) else 1


def earliest_start(lot: Lot, _event: CreditConsumed) -> int:
    """The lot that began first."""
    return lot.start


def least_grant_id(lot: Lot, _event: CreditConsumed) -> str:
    """The last tie-break; the order of code points is that of UTF-8 bytes."""
    return lot.grant.grant_id


BURN_CRITERIA: tuple[Criterion, ...] = (
    made_first,
    least_priority,
    unlimited_first,
    soonest_natural_end,
    narrowest_selector,
    earliest_start,
    least_grant_id,
)
"""The order in which lots pay (docs/ledger.md 4.7)."""


def burn_down(
    lots: Sequence[Lot], consumption: Iterable[NetConsumption], *, burn_criteria: Sequence[Criterion]
) -> tuple[tuple[UsedLot, ...], tuple[PaidConsumption, ...]]:
    """Pay all of an account's consumption from its lots.

    Gives each lot, in the order given, with what it paid, and each consumption, in the order in which it is taken, with who
    paid for it. Guarantees that payments and overage add up to the net amount and that no limited lot pays more than it has.
    """
    uses: list[list[tuple[int, int]]] = [[] for _ in lots]
    used_micro = [0 for _ in lots]
    paid: list[PaidConsumption] = []
    for use in sorted(consumption, key=lambda use: (use.event.occurred_at, use.event.event_id)):
        event, due_micro = use.event, use.net_micro
        payers = [index for index, lot in enumerate(lots) if may_pay(lot, event)]
        payers.sort(key=lambda index: tuple(criterion(lots[index], event) for criterion in burn_criteria))
        payments: list[Payment] = []
        for index in payers:
            amount_micro = lots[index].grant.amount_micro
            rest_micro = due_micro if amount_micro is None else amount_micro - used_micro[index]
            part_micro = min(due_micro, rest_micro)
            if part_micro > 0:
                payments.append(Payment(lots[index], part_micro))
                uses[index].append((event.occurred_at, part_micro))
                used_micro[index] += part_micro
                due_micro -= part_micro
        paid.append(PaidConsumption(use, tuple(payments), due_micro))
    return tuple(UsedLot(lot, tuple(parts)) for lot, parts in zip(lots, uses, strict=True)), tuple(paid)
