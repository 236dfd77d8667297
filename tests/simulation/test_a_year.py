"""A simulated year: months appear and become final in their turn, and what is settled leaves the state."""

from collections import Counter
from itertools import pairwise

import pytest

from bench.year import BEGINS_AT, WINDOW_DAYS, year
from plain_model import derive
from projections import keys
from projections.books import Books
from projections.calendar import calendar_of
from projections.results import Rows, results_of
from projections.rows import SnapshotRow
from projections.state import MemoryState
from projections.stored import scan_uses
from schemas.catalog import parse_catalog
from schemas.events import CreditConsumed
from schemas.instants import MICROSECONDS_PER_DAY
from tests.support.differences import difference_between

ACCOUNT_COUNT = 40
CATALOG = parse_catalog("[credit_types.coins]\n[organizations.brightcare]\ntime_zone = 'Asia/Tokyo'")
FOR_EVER = (keys.GRANT, keys.VOID, keys.VOID_OF_GRANT)


class Year:
    """The books of a year, applied hour by hour, and what the state came to at the end of every month."""

    def __init__(self):
        self.state, self.rows, self.records = MemoryState(), Rows(), []
        self.key_counts: list[int] = []
        self.letters: list[Counter[bytes]] = []
        self.duplicates = 0
        books = Books(self.state, catalog=CATALOG)
        utc = calendar_of("UTC")
        ends_at = BEGINS_AT
        for hour in year(account_count=ACCOUNT_COUNT):
            self.records += hour.records
            applied = books.apply(hour.records)
            self.duplicates += applied.duplicates
            self.rows.take(applied.changes)
            if utc.month_of(hour.ends_at - 1) != utc.month_of(hour.ends_at):
                assert self.months_that_are_final_are_those_that_are_settled(books.times().boundary) > 0
                self.note_size()
            ends_at = hour.ends_at
        self.ends_at = ends_at

    def months_that_are_final_are_those_that_are_settled(self, boundary):
        rows = self.rows.of(SnapshotRow)
        assert all(row.final == (row.month_end <= boundary) for row in rows)
        return len(rows)

    def note_size(self):
        letters = Counter(key[:1] for key, _ in self.state.scan(b""))
        self.letters.append(letters)
        self.key_counts.append(sum(count for letter, count in letters.items() if letter not in FOR_EVER))


@pytest.fixture(scope="module")
def a_year():
    return Year()


def test_every_figure_is_that_of_the_plain_model(a_year):
    """After a year in batches of an hour, all lists are those that the plain model makes of the whole log at once."""
    results = results_of(a_year.rows, catalog=CATALOG, as_of=a_year.ends_at, duplicates=a_year.duplicates)
    plain = derive(a_year.records, catalog=CATALOG, as_of=a_year.ends_at)
    told = difference_between(results, plain, left_name="the year", right_name="plain model")
    assert told is None, told
    assert len(plain["snapshots"]) > ACCOUNT_COUNT * 11
    assert sum(entry["final"] for entry in plain["snapshots"]) > ACCOUNT_COUNT * 8


def test_the_state_is_as_large_at_the_end_of_every_month(a_year):
    """Once the first months have settled, what is kept grows no more, but for grants and voids, which are kept for ever.

    Two or three months are open at a month's end, by the days that months have; so the largest are held against each other.
    """
    early, late = a_year.key_counts[4:8], a_year.key_counts[8:]
    assert (len(early), len(late)) == (4, 4)
    assert max(late) <= 1.1 * max(early)
    assert a_year.letters[-1][keys.GRANT] > a_year.letters[4][keys.GRANT]


def test_what_is_settled_is_gone(a_year):
    """Consumption of months that are final is in the state only while its id counts, and an id only with its event."""
    boundary = a_year.ends_at - a_year.ends_at % MICROSECONDS_PER_DAY - WINDOW_DAYS * MICROSECONDS_PER_DAY
    state, letters = a_year.state, (keys.USAGE, keys.SETTLED_USAGE)
    accounts = {(letter, keys.split(key)[0]) for letter in letters for key, _ in state.scan(letter)}
    kept = [(key, use.event) for letter, account in accounts for key, use in scan_uses(state, account, letter=letter)]
    assert all(max(event.occurred_at, event.recorded_at) >= boundary - 31 * MICROSECONDS_PER_DAY for _, event in kept)
    assert any(event.occurred_at < boundary - 31 * MICROSECONDS_PER_DAY for _, event in kept), "some came late"
    assert len(kept) < sum(isinstance(record.content, CreditConsumed) for record in a_year.records) / 3
    identities = {value for _, value in a_year.state.scan(keys.IDENTITY)}
    assert {key for key, _ in kept} <= identities
    assert all(a_year.state.get(key) is not None for key in identities)


def test_a_state_read_back_from_its_changelog_goes_on_alike():
    """Stopped in the middle, with settled months behind it, and read back key by key, a state comes to the same end."""
    hours = list(year(account_count=5, days=150))
    through, first = MemoryState(), MemoryState()
    for state, part in ((through, hours), (first, hours[: len(hours) // 2])):
        books = Books(state, catalog=CATALOG)
        for hour in part:
            books.apply(hour.records)
    restored = MemoryState()
    for key, value in first.scan(b""):
        restored.put(key, value)
    books = Books(restored, catalog=CATALOG)
    for hour in hours[len(hours) // 2 :]:
        books.apply(hour.records)
    assert dict(restored.scan(b"")) == dict(through.scan(b""))
    at_once = MemoryState()
    Books(at_once, catalog=CATALOG).apply([record for hour in hours for record in hour.records])
    assert dict(at_once.scan(b"")) == dict(through.scan(b""))
    assert all(first.ends_at < second.ends_at for first, second in pairwise(hours))
