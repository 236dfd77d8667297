"""How a consumption was paid, read out of the view `consumption_payment`: also of history that is settled.

The view's rows are made into rows of the books again, so that one pure function explains them (`projections.explanation`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from projections.columns import columns_of
from projections.explanation import Explanation, explain
from projections.rows import AllocationRow, LotRow
from schemas.instants import format_instant
from streams.clickhouse.asking import Entry, ask_values

_VIEW = "consumption_payment"
_NAMES_OF_ALLOCATION = {"month": "consumption_month"}
_NAMES_OF_LOT = {"amount": "lot_amount", "used": "lot_used"}
"""The columns of the view that are named otherwise than the fields of the row."""


class PaidConsumption(NamedTuple):
    """What the view tells of a consumption; instants are UTC microseconds."""

    organization_id: str
    customer_id: str
    occurred_at: int
    event_id: str
    credit_type: str
    activity_type: str
    line_kind: str | None
    item: str | None


def explanations_of(
    client: Client, *, organization: str, customer: str, event_id: str, occurred_at: int | None
) -> list[Explanation]:
    """Explain every consumption of a customer that has this id, or the one that also has this instant (UTC microseconds).

    An id may have been used again after its time, and then lies at several instants, which are in order here. Raises like
    `streams.clickhouse.asking.ask`.
    """
    parameters = {
        "organization": organization,
        "customer": customer,
        "event_id": event_id,
        "occurred_at": "" if occurred_at is None else format_instant(occurred_at),
    }
    by_use: dict[PaidConsumption, list[Entry]] = {}
    for entry in ask_values(client, _VIEW, parameters):
        by_use.setdefault(_read(PaidConsumption, entry, {}), []).append(entry)
    return [_explanation(use, entries) for use, entries in by_use.items()]


def _explanation(use: PaidConsumption, entries: Iterable[Entry]) -> Explanation:
    entries = list(entries)
    allocation = _read(AllocationRow, entries[0], _NAMES_OF_ALLOCATION)
    # A consumption for which no lot was valid has one row without a lot.
    return explain(use, allocation, [_read(LotRow, entry, _NAMES_OF_LOT) for entry in entries if entry["grant_id"]])


def _read(row_type: Any, entry: Entry, names: Mapping[str, str]) -> Any:
    return row_type(*(column.read(entry[names.get(column.name, column.name)]) for column in columns_of(row_type)))
