"""Consumption net of its reversals (docs/ledger.md 4.5), how it is kept, and the reversals that do not fit (3.10)."""

from collections.abc import Iterable
from typing import NamedTuple

from projections.lots import LotKey
from schemas.events import ConsumptionReversed, CreditConsumed
from schemas.instants import INSTANT_LIMIT
from schemas.records import Place


class Paid(NamedTuple):
    """What a lot paid for a consumption, in micro-credits."""

    grant_id: str
    lot_start: int
    amount_micro: int

    @property
    def lot_key(self) -> LotKey:
        """The lot, within its account."""
        return self.grant_id, self.lot_start


class Allocation(NamedTuple):
    """How a consumption is paid: what the lots pay, in burn order, and the overage, in micro-credits."""

    paid: tuple[Paid, ...]
    overage_micro: int

    @property
    def net_micro(self) -> int:
        """What it covers and leaves uncovered: the net amount that it was made for."""
        return sum(part.amount_micro for part in self.paid) + self.overage_micro


class Use(NamedTuple):
    """One accepted consumption, how much of it was taken back, and how it is paid (None: not derived yet).

    `wire` is the event in its wire form, in which it is kept.
    """

    event: CreditConsumed
    wire: bytes
    place: Place
    reversed_micro: int
    allocation: Allocation | None

    @property
    def net_micro(self) -> int:
        """What is left of the consumption; it counts as if it had always been that size."""
        return self.event.amount_micro - self.reversed_micro

    @property
    def paid(self) -> tuple[Paid, ...]:
        """What lots pay for it, as it was derived last."""
        return () if self.allocation is None else self.allocation.paid

    @property
    def identity(self) -> "ConsumptionIdentity":
        """What a reversal must name, and its place in the order in which consumption is taken."""
        return self.event.occurred_at, self.event.event_id


class Reversal(NamedTuple):
    """What became of one reversal: how much it took back, and whether it asked for more than was left."""

    event: ConsumptionReversed
    taken_micro: int
    exceeds: bool


ConsumptionIdentity = tuple[int, str]
"""(`occurred_at`, `event_id`) of a consumption: what a reversal must name, and the order in which it is taken."""


FIRST: ConsumptionIdentity = (0, "")
"""A place before all consumption."""

LAST: ConsumptionIdentity = (INSTANT_LIMIT, "")
"""A place behind all consumption."""


def place_behind(identity: ConsumptionIdentity) -> ConsumptionIdentity:
    """Give the first place behind a consumption: ids hold no control characters."""
    return identity[0], identity[1] + "\0"


def identity_of(event: CreditConsumed) -> ConsumptionIdentity:
    """Give what identifies a consumption of a customer."""
    return event.occurred_at, event.event_id


def take_back(amount_micro: int, reversals: Iterable[ConsumptionReversed]) -> tuple[Reversal, ...]:
    """Let the reversals of one consumption act in the order (`occurred_at`, `event_id`), each at most on what is left.

    A reversal without amount takes all that is left and never exceeds.
    """
    left_micro = amount_micro
    outcome = []
    for event in sorted(reversals, key=lambda reversal: (reversal.occurred_at, reversal.event_id)):
        wanted_micro = left_micro if event.amount_micro is None else event.amount_micro
        taken_micro = min(wanted_micro, left_micro)
        left_micro -= taken_micro
        outcome.append(Reversal(event=event, taken_micro=taken_micro, exceeds=wanted_micro > taken_micro))
    return tuple(outcome)
