"""The interface of the books: batches of records in, changed rows out, over a state."""

from projections.books import Books
from projections.rows import AllocationRow, CampaignUsageRow, ConflictRow, DeadLetterRow, LedgerRow, LotRow, SnapshotRow
from projections.state import MemoryState
from schemas.events import CampaignSend, DailyTopUp, LineItem, Session
from schemas.refusals import Reason
from tests.support.building import at, catalog, consume, grant, records, reverse, time_advanced, void


def changed(applied, row_type):
    return [(change.row, change.deleted) for change in applied.changes if isinstance(change.row, row_type)]


def test_a_batch_gives_out_what_it_changed_and_nothing_else():
    """The second use of a lot changes its lot, its month and its own rows; the first use's rows are not given out again."""
    books = Books(MemoryState(), catalog=catalog())
    log = records(grant("g1", "100", "2026-03-01"), consume("e1", "10", "2026-03-05"), consume("e2", "20", "2026-03-06"))
    books.apply(log[:2])
    applied = books.apply(log[2:])
    assert [row.event_id for row, _ in changed(applied, LedgerRow)] == ["e2"]
    assert [row.event_id for row, _ in changed(applied, AllocationRow)] == ["e2"]
    assert [row.used_micro for row, _ in changed(applied, LotRow)] == [30_000_000]
    assert [row.once_closing_micro for row, _ in changed(applied, SnapshotRow)] == [70_000_000]


def test_a_row_that_no_longer_follows_is_given_out_as_deleted():
    """A conflict goes when the grant that a void names comes; a month goes when its only consumption is reversed in full."""
    books = Books(MemoryState(), catalog=catalog())
    log = records(
        void("g1", "2026-04-01"),
        consume("e1", "5", "2026-03-05"),
        grant("g1", "100", "2026-05-01"),
        reverse(("e1", "2026-03-05")),
    )
    first = books.apply(log[:2])
    assert [deleted for _, deleted in changed(first, ConflictRow)] == [False]
    second = books.apply(log[2:])
    assert [(row.conflict, deleted) for row, deleted in changed(second, ConflictRow)] == [("void_without_grant", True)]
    assert [(row.month, deleted) for row, deleted in changed(second, SnapshotRow)] == [("2026-03", True)]


def test_counters_that_came_to_nothing_are_deleted():
    """A campaign's counter row goes when its only send is reversed in full (7.1)."""
    books = Books(MemoryState(), catalog=catalog())
    send = CampaignSend("camp", "center", "EMAIL", "PLAN", 10)
    log = records(consume("e1", "5", "2026-03-05", activity=send), reverse(("e1", "2026-03-05")))
    assert [deleted for _, deleted in changed(books.apply(log[:1]), CampaignUsageRow)] == [False]
    assert [deleted for _, deleted in changed(books.apply(log[1:]), CampaignUsageRow)] == [True]


def test_a_clock_inside_a_month_changes_no_row():
    """Hourly ticks give out nothing until a month of a zone begins or is settled."""
    books = Books(MemoryState(), catalog=catalog())
    books.apply(records(grant("g1", "100", "2026-03-01"), time_advanced("2026-03-10")))
    assert books.apply(records(time_advanced("2026-03-11"))).changes == ()
    assert [row.month for row, _ in changed(books.apply(records(time_advanced("2026-04-01"))), SnapshotRow)] == ["2026-04"]


def test_a_refused_record_is_kept_whole_under_its_first_place():
    """A dead letter carries key, value, headers and timestamp as they came (3.6)."""
    books = Books(MemoryState(), catalog=catalog())
    log = records(consume("e1", "5", "2026-03-05"), consume("e1", "6", "2026-03-05"))
    raw = log[1].raw._replace(headers=(("trace", b"\xff\x00"),))
    applied = books.apply([log[0], log[1]._replace(raw=raw)])
    (row, deleted), *others = changed(applied, DeadLetterRow)
    assert not others
    assert not deleted
    assert (row.reason, row.field) == (Reason.EVENT_CONFLICT, "event_id")
    assert (row.key, row.value, row.headers, row.timestamp) == (raw.key, raw.value, raw.headers, at("2026-03-05"))
    assert (applied.accepted, applied.duplicates, applied.refused) == (1, 0, 1)


def test_activities_of_two_types_with_the_same_words_are_a_contradiction():
    """A top-up is no invoice line, and a session no campaign send, though their fields hold the same words (3.4)."""
    pairs = [
        (LineItem("a", "b", "ADDON", "d"), DailyTopUp("a", "b", "ADDON", "d")),
        (CampaignSend("a", "b", "EMAIL", "d", 5), Session("a", "b", "EMAIL", "d", 5)),
    ]
    for first, second in pairs:
        books = Books(MemoryState(), catalog=catalog())
        applied = books.apply(
            records(consume("e1", "5", "2026-03-05", activity=first), consume("e1", "5", "2026-03-05", activity=second))
        )
        assert (applied.accepted, applied.duplicates, applied.refused) == (1, 0, 1)


def test_all_that_is_known_lies_in_the_state():
    """Books made anew over the same state go on as if nothing had happened."""
    state = MemoryState()
    log = records(grant("g1", "100", "2026-03-01"), consume("e1", "10", "2026-03-05"), consume("e2", "20", "2026-03-04"))
    Books(state, catalog=catalog()).apply(log[:2])
    applied = Books(state, catalog=catalog()).apply(log[1:])
    assert (applied.accepted, applied.duplicates) == (1, 1)
    assert [row.used_micro for row, _ in changed(applied, LotRow)] == [30_000_000]
