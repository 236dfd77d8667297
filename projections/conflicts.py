"""Accepted events that do not fit the rest of the books: rows that come and go with the state (docs/ledger.md 3.10)."""

from collections.abc import Collection, Iterable, Iterator

from projections.rows import ConflictRow
from projections.stored import Customer, Stored
from projections.usage import ConsumptionIdentity, Reversal
from schemas import topics
from schemas.amounts import format_micro
from schemas.catalog import Catalog
from schemas.events import ConsumptionReversed, CreditConsumed, CreditGranted, CreditVoided
from schemas.instants import format_instant
from schemas.refusals import Conflict


def catalog_conflict(event: CreditGranted | CreditConsumed, catalog: Catalog) -> tuple[Conflict, str] | None:
    """Tell why an event has no effect while the catalog says so: the conflict and a sentence, or None."""
    credit_type = catalog.credit_types.get(event.credit_type)
    if credit_type is None:
        return Conflict.UNKNOWN_CREDIT_TYPE, f"the catalog has no credit type {event.credit_type}"
    if isinstance(event, CreditGranted) and event.amount_micro is None and not credit_type.allows_unlimited:
        return Conflict.UNLIMITED_NOT_ALLOWED, f"the catalog allows no unlimited {event.credit_type}"
    return None


def catalog_conflicts(
    events: Iterable[CreditGranted | CreditConsumed], *, customer: Customer, catalog: Catalog
) -> Iterator[ConflictRow]:
    """Give a row for each grant and consumption that the catalog leaves without effect."""
    for event in events:
        found = catalog_conflict(event, catalog)
        if found is not None:
            topic, identity = (
                (topics.GRANTS, event.grant_id) if isinstance(event, CreditGranted) else (topics.CONSUMPTION, event.event_id)
            )
            yield ConflictRow(*customer, topic, event.occurred_at, identity, found[0].value, found[1])


def void_conflicts(
    voids: Iterable[Stored[CreditVoided]], *, grant_ids: Collection[str], customer: Customer
) -> Iterator[ConflictRow]:
    """Give a row for each void that names no accepted grant of the customer."""
    for void in voids:
        event = void.event
        if event.grant_id not in grant_ids:
            detail = f"no grant {event.grant_id} was accepted for this customer"
            conflict = Conflict.VOID_WITHOUT_GRANT.value
            yield ConflictRow(*customer, topics.VOIDS, event.occurred_at, event.event_id, conflict, detail)


def reversal_conflicts(
    reversals: Iterable[ConsumptionReversed],
    *,
    acted: Iterable[Reversal],
    consumption: Collection[ConsumptionIdentity],
    customer: Customer,
) -> Iterator[ConflictRow]:
    """Give a row for each reversal that names no accepted consumption, or asked for more than was left of it.

    `acted` is what became of the reversals that found their consumption.
    """
    for event in reversals:
        if (event.consumed_at, event.consumption_event_id) not in consumption:
            consumed_at = format_instant(event.consumed_at)
            detail = f"no consumption {event.consumption_event_id} at {consumed_at} was accepted for this customer"
            yield _reversal_row(event, Conflict.REVERSAL_WITHOUT_CONSUMPTION, detail, customer)
    for reversal in acted:
        if reversal.exceeds:
            asked, taken = format_micro(reversal.event.amount_micro or 0), format_micro(reversal.taken_micro)
            detail = f"asked for {asked}, {taken} was left"
            yield _reversal_row(reversal.event, Conflict.REVERSAL_EXCEEDS_CONSUMPTION, detail, customer)


def _reversal_row(event: ConsumptionReversed, conflict: Conflict, detail: str, customer: Customer) -> ConflictRow:
    return ConflictRow(*customer, topics.CONSUMPTION, event.occurred_at, event.event_id, conflict.value, detail)
