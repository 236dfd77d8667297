"""What the newest use of credits costs does not depend on how much happened before it."""

from typing import NamedTuple

import pytest

from projections.books import Books
from projections.state import MemoryState
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND
from tests.support.building import at, catalog, consume, grant, monthly, records, time_advanced

NEWEST = 200
DAY = at("2026-05-01")


class Cost(NamedTuple):
    """What was asked of a state: keys read, keys written, bytes written."""

    keys_read: int
    keys_written: int
    bytes_written: int


class CountingState(MemoryState):
    """A state in memory that counts what is asked of it."""

    def __init__(self):
        super().__init__()
        self.cost = Cost(0, 0, 0)

    def get(self, key):
        self.cost = self.cost._replace(keys_read=self.cost.keys_read + 1)
        return super().get(key)

    def scan(self, prefix, *, start=None, last=None, limit=None):
        for found in super().scan(prefix, start=start, last=last, limit=limit):
            self.cost = self.cost._replace(keys_read=self.cost.keys_read + 1)
            yield found

    def put(self, key, value):
        written = self.cost
        self.cost = Cost(written.keys_read, written.keys_written + 1, written.bytes_written + len(key) + len(value))
        super().put(key, value)


def cost_of_the_newest(history_count):
    """Give what uses cost behind so many others, with two settled months behind those."""
    state = CountingState()
    books = Books(state, catalog=catalog())
    lots = [
        grant("once", "1000000000", "2026-01-05"),
        monthly("monthly", "50", "2026-01-05"),
        grant("later", "5", "2026-01-06"),
    ]
    settled = [consume(f"s{number:06}", "1", at("2026-01-07") + number * MICROSECONDS_PER_SECOND) for number in range(500)]
    books.apply(records(*lots, *settled, time_advanced("2026-05-01", DAY - 62 * MICROSECONDS_PER_DAY)))
    step = 40 * MICROSECONDS_PER_DAY // history_count
    history = [consume(f"h{number:06}", "1", at("2026-03-20") + number * step) for number in range(history_count)]
    books.apply(records(*history))
    assert sum(1 for _ in state.scan(b"U")) == history_count, "what is settled is gone"
    state.cost = Cost(0, 0, 0)
    for number in range(NEWEST):
        books.apply(records(consume(f"n{number:06}", "1", DAY + number * MICROSECONDS_PER_SECOND)))
    return state.cost


@pytest.fixture(scope="module")
def small():
    return cost_of_the_newest(100)


@pytest.mark.parametrize("history_count", [10_000, 100_000])
def test_the_newest_use_costs_the_same_behind_any_history(history_count, small):
    """Keys read, keys written and bytes written are within a tenth of those behind a hundred uses."""
    large = cost_of_the_newest(history_count)
    for few, many in zip(small, large, strict=True):
        assert few > 0
        assert abs(many - few) <= 0.1 * few
