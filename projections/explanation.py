"""Which lots paid for a consumption, why in this order, and what else was valid (docs/ledger.md 4.6 to 4.10).

One pure function over the rows of the books: settled history, of which the state keeps nothing, is explained like the newest.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

from projections.burn_down import EVERYTHING, ITEM, KIND, BurnKey, breadth_of, burn_key
from projections.rows import AllocationRow, LotRow
from schemas.instants import INSTANT_LIMIT, format_instant


class Consumption(Protocol):
    """What an explanation needs to know of a consumption; a LedgerRow has it. The instant is in UTC microseconds."""

    @property
    def organization_id(self) -> str: ...  # noqa: D102 -- the fields of a LedgerRow
    @property
    def customer_id(self) -> str: ...  # noqa: D102
    @property
    def credit_type(self) -> str: ...  # noqa: D102
    @property
    def event_id(self) -> str: ...  # noqa: D102
    @property
    def occurred_at(self) -> int: ...  # noqa: D102
    @property
    def activity_type(self) -> str: ...  # noqa: D102
    @property
    def line_kind(self) -> str | None: ...  # noqa: D102
    @property
    def item(self) -> str | None: ...  # noqa: D102


class Part(StrEnum):
    """What part a valid lot had in a payment."""

    PAID = "paid"
    NOTHING_LEFT = "nothing left"
    NOT_NEEDED = "not needed"
    OUT_OF_SCOPE = "out of scope"


class ExplainedLot(NamedTuple):
    """One lot that was valid at the consumption: its part, what it paid, and why it stands where it stands.

    `because` tells which criterion put it behind the lot before it; for the first and for one out of scope it says so.
    """

    lot: LotRow
    part: Part
    paid_micro: int
    because: str


class Explanation(NamedTuple):
    """A consumption, what became of it, and every lot that was valid then, in burn order, those out of scope last."""

    consumption: Consumption
    allocation: AllocationRow
    lots: tuple[ExplainedLot, ...]


def explain(consumption: Consumption, allocation: AllocationRow, lots: Iterable[LotRow]) -> Explanation:
    """Explain one consumption from its two rows and all lots of its account."""
    instant = consumption.occurred_at
    valid = [lot for lot in lots if lot.is_valid_at(instant)]
    ordered, outside = [], []
    for lot in sorted(valid, key=lambda lot: (lot.start, lot.grant_id)):
        breadth = breadth_of(lot.scope, line_kind=consumption.line_kind, item=consumption.item)
        if breadth is None:
            outside.append(ExplainedLot(lot, Part.OUT_OF_SCOPE, 0, _scope_sentence(lot, consumption)))
        else:
            ordered.append((burn_key(lot, occurred_at=instant, breadth=breadth), lot))
    ordered.sort()
    return Explanation(consumption, allocation, (*_in_order(ordered, allocation), *outside))


def _in_order(ordered: list[tuple[BurnKey, LotRow]], allocation: AllocationRow) -> list[ExplainedLot]:
    paid_micro = {(part.grant_id, part.lot_start): part.amount_micro for part in allocation.paid_by}
    due_micro = allocation.amount_micro - allocation.reversed_micro
    explained = []
    before: BurnKey | None = None
    for after, lot in ordered:
        paid = paid_micro.get((lot.grant_id, lot.start), 0)
        part = Part.PAID if paid else Part.NOTHING_LEFT if due_micro else Part.NOT_NEEDED
        because = "comes first" if before is None else why_after(before, after)
        explained.append(ExplainedLot(lot, part, paid, because))
        due_micro -= paid
        before = after
    return explained


def why_after(first: BurnKey, second: BurnKey) -> str:
    """Say in one sentence which of the seven criteria of docs/ledger.md 4.7 puts the second lot behind the first."""
    never = second.natural_end == INSTANT_LIMIT
    sentences = {
        "made_at": f"was granted later, at {format_instant(second.made_at)}, after this use",
        "priority": f"has priority {second.priority}, after {first.priority}",
        "limited": "is limited, and unlimited lots pay first",
        "natural_end": "never ends, the lot before it does" if never else "ends later",
        "breadth": f"covers {_BREADTHS[second.breadth]}, the lot before it {_BREADTHS[first.breadth]}",
        "start": "started later",
        "grant_id": "is alike in all else, and its grant_id comes later",
    }
    return next(sentences[name] for name in BurnKey._fields if getattr(first, name) != getattr(second, name))


_BREADTHS = {ITEM: "one item", KIND: "one kind of line", EVERYTHING: "everything"}


def _scope_sentence(lot: LotRow, consumption: Consumption) -> str:
    scope = ", ".join(kind if item is None else f"{kind} {item}" for kind, item in lot.scope)
    used_for = "no invoice line" if consumption.line_kind is None else f"{consumption.line_kind} {consumption.item}"
    return f"pays only for {scope}; this use is {used_for}"
