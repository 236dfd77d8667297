"""The reasons that an explanation gives, one for each criterion of the burn order (4.7) and each part that a lot can have."""

import pytest

from projections.explanation import Part, explain
from projections.fold import fold_rows
from projections.rows import AllocationRow, LedgerRow, LotRow
from schemas.events import LineItem
from tests.support.building import at, catalog, consume, grant, records

METER = LineItem("inv", "1", "USAGE_METER", "gpu")


@pytest.mark.parametrize(
    ("first", "second", "because"),
    [
        ({}, {"occurred_at": "2026-03-20"}, "was granted later, at 2026-03-20T00:00:00Z, after this use"),
        ({"priority": 10}, {}, "has priority 50, after 10"),
        ({"amount": "unlimited"}, {}, "is limited, and unlimited lots pay first"),
        ({"expires_at": "2026-04-01"}, {"expires_at": "2026-05-01"}, "ends later"),
        ({"expires_at": "2026-04-01"}, {}, "never ends, the lot before it does"),
        ({"scope": ["USAGE_METER/gpu"]}, {"scope": ["USAGE_METER"]}, "covers one kind of line, the lot before it one item"),
        ({"scope": ["USAGE_METER"]}, {}, "covers everything, the lot before it one kind of line"),
        ({}, {"effective_at": "2026-03-02"}, "started later"),
        ({}, {}, "is alike in all else, and its grant_id comes later"),
    ],
)
def test_each_criterion_has_its_reason(first, second, because):
    """Of two lots that differ in one criterion alone, the second says that it is this one."""
    common = {"amount": "20", "occurred_at": "2026-03-01", "effective_at": "2026-03-01", "credit_type": "hours"}
    log = records(
        grant("a", **(common | first)),
        grant("b", **(common | second)),
        consume("e1", "30", "2026-03-10", credit_type="hours", activity=METER),
    )
    rows = fold_rows(log, catalog=catalog(), as_of=at("2026-03-31")).rows
    lots = explain(rows.of(LedgerRow)[0], rows.of(AllocationRow)[0], rows.of(LotRow)).lots
    assert [(line.lot.grant_id, line.because) for line in lots] == [("a", "comes first"), ("b", because)]


def test_each_part_that_a_lot_can_have():
    """One lot had nothing left, one paid, one was not needed, and one does not cover what was used."""
    log = records(
        grant("a-spent", "5", "2026-03-01", priority=1),
        grant("b-pays", "50", "2026-03-01", priority=2),
        grant("c-spare", "50", "2026-03-01", priority=3),
        grant("d-other", "50", "2026-03-01", priority=4, scope=["ADDON", "USAGE_METER/disk"]),
        grant("e-ended", "50", "2026-02-01", expires_at="2026-03-01"),
        consume("e0", "5", "2026-03-05"),
        consume("e1", "30", "2026-03-10", activity=METER),
    )
    rows = fold_rows(log, catalog=catalog(), as_of=at("2026-03-31")).rows
    use = next(row for row in rows.of(LedgerRow) if row.event_id == "e1")
    allocation = next(row for row in rows.of(AllocationRow) if row.event_id == "e1")
    lots = explain(use, allocation, rows.of(LotRow)).lots
    assert [(line.lot.grant_id, line.part, line.paid_micro) for line in lots] == [
        ("a-spent", Part.NOTHING_LEFT, 0),
        ("b-pays", Part.PAID, 30_000_000),
        ("c-spare", Part.NOT_NEEDED, 0),
        ("d-other", Part.OUT_OF_SCOPE, 0),
    ]
    assert lots[-1].because == "pays only for ADDON, USAGE_METER disk; this use is USAGE_METER gpu"
