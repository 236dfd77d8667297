"""The books in the form in which programs read and compare them (docs/ledger.md 8).

A result is made from rows alone. So the rows that a fold gives out, those on the output topics and those in ClickHouse all
come to it in one way, and can be held against each other field by field.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast

from projections.balances import Balance, balance_of, lots_then
from projections.calendar import calendar_of
from projections.explanation import Explanation
from projections.lots import EXPIRED, UNUSED, VOIDED
from projections.rows import (
    TABLE_OF_ROW_TYPE,
    AllocationRow,
    CampaignRow,
    CampaignUsageRow,
    Change,
    ConflictRow,
    DeadLetterRow,
    DerivingRow,
    GrantRow,
    LedgerRow,
    LotRow,
    NameRow,
    Row,
    SnapshotRow,
)
from schemas.amounts import UNLIMITED, format_micro, format_pico
from schemas.catalog import Catalog
from schemas.instants import format_instant

Results = dict[str, Any]
"""The lists of docs/ledger.md 8.3 by name, and the count of duplicates."""

_SomeRow = TypeVar(
    "_SomeRow",
    LedgerRow,
    AllocationRow,
    GrantRow,
    LotRow,
    SnapshotRow,
    CampaignUsageRow,
    ConflictRow,
    DerivingRow,
    CampaignRow,
    NameRow,
    DeadLetterRow,
)
AccountKey = tuple[str, str, str]


class Rows:
    """The rows that stand after a number of changes: what any reader of the change stream holds."""

    def __init__(self) -> None:
        self._rows: dict[type[Row], dict[tuple[Any, ...], Row]] = {row_type: {} for row_type in TABLE_OF_ROW_TYPE}

    def take(self, changes: Iterable[Change]) -> None:
        """Let changes act in their order: a row replaces the one with its key, a deleted one goes."""
        for row, _, deleted in changes:
            standing = self._rows[type(row)]
            key = row[: TABLE_OF_ROW_TYPE[type(row)].key_length]
            if deleted:
                standing.pop(key, None)
            else:
                standing[key] = row

    def of(self, row_type: type[_SomeRow]) -> list[_SomeRow]:
        """Give the rows of a table in the order of their keys."""
        standing = self._rows[row_type]
        return [cast(_SomeRow, standing[key]) for key in sorted(standing)]


def results_of(rows: Rows, *, catalog: Catalog, as_of: int, duplicates: int) -> Results:
    """Write the rows as the lists of docs/ledger.md 8.3; lots and balances are asked as of `as_of` (UTC microseconds)."""
    return {
        "snapshots": [_snapshot(row) for row in rows.of(SnapshotRow)],
        "lots": [lot_facts(row, as_of=as_of) for row in rows.of(LotRow)],
        "allocations": [_allocation(row) for row in sorted(rows.of(AllocationRow), key=_account_of)],
        "balances": list(_balances(rows, catalog=catalog, as_of=as_of)),
        "campaign_usage": [_with_amounts(row._asdict()) for row in rows.of(CampaignUsageRow)],
        "conflicts": [_conflict(row) for row in rows.of(ConflictRow)],
        "campaigns": [row._asdict() for row in rows.of(CampaignRow)],
        "names": [row._asdict() for row in rows.of(NameRow)],
        "refusals": [_refusal(row) for row in rows.of(DeadLetterRow)],
        "duplicates": duplicates,
    }


def lot_facts(row: LotRow, *, as_of: int) -> dict[str, Any]:
    """Write a lot as of an instant: what it holds, what was used in all, and what became of the rest (docs/ledger.md 8.3).

    Once the end has passed the rest is expired, unused or voided by the kind of the end; until then it is the lot's rest. For
    an unlimited lot only amount and used say something.
    """
    rest_micro = 0 if row.amount_micro is None else row.amount_micro - row.used_micro
    ended = row.end is not None and row.end <= as_of
    shares = {kind: rest_micro if ended and row.end_kind == kind else 0 for kind in (EXPIRED, UNUSED, VOIDED)}
    return {
        "organization_id": row.organization_id,
        "customer_id": row.customer_id,
        "credit_type": row.credit_type,
        "grant_id": row.grant_id,
        "start": format_instant(row.start),
        "cadence": row.cadence,
        "end": _instant_or_null(row.end),
        "amount": UNLIMITED if row.amount_micro is None else format_micro(row.amount_micro),
        "used": format_micro(row.used_micro),
        "expired": format_micro(shares[EXPIRED]),
        "unused": format_micro(shares[UNUSED]),
        "voided": format_micro(shares[VOIDED]),
        "rest": format_micro(0 if ended else rest_micro),
    }


def explanation_facts(explanation: Explanation, *, as_of: int) -> dict[str, Any]:
    """Write an explanation as a JSON object; the lots are written as of `as_of` (UTC microseconds)."""
    use, allocation = explanation.consumption, explanation.allocation
    net_micro = allocation.amount_micro - allocation.reversed_micro
    return {
        "organization_id": use.organization_id,
        "customer_id": use.customer_id,
        "credit_type": use.credit_type,
        "event_id": use.event_id,
        "occurred_at": format_instant(use.occurred_at),
        "activity": use.activity_type,
        "amount": format_micro(allocation.amount_micro),
        "reversed": format_micro(allocation.reversed_micro),
        "net": format_micro(net_micro),
        "paid": format_micro(net_micro - allocation.overage_micro),
        "overage": format_micro(allocation.overage_micro),
        "lots": [
            {
                **{
                    name: fact
                    for name, fact in lot_facts(line.lot, as_of=as_of).items()
                    if name in ("grant_id", "start", "end", "amount")
                },
                "priority": line.lot.priority,
                "granted_at": format_instant(line.lot.granted_at),
                "part": line.part.value,
                "paid": format_micro(line.paid_micro),
                "because": line.because,
            }
            for line in explanation.lots
        ],
    }


def balance_facts(account: AccountKey, balance: Balance, *, as_of: int) -> dict[str, Any]:
    """Write what an account has as of an instant (UTC microseconds; docs/ledger.md 6.1)."""
    return {
        **_account_fields(account),
        "as_of": format_instant(as_of),
        "granted": format_micro(balance.granted_micro),
        "used": format_micro(balance.used_micro),
        "balance": format_micro(balance.balance_micro),
        "committed": format_micro(balance.committed_micro),
        "available": format_micro(balance.available_micro),
        "restricted": format_micro(balance.restricted_micro),
        "unlimited": balance.unlimited,
        "next_expiry": _instant_or_null(balance.next_expiry),
        "next_expiry_amount": format_micro(balance.next_expiry_amount_micro),
        "overage": format_micro(balance.overage_micro),
    }


def _balances(rows: Rows, *, catalog: Catalog, as_of: int) -> Iterator[dict[str, Any]]:
    grants, lots = _by_account(rows.of(GrantRow)), _by_account(rows.of(LotRow))
    allocations = _by_account(rows.of(AllocationRow))
    for account in sorted(grants.keys() | {_account_of(row) for row in rows.of(LedgerRow)}):
        calendar = calendar_of(catalog.zone_name(account[0]))
        valid = lots_then(lots.get(account, ()), grants.get(account, ()), as_of=as_of, calendar=calendar)
        month = calendar.month_of(as_of).label
        balance = balance_of(valid, allocations.get(account, ()), as_of=as_of, month=month)
        yield balance_facts(account, balance, as_of=as_of)


def _account_of(row: GrantRow | LedgerRow | LotRow | AllocationRow) -> AccountKey:
    return row.organization_id, row.customer_id, row.credit_type


def _account_fields(account: AccountKey) -> dict[str, Any]:
    return dict(zip(("organization_id", "customer_id", "credit_type"), account, strict=True))


_AccountRow = TypeVar("_AccountRow", GrantRow, LotRow, AllocationRow)


def _by_account(rows: Iterable[_AccountRow]) -> dict[AccountKey, list[_AccountRow]]:
    grouped: dict[AccountKey, list[_AccountRow]] = {}
    for row in rows:
        grouped.setdefault(_account_of(row), []).append(row)
    return grouped


def _snapshot(row: SnapshotRow) -> dict[str, Any]:
    fields = row._asdict()
    del fields["month_start"], fields["month_end"]
    return _with_amounts(fields)


def _with_amounts(fields: dict[str, Any]) -> dict[str, Any]:
    """Write the `_micro` fields as amounts, under their names without the unit."""
    return {
        name.removesuffix("_micro"): format_micro(value) if name.endswith("_micro") else value for name, value in fields.items()
    }


def _allocation(row: AllocationRow) -> dict[str, Any]:
    return {
        **_account_fields(_account_of(row)),
        "occurred_at": format_instant(row.occurred_at),
        "event_id": row.event_id,
        "amount": format_micro(row.amount_micro),
        "reversed": format_micro(row.reversed_micro),
        "overage": format_micro(row.overage_micro),
        "cost": {part.currency: format_pico(part.cost_pico) for part in row.cost},
        "paid_by": [
            {
                "grant_id": part.grant_id,
                "lot_start": format_instant(part.lot_start),
                "amount": format_micro(part.amount_micro),
            }
            for part in row.paid_by
        ],
    }


def _conflict(row: ConflictRow) -> dict[str, Any]:
    return {
        "organization_id": row.organization_id,
        "customer_id": row.customer_id,
        "topic": row.topic,
        "occurred_at": format_instant(row.occurred_at),
        "event_id": row.identity,
        "conflict": row.conflict,
        "detail": row.detail,
    }


def _refusal(row: DeadLetterRow) -> dict[str, Any]:
    return {
        "topic": row.topic or None,
        "partition": row.partition,
        "offset": row.offset,
        "reason": row.reason,
        "field": row.field,
        "detail": row.detail,
    }


def _instant_or_null(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
