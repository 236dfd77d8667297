"""The fast core against the plain model, and the laws that hold whatever happens, over generated worlds.

Every test draws the same worlds each time it runs; a failure shows the smallest world that Hypothesis found, record by record.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plain_model import derive
from projections.books import Books
from projections.calendar import calendar_of
from projections.explanation import ExplainedLot, Part, explain
from projections.fold import fold, fold_rows
from projections.lots import VOIDED
from projections.pieces import Pieces
from projections.results import Rows, results_of
from projections.rows import (
    TABLE_OF_ROW_TYPE,
    TABLES,
    AllocationRow,
    CampaignUsageRow,
    Change,
    DeadLetterRow,
    LedgerRow,
    LotRow,
    Row,
    SnapshotRow,
)
from projections.state import MemoryState
from projections.tables import Accounts, CampaignCounters
from schemas.catalog import Catalog
from schemas.errors import SettingsError
from schemas.events import CustomerEvent, MasterEvent, TimeAdvanced
from schemas.instants import INSTANT_LIMIT
from schemas.records import ReadRecord
from schemas.refusals import Reason
from tests.support.differences import difference_between
from tests.support.laws import broken_laws
from tests.support.orders import interleaved, mixed_within_topics, with_copies
from tests.support.worlds import World, world, world_of_seed

shuffles = st.randoms(use_true_random=False)

WHOLE = Pieces(chunk_uses=2, step_uses=1_000_000)
SMALL = Pieces(chunk_uses=2, step_uses=2, step_rows=2, due_accounts=2, dropped_uses=2)
"""Chunks of two uses, as in WHOLE, and so little at once that every late event takes several steps."""


@st.composite
def generated_worlds(draw):
    """Draw a world; one that fails a test is told record by record."""
    return world(draw(shuffles))


worlds = generated_worlds()


def with_worlds(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test over so many worlds, the same ones each time."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),  # worlds are large by intention, and the machine may be slow
    )


def books_of(drawn: World, records: Sequence[ReadRecord] | None = None, *, batch_size: int | None = None) -> dict[str, Any]:
    read = drawn.read() if records is None else records
    return fold(read, as_of=drawn.as_of, batch_size=batch_size, **drawn.rules, pieces=SMALL)


def assert_same(left: dict[str, Any], right: dict[str, Any], *, left_name: str, right_name: str) -> None:
    told = difference_between(left, right, left_name=left_name, right_name=right_name)
    assert told is None, told


@with_worlds(300)
@given(worlds)
def test_the_fast_core_and_the_plain_model_come_to_the_same_books(drawn):
    """Two implementations that share nothing but the events agree in every field of every list."""
    plain = derive(drawn.read(), as_of=drawn.as_of, **drawn.rules)
    assert_same(books_of(drawn), plain, left_name="fast core", right_name="plain model")


@with_worlds(120)
@given(worlds, shuffles, st.sampled_from((1, 3, 7, None)))
def test_batches_and_the_order_of_topics_do_not_matter(drawn, random, batch_size):
    """However the topics are interleaved and cut into batches, the books are the same (docs/ledger.md 4.1)."""
    mixed = interleaved(random, drawn.read())
    assert_same(books_of(drawn, mixed, batch_size=batch_size), books_of(drawn), left_name="mixed", right_name="in order")


@with_worlds(120)
@given(worlds, shuffles)
def test_the_order_within_a_topic_does_not_matter(drawn, random):
    """Where no contradictions, clock events and grants at their limit change places, records of a topic may (4.1)."""
    drawn = drawn._replace(live_grants_max=None)
    mixed = mixed_within_topics(random, drawn.read())
    assert_same(books_of(drawn, mixed, batch_size=5), books_of(drawn), left_name="mixed", right_name="in order")


@with_worlds(120)
@given(worlds, shuffles)
def test_a_copy_is_a_duplicate_or_too_late(drawn, random):
    """Accepted records delivered again change no figure; a copy whose id was forgotten is refused (docs/ledger.md 3.3, 3.7)."""
    read = drawn.read()
    books = books_of(drawn)
    records, copies = with_copies(random, read, accepted_records(drawn, read))
    again = books_of(drawn, records, batch_size=4)
    refused = [entry for entry in again["refusals"] if (entry["topic"], entry["partition"], entry["offset"]) in copies]
    used_anew = {Reason.TOO_LATE.value, Reason.EVENT_CONFLICT.value}
    assert {entry["reason"] for entry in refused} <= used_anew
    assert again["duplicates"] == books["duplicates"] + len(copies) - len(refused)
    kept = [entry for entry in again["refusals"] if entry not in refused]
    assert_same(
        {**again, "refusals": kept, "duplicates": 0}, {**books, "duplicates": 0}, left_name="with copies", right_name="without"
    )


def accepted_records(drawn: World, read: Iterable[ReadRecord]) -> list[ReadRecord]:
    """Give the records with an event of a customer that were accepted, told by taking them one by one."""
    books: dict[int, Books] = {}
    accepted = []
    for record in read:
        one = books.setdefault(record.place.partition, Books(MemoryState(), **drawn.rules))
        if one.apply([record]).accepted and is_of_customer(record):
            accepted.append(record)
    return accepted


@with_worlds(120)
@given(worlds)
def test_the_books_keep_their_laws(drawn):
    """Months, lots, payments, balances and campaign counters add up in every way in which they hang together."""
    asked = fold_rows(drawn.read(), as_of=drawn.as_of, **drawn.rules).as_of
    # Asked for outright, so that every clock has reached the instant and every lot that is valid then is listed.
    folded = fold_rows(drawn.read(), as_of=asked, batch_size=6, **drawn.rules)
    results = results_of(folded.rows, catalog=drawn.catalog, as_of=folded.as_of, duplicates=folded.duplicates)
    assert broken_laws(folded.rows, results) == []


class Reader:
    """A reader of the change stream who notices what a store would: idle writes and deletes of what is not there."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], Row] = {}

    def take(self, changes: Iterable[Change]) -> None:
        for change in changes:
            table = TABLE_OF_ROW_TYPE[type(change.row)]
            key = (table.name, *change.row[: table.key_length])
            standing = self.rows.get(key)
            if change.deleted:
                assert standing == change.row, "a row is deleted with the content that it had"
                del self.rows[key]
            else:
                is_idle = standing == change.row and not isinstance(change.row, DeadLetterRow)
                assert not is_idle, "a row that did not change is not written"
                self.rows[key] = change.row


@with_worlds(120)
@given(worlds, st.sampled_from((1, 2, 5)))
def test_changes_build_the_same_rows_batch_by_batch(drawn, batch_size):
    """Changes applied batch by batch leave the rows that one batch leaves, and none is written or deleted for nothing."""
    read = drawn.read()
    for partition in range(drawn.partition_count):
        records = [record for record in read if record.place.partition == partition]
        at_once, by_parts = Reader(), Reader()
        at_once.take(Books(MemoryState(), **drawn.rules).apply(records).changes)
        books = Books(MemoryState(), **drawn.rules, pieces=SMALL)
        for start in range(0, len(records), batch_size):
            by_parts.take(books.apply(records[start : start + batch_size]).changes)
        assert by_parts.rows == at_once.rows


@with_worlds(120)
@given(worlds, st.sampled_from((1, 3, 1000)))
def test_the_tables_hold_what_was_published(drawn, batch_size):
    """Lots, months and campaign counters that the state keeps are those that a reader of the change stream has.

    Those of months that are final are gone from the state, and stay with the reader.
    """
    for partition in range(drawn.partition_count):
        records = [record for record in drawn.read() if record.place.partition == partition]
        state, reader = MemoryState(), Reader()
        books = Books(state, **drawn.rules, pieces=SMALL)
        for start in range(0, len(records), batch_size):
            reader.take(books.apply(records[start : start + batch_size]).changes)
        accounts = Accounts(state)
        kept = [row for key in accounts for rows in accounts[key] for row in rows] + list(CampaignCounters(state).values())
        published = [row for row in reader.rows.values() if isinstance(row, LotRow | SnapshotRow | CampaignUsageRow)]
        assert set(kept) <= set(published)
        gone = set(published) - set(kept)
        assert all(is_final(row, drawn.catalog, books.times().boundary) for row in gone)
        assert not any(is_final(row, drawn.catalog, books.times().boundary) for row in kept)


def is_final(row: LotRow | SnapshotRow | CampaignUsageRow, catalog: Catalog, boundary: int | None) -> bool:
    """Tell whether nothing of a row may change any more."""
    if boundary is None:
        return False
    month = calendar_of(catalog.zone_name(row.organization_id)).month_of(boundary)
    match row:
        case SnapshotRow():
            return row.final
        case CampaignUsageRow():
            return row.day < f"{month.label}-01"
        case _:
            return row.end is not None and (row.end < month.start or (row.end == month.start and row.end_kind != VOIDED))


@with_worlds(120)
@given(worlds, shuffles, st.sampled_from((1, 2, 5)))
def test_the_state_is_the_same_for_any_batches(drawn, random, batch_size):
    """Cut into batches or not, its topics interleaved otherwise, a log leaves one and the same state behind, key by key."""
    mixed = interleaved(random, drawn.read())
    for partition in range(drawn.partition_count):
        at_once, by_parts = MemoryState(), MemoryState()
        Books(at_once, **drawn.rules, pieces=WHOLE).apply([one for one in drawn.read() if one.place.partition == partition])
        books = Books(by_parts, **drawn.rules, pieces=SMALL)
        records = [record for record in mixed if record.place.partition == partition]
        for start in range(0, len(records), batch_size):
            books.apply(records[start : start + batch_size])
        assert dict(by_parts.scan(b"")) == dict(at_once.scan(b""))


def lots_and_months(state: MemoryState) -> set[Row]:
    """Give the lots and months that a reader of the table of accounts sees."""
    accounts = Accounts(state)
    return {row for key in accounts for rows in accounts[key] for row in rows}


@with_worlds(300)
@given(worlds, shuffles, st.sampled_from((1, 2, 5)))
def test_batches_that_come_between_the_steps_do_not_matter(drawn, random, batch_size):
    """While accounts are derived step by step, batches go on being accepted: state and rows come out as from one batch."""
    mixed = interleaved(random, drawn.read())
    for partition in range(drawn.partition_count):
        at_once, by_steps = MemoryState(), MemoryState()
        reader_at_once, reader_by_steps = Reader(), Reader()
        whole = Books(at_once, **drawn.rules, pieces=WHOLE)
        reader_at_once.take(whole.apply([one for one in drawn.read() if one.place.partition == partition]).changes)
        books = Books(by_steps, **drawn.rules, pieces=SMALL)
        records = [record for record in mixed if record.place.partition == partition]
        for start in range(0, len(records), batch_size):
            accepted = books.accept(records[start : start + batch_size])
            reader_by_steps.take(books.balance_changes(accepted))
            reader_by_steps.take(books.campaign_changes(accepted))
            reader_by_steps.take(books.dead_letter_changes(accepted))
            for _ in range(random.randint(0, 3)):
                reader_by_steps.take(books.due_changes())
            assert lots_and_months(by_steps) <= set(reader_by_steps.rows.values()), "tables hold what was published"
        while books.has_due():
            reader_by_steps.take(books.due_changes())
        assert reader_by_steps.rows == reader_at_once.rows
        assert dict(by_steps.scan(b"")) == dict(at_once.scan(b""))


@with_worlds(120)
@given(worlds)
def test_a_log_read_once_more_changes_nothing(drawn):
    """All that was accepted is a duplicate or too late the second time, and no row but dead letters is written."""
    read = drawn.read()
    accepted = {record.place for record in accepted_records(drawn, read)}
    for partition in range(drawn.partition_count):
        records = [record for record in read if record.place.partition == partition]
        books = Books(MemoryState(), **drawn.rules)
        books.apply(records)
        once_more = [record for record in records if record.place in accepted or not is_of_customer(record)]
        applied = books.apply(once_more)
        assert [change for change in applied.changes if not isinstance(change.row, DeadLetterRow)] == []
        assert applied.accepted == sum(isinstance(record.content, TimeAdvanced | MasterEvent) for record in once_more)


def is_of_customer(record: ReadRecord) -> bool:
    return isinstance(record.content, CustomerEvent)


class Rank(NamedTuple):
    """The seven criteria once more, each with the words that tell it (docs/ledger.md 4.7)."""

    value: Any
    words: str


def ranks(lot: LotRow, line: LedgerRow) -> tuple[Rank, ...]:
    matching = [selector for selector in lot.scope if selector in {(line.line_kind, None), (line.line_kind, line.item)}]
    narrowness = 2 if not lot.scope else 0 if any(item is not None for _, item in matching) else 1
    return (
        Rank(max(0, lot.granted_at - line.occurred_at), "was granted later, at "),
        Rank(lot.priority, f"has priority {lot.priority}, after "),
        Rank(0 if lot.amount_micro is None else 1, "is limited, and unlimited lots pay first"),
        Rank(lot.natural_end or INSTANT_LIMIT, "ends later" if lot.natural_end else "never ends, the lot before it does"),
        Rank(narrowness, "covers "),
        Rank(lot.start, "started later"),
        Rank(lot.grant_id, "is alike in all else, and its grant_id comes later"),
    )


def expected_reason(before: ExplainedLot | None, explained: ExplainedLot, line: LedgerRow) -> str:
    """Give the words with which the reason must begin."""
    if explained.part is Part.OUT_OF_SCOPE:
        return "pays only for "
    if before is None:
        return "comes first"
    for first, second in zip(ranks(before.lot, line), ranks(explained.lot, line), strict=True):
        if first.value != second.value:
            assert first.value < second.value, "the lots stand in burn order"
            return second.words
    raise AssertionError("two lots of one account differ in no criterion")


@with_worlds(120)
@given(worlds)
def test_every_payment_is_explained(drawn):
    """The explained lots paid what the allocation says, in its order, each behind the one before for the reason given."""
    rows = fold_rows(drawn.read(), as_of=drawn.as_of, **drawn.rules).rows
    lots, ledger = rows.of(LotRow), {row[:4]: row for row in rows.of(LedgerRow)}
    for allocation in rows.of(AllocationRow):
        line = ledger[allocation[:4]]
        account = (allocation.organization_id, allocation.customer_id, allocation.credit_type)
        explanation = explain(line, allocation, [lot for lot in lots if lot[:3] == account])
        paid = [(one.lot.grant_id, one.lot.start, one.paid_micro) for one in explanation.lots if one.part is Part.PAID]
        assert paid == [tuple(part) for part in allocation.paid_by]
        before = None
        due_micro = allocation.amount_micro - allocation.reversed_micro
        for one in explanation.lots:
            assert one.because.startswith(expected_reason(before, one, line))
            if one.part is not Part.OUT_OF_SCOPE:
                assert (one.part is Part.NOT_NEEDED) == (due_micro == 0)
                before, due_micro = one, due_micro - one.paid_micro


@with_worlds(120)
@given(worlds)
def test_what_is_settled_is_not_asked_about(drawn):
    """Asked as of an instant before a boundary, core and plain model refuse alike; at the boundary both answer."""
    read = drawn.read()
    rows: dict[int, Books] = {}
    for record in read:
        rows.setdefault(record.place.partition, Books(MemoryState(), **drawn.rules)).apply([record])
    boundaries = [one.times().boundary for one in rows.values() if one.times().boundary is not None]
    if boundaries:
        for engine in (fold, derive):
            engine(read, as_of=max(boundaries), **drawn.rules)
            with pytest.raises(SettingsError, match="settled"):
                engine(read, as_of=max(boundaries) - 1, **drawn.rules)


def test_one_seed_gives_one_world():
    """The census draws its worlds from seeds; a world that is drawn again is the same."""
    assert world_of_seed(7) == world_of_seed(7)


def test_rows_know_every_table():
    """The comparisons above look at every kind of row that the books have."""
    assert all(Rows().of(table.row_type) == [] for table in TABLES)
