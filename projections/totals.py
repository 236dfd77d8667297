"""What all accounts of a credit type come to, for those who watch the whole and not a customer (docs/metrics.md)."""

from dataclasses import dataclass, field

from projections.rows import LotRow, SnapshotRow
from schemas.instants import MICROSECONDS_PER_DAY

EXPIRING_WITHIN = 7 * MICROSECONDS_PER_DAY


@dataclass(slots=True)
class CreditTotals:
    """Sums over the accounts of one credit type, in micro-credits, as of an instant.

    `granted_micro` counts the limited lots that have begun, `used_micro` what lots have paid, `overage_micro` what none has
    paid, `expiring_micro` what is left of limited lots that end within seven days.
    """

    granted_micro: int = 0
    used_micro: int = 0
    overage_micro: int = 0
    expiring_micro: int = 0
    accounts: set[tuple[str, str]] = field(default_factory=set)


class Totals:
    """Totals by credit type, summed row by row, so that whoever reads rows can pause between them."""

    def __init__(self, *, as_of: int) -> None:
        self._as_of = as_of
        self.by_credit_type: dict[str, CreditTotals] = {}

    def take_lot(self, lot: LotRow) -> None:
        """Add a lot."""
        totals = self._of(lot)
        if lot.amount_micro is None or lot.start > self._as_of:
            return
        totals.granted_micro += lot.amount_micro
        if lot.end is not None and self._as_of < lot.end <= self._as_of + EXPIRING_WITHIN:
            totals.expiring_micro += lot.amount_micro - lot.used_micro

    def take_month(self, month: SnapshotRow) -> None:
        """Add a month of an account."""
        totals = self._of(month)
        totals.used_micro += month.consumed_micro - month.overage_micro
        totals.overage_micro += month.overage_micro

    def _of(self, row: LotRow | SnapshotRow) -> CreditTotals:
        totals = self.by_credit_type.setdefault(row.credit_type, CreditTotals())
        totals.accounts.add((row.organization_id, row.customer_id))
        return totals
