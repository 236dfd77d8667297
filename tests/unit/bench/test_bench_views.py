"""The benchmark of views: what it tells of answers, and that its events are of every kind that a view shows."""

from bench.contenders import CATALOG
from bench.views.asking import Answers
from bench.views.data import folded
from projections.rows import AllocationRow, CampaignUsageRow, GrantRow, LedgerRow, LotRow, NameRow, SnapshotRow
from schemas.catalog import parse_catalog


def test_answers_are_told_by_median_and_by_the_slowest_but_one_of_twenty():
    """One answer of twenty may be slow without p95 showing it; the share shows it."""
    answers = Answers("some", "all", (*range(1, 20), 500), row_count=1, byte_count=1)
    assert (answers.median, answers.p95, answers.slow_share) == (10.5, 19, 0.05)
    slow = Answers("some", "all", (*range(1, 19), 400, 500), row_count=1, byte_count=1)
    assert (slow.p95, slow.slow_share) == (400, 0.1)


def test_the_events_leave_no_view_empty():
    """There is use of every type of credits, of every month, by every activity that a report is about."""
    rows = folded(parse_catalog(CATALOG.read_text(encoding="utf-8")), event_count=4_000)
    assert {row.credit_type for row in rows.of(SnapshotRow)} == {"coins", "hours", "messages", "sessions", "usd"}
    assert {row.activity_type for row in rows.of(LedgerRow)} == {"Booking", "CampaignSend", "LineItem", "Session"}
    assert {f"2026-{month:02}" for month in range(2, 13)} <= {row.month for row in rows.of(LedgerRow)}
    assert any(row.reversed_micro for row in rows.of(AllocationRow))
    assert any(row.overage_micro for row in rows.of(AllocationRow))
    assert any(row.voided_at for row in rows.of(GrantRow))
    for row_type in (LotRow, CampaignUsageRow, NameRow):
        assert rows.of(row_type)
