"""What time folds up comes out the same however the log is cut, also where everything happens in one batch."""

import pytest

from projections.books import Books
from projections.rows import LotRow, SnapshotRow
from projections.state import MemoryState
from schemas.errors import InvariantViolation
from tests.support.building import catalog, consume, grant, monthly, records, time_advanced, void

VOIDED_WHILE_TIME_PASSES = (
    monthly("m1", "40", "2026-01-05"),
    time_advanced("2026-01-10"),
    void("m1", "2026-02-20"),
    time_advanced("2026-05-01", "2026-02-28"),
    time_advanced("2026-06-10", "2026-04-01"),
)
VOIDED_BEFORE_IT_BEGAN = (
    grant("g1", "40", "2026-01-05", effective_at="2026-02-01"),
    void("g1", "2026-01-20"),
    consume("e1", "1", "2026-02-02"),
    time_advanced("2026-06-10", "2026-04-01"),
)
VOIDED_WHEN_ALL_IS_SETTLED = (
    monthly("m1", "40", "2026-02-09", expires_at="2026-03-01"),
    consume("e1", "1", "2026-02-10"),
    time_advanced("2026-06-09", "2026-04-05"),
    void("m1", "2026-02-21"),
)


def told(events, *, batch_size):
    """Tell the books some events in batches; gives the state that is left and the rows."""
    state = MemoryState()
    books = Books(state, catalog=catalog())
    read = records(*events)
    rows = {}
    for begin in range(0, len(read), batch_size):
        for change in books.apply(read[begin : begin + batch_size]).changes:
            key = (type(change.row), *change.row[:5])
            rows.pop(key, None)
            if not change.deleted:
                rows[key] = change.row
    return dict(state.scan(b"")), rows


@pytest.mark.parametrize("events", [VOIDED_WHILE_TIME_PASSES, VOIDED_BEFORE_IT_BEGAN, VOIDED_WHEN_ALL_IS_SETTLED])
def test_a_history_leaves_the_same_state_in_one_batch_and_in_many(events):
    """State and rows are those of the same log, record by record."""
    assert told(events, batch_size=100) == told(events, batch_size=1)


def test_a_voided_monthly_grant_has_its_lots_up_to_the_void_although_all_is_settled_in_one_batch():
    """January's lot went unused and February's was voided, also where the void came after the months were over."""
    _, rows = told(VOIDED_WHILE_TIME_PASSES, batch_size=100)
    lots = [(row.month, row.end_kind) for row in rows.values() if isinstance(row, LotRow)]
    months = [
        (row.month, row.monthly_unused_micro, row.monthly_voided_micro, row.final)
        for row in rows.values()
        if isinstance(row, SnapshotRow)
    ]
    assert sorted(lots) == [("2026-01", "UNUSED"), ("2026-02", "VOIDED")]
    assert sorted(months) == [("2026-01", 40_000_000, 0, True), ("2026-02", 0, 40_000_000, True)]


def test_a_grant_that_was_voided_before_it_began_leaves_nothing_open():
    """Once its months are settled, nothing of the account is left in the state but grant, void, the count and names."""
    state, _ = told(VOIDED_BEFORE_IT_BEGAN, batch_size=1)
    assert {key[:1] for key in state} == {b"G", b"V", b"W", b"F", b"H", b"T"}


def test_a_void_in_a_settled_month_that_waited_for_its_grant_leaves_that_month_alone():
    """The void of a grant that begins later may lie in a month that is final when the grant comes; no row of it changes."""
    settled = (
        grant("g1", "40", "2026-01-05"),
        consume("e1", "1", "2026-01-06"),
        void("g2", "2026-01-20"),
        time_advanced("2026-05-10", "2026-03-01"),
    )
    last = grant("g2", "10", "2026-03-05")
    state, rows = told((*settled, last), batch_size=1)
    assert (state, rows) == told((*settled, last), batch_size=100)
    [january] = [row for row in rows.values() if isinstance(row, SnapshotRow) and row.month == "2026-01"]
    assert (january.final, january.once_used_micro) == (True, 1_000_000)


@pytest.mark.parametrize("batch_size", [1, 100])
def test_a_use_of_a_credit_type_that_nobody_knows_leaves_the_state(batch_size):
    """It has no effect, so no account is open for it; once its id counts no more, nothing is left of it but its names."""
    uses = [
        consume("e1", "5", "2025-01-10", credit_type="stamps"),
        consume("e2", "5", "2025-01-20", credit_type="stamps", recorded_at="2025-02-03"),
    ]
    first = (*uses, time_advanced("2025-04-10", "2025-02-01"))
    state, _ = told(first, batch_size=batch_size)
    assert sum(key.startswith(b"I") for key in state) == 1, "what was recorded later is known still"
    state, _ = told((*first, time_advanced("2025-06-11", "2025-04-10")), batch_size=batch_size)
    assert {key[:1] for key in state} == {b"H", b"T"}


@pytest.mark.parametrize(
    ("letter", "what"),
    [
        (b"A", "account's header"),
        (b"L", "lot"),
        (b"M", "month"),
        (b"P", "monthly grant"),
        (b"U", "accepted event"),
        (b"T", "clock"),
    ],
)
def test_a_damaged_record_is_named_as_a_broken_invariant(letter, what):
    """Whatever a state holds that cannot be read stops the partition number with a sentence, and is not taken for an event."""
    state = MemoryState()
    books = Books(state, catalog=catalog())
    books.apply(records(monthly("m1", "40", "2026-01-05"), consume("e1", "1", "2026-01-06"), time_advanced("2026-01-10")))
    for key, value in list(state.scan(letter)):
        state.put(key, value[:-2])
    with pytest.raises(InvariantViolation, match=f"the state holds what is no {what}"):
        books.apply(records(consume("e2", "1", "2026-01-05T12:00:00Z"), time_advanced("2026-02-10")))
