"""Consumption net of its reversals (docs/ledger.md 4.5), and the reversals that do not fit (docs/ledger.md 3.10)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.events import ConsumptionReversed, CreditConsumed
from schemas.records import Place


class Use(NamedTuple):
    """One accepted consumption and how much of it was taken back, in micro-credits."""

    event: CreditConsumed
    place: Place
    reversed_micro: int

    @property
    def net_micro(self) -> int:
        """What is left of the consumption; it counts as if it had always been that size."""
        return self.event.amount_micro - self.reversed_micro


class Reversal(NamedTuple):
    """What became of one reversal: how much it took back, and whether it asked for more than was left."""

    event: ConsumptionReversed
    taken_micro: int
    exceeds: bool


ConsumptionIdentity = tuple[int, str]
"""(`occurred_at`, `event_id`) of a consumption: what a reversal must name, and the order in which it is taken."""


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


def unite(
    consumption: Mapping[ConsumptionIdentity, tuple[CreditConsumed, Place]],
    reversals: Iterable[ConsumptionReversed],
) -> tuple[list[Use], list[Reversal]]:
    """Bring each consumption together with the reversals that name it.

    Returns the uses in the order (`occurred_at`, `event_id`), and what became of the reversals that found a consumption.
    """
    named: dict[ConsumptionIdentity, list[ConsumptionReversed]] = {}
    for reversal in reversals:
        named.setdefault((reversal.consumed_at, reversal.consumption_event_id), []).append(reversal)
    uses: list[Use] = []
    acted: list[Reversal] = []
    for identity in sorted(consumption):
        event, place = consumption[identity]
        outcome = take_back(event.amount_micro, named.get(identity, ()))
        acted.extend(outcome)
        uses.append(Use(event=event, place=place, reversed_micro=sum(reversal.taken_micro for reversal in outcome)))
    return uses, acted
