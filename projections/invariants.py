"""The laws of conservation that hold for the rows of every account, checked before rows are published (docs/ledger.md 5).

A row that breaks one is a bug or a damaged state: nothing of it may be committed.
"""

from collections.abc import Iterable

from projections.rows import AllocationRow, LotRow, Row, SnapshotRow
from schemas.errors import InvariantViolation
from schemas.records import Place


def check_rows(rows: Iterable[Row], *, place: Place) -> None:
    """Check rows of any tables, which the record at `place` changed.

    Raises InvariantViolation naming record, account and the law that is broken.
    """
    try:
        for row in rows:
            _check_row(row)
    except InvariantViolation as error:
        raise InvariantViolation(f"at {place.topic}/{place.partition}/{place.offset}: {error}") from error


def _check_row(row: Row) -> None:
    match row:
        case SnapshotRow():
            _check_snapshot(row)
        case LotRow(amount_micro=int() as amount_micro):
            _check(row, 0 <= row.used_micro <= amount_micro, f"of lot {row.grant_id} more is used than it holds")
        case AllocationRow():
            _check_allocation(row)
        case _:
            pass


def _check_snapshot(row: SnapshotRow) -> None:
    moved = (
        row.once_opening_micro + row.once_granted_micro - row.once_used_micro - row.once_expired_micro - row.once_voided_micro
    )
    _check(row, moved == row.once_closing_micro >= 0, f"in {row.month} opening and movements do not make the closing")
    ended = row.monthly_used_micro + row.monthly_unused_micro + row.monthly_voided_micro
    _check(row, ended == row.monthly_granted_micro, f"in {row.month} monthly credits are not all used, unused or voided")
    paid = row.once_used_micro + row.monthly_used_micro + row.unlimited_used_micro + row.overage_micro
    _check(row, paid == row.consumed_micro, f"in {row.month} what was consumed is not what was paid and overage")


def _check_allocation(row: AllocationRow) -> None:
    paid = sum(part.amount_micro for part in row.paid_by)
    covered = paid + row.overage_micro == row.amount_micro - row.reversed_micro
    _check(row, covered and row.overage_micro >= 0, f"payments and overage of {row.event_id} do not make its net amount")


def _check(row: SnapshotRow | LotRow | AllocationRow, holds: bool, law: str) -> None:
    if not holds:
        raise InvariantViolation(f"account {row.organization_id}|{row.customer_id}|{row.credit_type}: {law}")
