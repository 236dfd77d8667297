"""One busy account whose uses come in any order: what is passed over by sums comes out as if every use had been looked at."""

from collections.abc import Iterable, Iterator
from random import Random

import pytest

from plain_model import derive
from projections import keys, walk
from projections.books import Books
from projections.fold import fold
from projections.pieces import Pieces
from projections.rows import TABLE_OF_ROW_TYPE, AllocationRow, Change, Row
from projections.state import MemoryState
from schemas.events import CreditConsumed, Event
from schemas.instants import MICROSECONDS_PER_DAY
from tests.support.building import at, catalog, consume, grant, monthly, records, reverse, time_advanced, void
from tests.support.differences import difference_between

BEGIN = at("2026-01-10")
SPAN = 80 * MICROSECONDS_PER_DAY
SETTLED = at("2026-03-01")
WHOLE = Pieces(chunk_uses=4, step_uses=1_000_000)
SMALL = Pieces(chunk_uses=4, step_uses=8, step_rows=5, due_accounts=2, dropped_uses=3)
SEEDS = range(60)


def drawn_by(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - the same account for the same seed


def busy_account(random: Random) -> list[Event]:
    """Give what happens to one account: lots that run out and overlap, a hundred uses, reversals, a void; in any order."""
    events: list[Event] = [monthly("m", str(random.randint(5, 60)), BEGIN)]
    for number in range(random.randint(2, 8)):
        start = BEGIN + random.randrange(SPAN)
        end = start + random.randrange(5, 60) * MICROSECONDS_PER_DAY if random.random() < 0.7 else None
        priority = random.choice((40, 50, 60))
        events.append(grant(f"g{number}", str(random.randint(10, 150)), start, expires_at=end, priority=priority))
    uses = [consume(f"e{number}", str(random.randint(1, 9)), BEGIN + random.randrange(SPAN)) for number in range(100)]
    reversed_uses = random.sample(uses, 12)
    for number, use in enumerate(reversed_uses):
        amount = None if random.random() < 0.3 else "0.5"
        events.append(reverse(use, amount, use.occurred_at + 1, event_id=f"r{number}"))
    if random.random() < 0.5:
        events.append(void("g0", BEGIN + random.randrange(SPAN)))
    events += uses
    late = set(random.sample(range(len(events)), len(events) // random.choice((2, 10))))
    in_order = sorted((event for number, event in enumerate(events) if number not in late), key=lambda one: one.occurred_at)
    for number in late:
        in_order.insert(random.randrange(len(in_order) + 1), events[number])
    return in_order


def with_time(events: list[Event], random: Random) -> Iterator[Event]:
    """Let time pass when all has come that is accepted, and a month be settled in the middle of what follows."""
    yield from events
    yield time_advanced(SETTLED + 62 * MICROSECONDS_PER_DAY, SETTLED)
    for number in range(60):
        yield consume(f"f{number}", str(random.randint(1, 9)), SETTLED + random.randrange(SPAN // 2))


class Rows(dict[tuple[object, ...], Row]):
    """The rows that a reader of changes has."""

    def take(self, changes: Iterable[Change]) -> None:
        for change in changes:
            key = (type(change.row), *change.row[: TABLE_OF_ROW_TYPE[type(change.row)].key_length])
            self.pop(key, None)
            if not change.deleted:
                self[key] = change.row


def step_by_step(events: list[Event], random: Random) -> tuple[dict[bytes, bytes], Rows]:
    """Apply events in small batches, with some steps between them; gives the state and the rows that are left."""
    state, rows = MemoryState(), Rows()
    books = Books(state, catalog=catalog(), pieces=SMALL)
    read = records(*events)
    while read:
        size = random.choice((1, 3, 10))
        batch, read = read[:size], read[size:]
        accepted = books.accept(batch)
        rows.take(books.balance_changes(accepted))
        for _ in range(random.choice((0, 1, 5))):
            rows.take(books.due_changes())
    while books.has_due():
        rows.take(books.due_changes())
    return dict(state.scan(b"")), rows


@pytest.mark.parametrize("seed", SEEDS)
def test_late_events_in_steps_come_to_what_all_at_once_comes_to(seed):
    """State and rows are those of one batch, whatever came late, was waiting, passed over or settled meanwhile."""
    random = drawn_by(seed)
    events = list(with_time(busy_account(random), random))
    state, rows = step_by_step(events, random)
    whole, expected = MemoryState(), Rows()
    expected.take(Books(whole, catalog=catalog(), pieces=WHOLE).apply(records(*events)).changes)
    assert state == dict(whole.scan(b""))
    assert rows == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_late_events_in_steps_come_to_what_the_plain_model_comes_to(seed):
    """Derived in small batches and steps, a busy account has the books of the model that derives everything at once."""
    random = drawn_by(seed)
    log = records(*with_time(busy_account(random), random))
    found = fold(log, catalog=catalog(), batch_size=7, pieces=SMALL)
    told = difference_between(found, derive(log, catalog=catalog()), left_name="in steps", right_name="plain model")
    assert told is None, told


def test_chunks_are_passed_over_and_walks_end_early(monkeypatch):
    """The worlds above reach what they are made for: sums that are enough, and sums that are not."""
    outcomes = {"passed": 0, "walked": 0, "over": 0}
    may_be_passed, is_over = walk.Walk._may_be_passed, walk.Walk._is_over

    def told_passed(self, first, last, paid):
        found = may_be_passed(self, first, last, paid)
        outcomes["passed" if found else "walked"] += 1
        return found

    def told_over(self, instant):
        found = is_over(self, instant)
        outcomes["over"] += found
        return found

    monkeypatch.setattr(walk.Walk, "_may_be_passed", told_passed)
    monkeypatch.setattr(walk.Walk, "_is_over", told_over)
    for seed in range(5):
        random = drawn_by(seed)
        step_by_step(list(with_time(busy_account(random), random)), random)
    assert min(outcomes.values()) >= 20, outcomes


def test_a_reversal_that_waits_is_not_half_published():
    """While a pass is under way, a use that is reversed meanwhile is published as it was when the pass began."""
    state = MemoryState()
    books = Books(state, catalog=catalog(), pieces=SMALL)
    uses = [consume(f"e{number:02}", "2", BEGIN + number) for number in range(40)]
    books.apply(records(grant("g", "50", BEGIN), *uses))
    _done(books, consume("late", "30", BEGIN))
    assert any(True for _ in state.scan(keys.PROGRESS)), "one step is not enough"
    _done(books, reverse(uses[24], None, BEGIN + 100))
    published: list[AllocationRow] = []
    while books.has_due():
        published += [change.row for change in books.due_changes() if isinstance(change.row, AllocationRow)]
    of_the_reversed = [(row.reversed_micro, row.overage_micro) for row in published if row.event_id == "e24"]
    assert of_the_reversed == [(0, 2_000_000), (2_000_000, 0)]


def _done(books: Books, event: CreditConsumed | Event) -> None:
    for _ in books.balance_changes(books.accept(records(event))):
        pass
