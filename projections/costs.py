"""What a consumption costs, by currency (docs/ledger.md 4.12)."""

from collections.abc import Mapping

from projections.lots import Lot, LotKey
from projections.rows import CostPart
from projections.usage import Allocation, Use
from schemas.amounts import PICO_PER_MICRO, divide_half_even


def cost_of(use: Use, allocation: Allocation, lots: Mapping[LotKey, Lot]) -> tuple[CostPart, ...]:
    """Give the cost of a consumption: the stated one shrunk with the net amount, else what its lots' unit costs come to.

    `lots` has every lot that pays. A stated cost is rounded half-even to 10^-6, a derived one is exact in units of 10^-12.
    Sorted by currency; empty where nothing is stated and no paying lot has a unit cost.
    """
    event = use.event
    if event.cost_micro is not None and event.currency is not None:
        cost_micro = divide_half_even(event.cost_micro * use.net_micro, event.amount_micro)
        return (CostPart(currency=event.currency, cost_pico=cost_micro * PICO_PER_MICRO),)
    sums: dict[str, int] = {}
    for part in allocation.paid:
        lot = lots[part.lot_key]
        if lot.unit_cost_micro is not None and lot.currency is not None:
            sums[lot.currency] = sums.get(lot.currency, 0) + part.amount_micro * lot.unit_cost_micro
    return tuple(CostPart(currency=currency, cost_pico=sums[currency]) for currency in sorted(sums))
