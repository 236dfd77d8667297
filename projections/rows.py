"""The rows that the books consist of: what is published, stored and queried, declared once.

Every table has a frozen row type here; the first `Table.key_length` fields identify the row. Instants are UTC microseconds,
amounts micro-credits (`_micro`), costs 10^-12 (`_pico`), months `2026-03`, days `2026-03-14`. A row says nothing of the
instant at which it is read: what depends on one is computed from rows against a parameter (docs/ledger.md 6.1).
"""

from typing import NamedTuple

from schemas import topics
from schemas.records import Place


class PaidPart(NamedTuple):
    """One part of an allocation: the lot that paid (its grant and start) and how much."""

    grant_id: str
    lot_start: int
    amount_micro: int


class CostPart(NamedTuple):
    """A cost in one currency."""

    currency: str
    cost_pico: int


class LedgerRow(NamedTuple):
    """An accepted consumption that has effect, with the columns of its activity; written once."""

    organization_id: str
    customer_id: str
    occurred_at: int
    event_id: str
    credit_type: str
    recorded_at: int
    actor: str | None
    month: str
    day: str
    amount_micro: int
    cost_micro: int | None
    currency: str | None
    activity_type: str
    booking_id: str | None
    member_id: str | None
    resource: str | None
    campaign_id: str | None
    center_id: str | None
    channel: str | None
    credit_source: str | None
    processed: int | None
    session_id: str | None
    staff: str | None
    client: str | None
    program: str | None
    minutes: int | None
    device_id: str | None
    invoice_id: str | None
    line_id: str | None
    line_kind: str | None
    item: str | None
    label: str | None


class AllocationRow(NamedTuple):
    """How a consumption was paid: net of reversals, by which lots in burn order, at what cost (docs/ledger.md 4.6, 4.12)."""

    organization_id: str
    customer_id: str
    occurred_at: int
    event_id: str
    credit_type: str
    month: str
    amount_micro: int
    reversed_micro: int
    overage_micro: int
    cost: tuple[CostPart, ...]
    paid_by: tuple[PaidPart, ...]


class GrantRow(NamedTuple):
    """A grant that has effect, with the earliest void of it (docs/ledger.md 4.4)."""

    organization_id: str
    customer_id: str
    grant_id: str
    event_id: str
    credit_type: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    name: str
    cadence: str
    amount_micro: int | None
    priority: int
    effective_at: int
    expires_at: int | None
    scope: tuple[tuple[str, str | None], ...]
    unit_cost_micro: int | None
    currency: str | None
    voided_at: int | None
    void_event_id: str | None
    void_reason: str | None


class LotRow(NamedTuple):
    """A lot's facts: what it holds, what was used of it in all, when it ends and how.

    `end` is the natural end or the void that came before it (None: never); `end_kind` is EXPIRED, UNUSED, VOIDED or NEVER
    and names what becomes of the rest when `end` has passed (docs/ledger.md 4.11). `amount_micro` None means unlimited.
    """

    organization_id: str
    customer_id: str
    credit_type: str
    grant_id: str
    start: int
    cadence: str
    end: int | None
    natural_end: int | None
    end_kind: str
    amount_micro: int | None
    used_micro: int
    priority: int
    granted_at: int
    scope: tuple[tuple[str, str | None], ...]
    month: str

    def is_valid_at(self, instant: int) -> bool:
        """Tell whether the instant lies in [start, end)."""
        return self.start <= instant and (self.end is None or instant < self.end)


class SnapshotRow(NamedTuple):
    """An account's figures for one calendar month of the organization's zone (docs/ledger.md 5)."""

    organization_id: str
    customer_id: str
    credit_type: str
    month: str
    month_start: int
    month_end: int
    once_opening_micro: int
    once_granted_micro: int
    once_used_micro: int
    once_expired_micro: int
    once_voided_micro: int
    once_closing_micro: int
    monthly_granted_micro: int
    monthly_used_micro: int
    monthly_unused_micro: int
    monthly_voided_micro: int
    unlimited_used_micro: int
    once_unlimited: bool
    monthly_unlimited: bool
    overage_micro: int
    consumed_micro: int
    consumption_count: int
    final: bool


class CampaignUsageRow(NamedTuple):
    """What one customer's sends of a campaign came to on one local day (docs/ledger.md 7)."""

    organization_id: str
    customer_id: str
    credit_type: str
    campaign_id: str
    center_id: str
    day: str
    channel: str
    credit_source: str
    processed: int
    credits_micro: int


class ConflictRow(NamedTuple):
    """An accepted event that does not fit the rest of the books (docs/ledger.md 3.10)."""

    organization_id: str
    customer_id: str
    topic: str
    occurred_at: int
    identity: str
    conflict: str
    detail: str


class DerivingRow(NamedTuple):
    """An account whose books are being derived step by step after a late event; the row goes when they are published."""

    organization_id: str
    customer_id: str
    credit_type: str


class CampaignRow(NamedTuple):
    """The definition of a campaign that stands."""

    organization_id: str
    campaign_id: str
    name: str
    campaign_type: str
    created_from: str
    created_from_id: str | None
    targeted: int
    channel: str
    credit_source: str
    status: str


class NameRow(NamedTuple):
    """The name that stands for a customer, center or zone."""

    organization_id: str
    kind: str
    named_id: str
    name: str


class DeadLetterRow(NamedTuple):
    """A refused record with everything that it carried; `timestamp` in UTC microseconds (docs/ledger.md 3.6)."""

    topic: str
    partition: int
    offset: int
    reason: str
    field: str | None
    detail: str
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


Row = (
    LedgerRow
    | AllocationRow
    | GrantRow
    | LotRow
    | SnapshotRow
    | CampaignUsageRow
    | ConflictRow
    | DerivingRow
    | CampaignRow
    | NameRow
    | DeadLetterRow
)


class Table(NamedTuple):
    """One table of the books: its name in ClickHouse, the topic that feeds it, its row type, how many fields are the key."""

    name: str
    topic: str
    row_type: type[Row]
    key_length: int


TABLES = (
    Table("ledger", topics.LEDGER, LedgerRow, 4),
    Table("allocations", topics.ALLOCATIONS, AllocationRow, 4),
    Table("grants", topics.GRANT_STATE, GrantRow, 3),
    Table("lots", topics.LOTS, LotRow, 5),
    Table("monthly_snapshots", topics.SNAPSHOTS, SnapshotRow, 4),
    Table("campaign_usage", topics.CAMPAIGN_USAGE, CampaignUsageRow, 8),
    Table("conflicts", topics.CONFLICTS, ConflictRow, 5),
    Table("deriving", topics.DERIVING, DerivingRow, 3),
    Table("campaigns", topics.CAMPAIGN_DEFINITIONS, CampaignRow, 2),
    Table("names", topics.NAME_DEFINITIONS, NameRow, 3),
    Table("dead_letters", topics.DEAD_LETTERS, DeadLetterRow, 3),
)
TABLE_OF_ROW_TYPE = {table.row_type: table for table in TABLES}


class Change(NamedTuple):
    """One changed row: written anew, or (`deleted`) no longer following from the state.

    A deleted row carries the content that it had; `source` is the place of the record that the row, or its latest change,
    comes from, and is no part of equality (docs/ledger.md 8.1).
    """

    row: Row
    source: Place
    deleted: bool
