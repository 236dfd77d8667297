"""Accepted events that do not fit the rest of the books: rows that come and go with the state (docs/ledger.md 3.10)."""

from collections.abc import Iterable

from projections.rows import ConflictRow
from projections.stored import customer_of
from projections.usage import Reversal, take_back
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


def catalog_conflict_row(event: CreditGranted | CreditConsumed, catalog: Catalog) -> ConflictRow | None:
    """Give the row for a grant or consumption that the catalog leaves without effect, or None."""
    found = catalog_conflict(event, catalog)
    if found is None:
        return None
    conflict, detail = found
    if isinstance(event, CreditGranted):
        topic, identity = topics.GRANTS, event.grant_id
    else:
        topic, identity = topics.CONSUMPTION, event.event_id
    return ConflictRow(*customer_of(event), topic, event.occurred_at, identity, conflict.value, detail)


def void_conflict_row(event: CreditVoided) -> ConflictRow:
    """Give the row for a void that names no accepted grant of its customer."""
    detail = f"no grant {event.grant_id} was accepted for this customer"
    conflict = Conflict.VOID_WITHOUT_GRANT.value
    return ConflictRow(*customer_of(event), topics.VOIDS, event.occurred_at, event.event_id, conflict, detail)


def reversal_conflict_rows(consumption: CreditConsumed | None, reversals: Iterable[ConsumptionReversed]) -> list[ConflictRow]:
    """Give a row for each of the reversals that name one consumption and do not fit it; None: it was not accepted."""
    if consumption is None:
        return [_reversal_row(event, Conflict.REVERSAL_WITHOUT_CONSUMPTION, _not_found(event)) for event in reversals]
    return [
        _reversal_row(reversal.event, Conflict.REVERSAL_EXCEEDS_CONSUMPTION, _exceeds(reversal))
        for reversal in take_back(consumption.amount_micro, reversals)
        if reversal.exceeds
    ]


def _not_found(event: ConsumptionReversed) -> str:
    consumed_at = format_instant(event.consumed_at)
    return f"no consumption {event.consumption_event_id} at {consumed_at} was accepted for this customer"


def _exceeds(reversal: Reversal) -> str:
    asked, taken = format_micro(reversal.event.amount_micro or 0), format_micro(reversal.taken_micro)
    return f"asked for {asked}, {taken} was left"


def _reversal_row(event: ConsumptionReversed, conflict: Conflict, detail: str) -> ConflictRow:
    return ConflictRow(*customer_of(event), topics.CONSUMPTION, event.occurred_at, event.event_id, conflict.value, detail)
