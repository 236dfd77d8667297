"""A customer's accepted events put together: which grants and consumption have effect, and what stands apart.

Rule: docs/ledger.md 3.10, 4.4 and 4.5. Voids find their grant and reversals their consumption within one customer, whatever
the credit type; conflicts are what found nothing, asked for too much, or is not in the catalog.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from plain_model.acceptance import AcceptedEvent
from plain_model.accounts import NetConsumption
from schemas.amounts import format_micro
from schemas.catalog import Catalog
from schemas.events import ConsumptionReversed, CreditConsumed, CreditGranted, CreditVoided
from schemas.instants import format_instant
from schemas.refusals import Conflict
from schemas.topics import CONSUMPTION, GRANTS, VOIDS


class CustomerKey(NamedTuple):
    """A customer on the partition number where its events lie."""

    partition: int
    organization_id: str
    customer_id: str


@dataclass(slots=True)
class CustomerEvents:
    """All accepted events of one customer; each void comes with the instant at which it takes effect."""

    grants: list[CreditGranted] = field(default_factory=list)
    voids: list[tuple[CreditVoided, int]] = field(default_factory=list)
    consumption: list[CreditConsumed] = field(default_factory=list)
    reversals: list[ConsumptionReversed] = field(default_factory=list)


class FoundConflict(NamedTuple):
    """A conflict of one event; `own_id` is its `event_id`, for a grant its `grant_id`."""

    topic: str
    occurred_at: int
    own_id: str
    conflict: Conflict
    detail: str


@dataclass(slots=True)
class Account:
    """What has effect on one account of a customer: grants with the void that stands (None: none), and net consumption."""

    grants: list[tuple[CreditGranted, int | None]] = field(default_factory=list)
    consumption: list[NetConsumption] = field(default_factory=list)


def by_customer(accepted: Iterable[AcceptedEvent]) -> dict[CustomerKey, CustomerEvents]:
    """Gather the accepted events of each customer; master data is left out."""
    customers: defaultdict[CustomerKey, CustomerEvents] = defaultdict(CustomerEvents)
    for partition, event, accept_from in accepted:
        match event:
            case CreditGranted():
                customers[CustomerKey(partition, event.organization_id, event.customer_id)].grants.append(event)
            case CreditVoided():
                # A void dated before the window takes effect where the window began when it was accepted.
                takes_effect_at = event.occurred_at if accept_from is None else max(event.occurred_at, accept_from)
                customer = customers[CustomerKey(partition, event.organization_id, event.customer_id)]
                customer.voids.append((event, takes_effect_at))
            case CreditConsumed():
                customers[CustomerKey(partition, event.organization_id, event.customer_id)].consumption.append(event)
            case ConsumptionReversed():
                customers[CustomerKey(partition, event.organization_id, event.customer_id)].reversals.append(event)
            case _:
                pass
    return dict(customers)


def accounts_of(events: CustomerEvents, catalog: Catalog) -> tuple[dict[str, Account], list[FoundConflict]]:
    """Put a customer's events together: its accounts by credit type, and the conflicts found on the way.

    An account is there when a grant or a consumption of it has effect, also a consumption reversed in full.
    """
    conflicts: list[FoundConflict] = []
    voided_at = _standing_voids(events, conflicts)
    reversed_micro = _reversed(events, conflicts)
    accounts: defaultdict[str, Account] = defaultdict(Account)
    for grant in events.grants:
        fault = _catalog_fault(catalog, grant.credit_type, is_unlimited=grant.amount_micro is None)
        if fault is None:
            accounts[grant.credit_type].grants.append((grant, voided_at.get(grant.grant_id)))
        else:
            conflicts.append(FoundConflict(GRANTS, grant.occurred_at, grant.grant_id, *fault))
    for consumption in events.consumption:
        fault = _catalog_fault(catalog, consumption.credit_type, is_unlimited=False)
        if fault is None:
            taken_micro = reversed_micro[consumption.event_id, consumption.occurred_at]
            accounts[consumption.credit_type].consumption.append(NetConsumption(consumption, taken_micro))
        else:
            conflicts.append(FoundConflict(CONSUMPTION, consumption.occurred_at, consumption.event_id, *fault))
    return dict(accounts), conflicts


def _standing_voids(events: CustomerEvents, conflicts: list[FoundConflict]) -> dict[str, int]:
    """Find the earliest void of each grant, in UTC microseconds by `grant_id` (docs/ledger.md 4.4)."""
    grant_ids = {grant.grant_id for grant in events.grants}
    voided_at: dict[str, int] = {}
    for void, takes_effect_at in events.voids:
        if void.grant_id in grant_ids:
            voided_at[void.grant_id] = min(takes_effect_at, voided_at.get(void.grant_id, takes_effect_at))
        else:
            detail = f"no grant {void.grant_id} was accepted for this customer"
            conflicts.append(FoundConflict(VOIDS, void.occurred_at, void.event_id, Conflict.VOID_WITHOUT_GRANT, detail))
    return voided_at


def _reversed(events: CustomerEvents, conflicts: list[FoundConflict]) -> dict[tuple[str, int], int]:
    """Find what is taken back of each consumption, in micro-credits by `event_id` and `occurred_at` (docs/ledger.md 3.10)."""
    amounts_micro = {(event.event_id, event.occurred_at): event.amount_micro for event in events.consumption}
    taken_micro = dict.fromkeys(amounts_micro, 0)
    for reversal in _in_order(events.reversals):
        names = reversal.consumption_event_id, reversal.consumed_at
        if names not in amounts_micro:
            detail = f"no consumption {names[0]} at {format_instant(names[1])} was accepted for this customer"
            conflicts.append(_reversal_conflict(reversal, Conflict.REVERSAL_WITHOUT_CONSUMPTION, detail))
            continue
        left_micro = amounts_micro[names] - taken_micro[names]
        asked_micro = left_micro if reversal.amount_micro is None else reversal.amount_micro
        if asked_micro > left_micro:
            detail = f"asked for {format_micro(asked_micro)}, {format_micro(left_micro)} was left"
            conflicts.append(_reversal_conflict(reversal, Conflict.REVERSAL_EXCEEDS_CONSUMPTION, detail))
        taken_micro[names] += min(asked_micro, left_micro)
    return taken_micro


def _in_order(reversals: Sequence[ConsumptionReversed]) -> list[ConsumptionReversed]:
    return sorted(reversals, key=lambda reversal: (reversal.occurred_at, reversal.event_id))


def _reversal_conflict(reversal: ConsumptionReversed, conflict: Conflict, detail: str) -> FoundConflict:
    return FoundConflict(CONSUMPTION, reversal.occurred_at, reversal.event_id, conflict, detail)


def _catalog_fault(catalog: Catalog, credit_type: str, *, is_unlimited: bool) -> tuple[Conflict, str] | None:
    """Hold a grant or consumption against the catalog (docs/ledger.md 3.10)."""
    known = catalog.credit_types.get(credit_type)
    if known is None:
        return Conflict.UNKNOWN_CREDIT_TYPE, f"the catalog has no credit type {credit_type}"
    if is_unlimited and not known.allows_unlimited:
        return Conflict.UNLIMITED_NOT_ALLOWED, f"the catalog allows no unlimited {credit_type}"
    return None
