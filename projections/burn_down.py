"""Which lots pay for a consumption, and in which order (docs/ledger.md 4.6, 4.7, 4.9, 4.10)."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from projections.lots import Lot
from schemas.events import CreditConsumed, LineItem
from schemas.instants import INSTANT_LIMIT

ITEM, KIND, EVERYTHING = 0, 1, 2
"""How narrow the selector is that matches: an item, a kind, or a scope that is empty."""


class BurnKey(NamedTuple):
    """The seven criteria of the burn order, compared one after the other; the least pays first (docs/ledger.md 4.7)."""

    made_at: int
    priority: int
    limited: bool
    natural_end: int
    breadth: int
    start: int
    grant_id: str


class BurningLot(Protocol):
    """What the burn order asks of a lot, whether it is being derived or read from a row; instants in UTC microseconds."""

    @property
    def granted_at(self) -> int:
        """When its grant was made."""

    @property
    def priority(self) -> int:
        """1 to 100; lower burns first."""

    @property
    def amount_micro(self) -> int | None:
        """What it holds; None is unlimited."""

    @property
    def natural_end(self) -> int | None:
        """Its end without a void; None is never."""

    @property
    def start(self) -> int:
        """Its first instant."""

    @property
    def grant_id(self) -> str:
        """Its grant."""


class Payment(NamedTuple):
    """What one lot pays for one consumption, in micro-credits."""

    lot: Lot
    paid_micro: int


def breadth_of(scope: Sequence[tuple[str, str | None]], *, line_kind: str | None, item: str | None) -> int | None:
    """Tell how narrow the narrowest selector of a scope is that matches a consumption; None where none does.

    `scope` holds pairs of a kind and an item (None: any); `line_kind` is None where the consumption is no invoice line.
    """
    if not scope:
        return EVERYTHING
    matching = [KIND if wanted is None else ITEM for kind, wanted in scope if kind == line_kind and wanted in (None, item)]
    return min(matching, default=None)


def burn_key(lot: BurningLot, *, occurred_at: int, breadth: int) -> BurnKey:
    """Give the place of a lot in the burn order of a consumption at `occurred_at` that its scope matches."""
    return BurnKey(
        made_at=max(lot.granted_at, occurred_at),
        priority=lot.priority,
        limited=lot.amount_micro is not None,
        natural_end=INSTANT_LIMIT if lot.natural_end is None else lot.natural_end,
        breadth=breadth,
        start=lot.start,
        grant_id=lot.grant_id,
    )


def burn_order(lots: Iterable[Lot], event: CreditConsumed) -> list[tuple[BurnKey, Lot]]:
    """Put those lots that are valid at the consumption and match its scope into the order in which they pay."""
    activity = event.activity
    line_kind, item = (activity.kind, activity.item) if isinstance(activity, LineItem) else (None, None)
    order = []
    for lot in lots:
        breadth = breadth_of(lot.scope, line_kind=line_kind, item=item)
        if breadth is not None and lot.is_valid_at(event.occurred_at):
            order.append((burn_key(lot, occurred_at=event.occurred_at, breadth=breadth), lot))
    order.sort(key=lambda entry: entry[0])
    return order


def pay(
    amount_micro: int, order: Iterable[tuple[BurnKey, Lot]], *, rest_micro: Callable[[Lot], int]
) -> tuple[list[Payment], int]:
    """Let the lots pay in their order, each what it has left, an unlimited one all that the lots before it have left.

    Returns the payments and the overage. `rest_micro` tells what a limited lot has left.
    """
    due_micro = amount_micro
    payments = []
    for _, lot in order:
        if due_micro == 0:
            break
        paid_micro = due_micro if lot.amount_micro is None else min(due_micro, rest_micro(lot))
        if paid_micro > 0:
            payments.append(Payment(lot=lot, paid_micro=paid_micro))
            due_micro -= paid_micro
    return payments, due_micro
