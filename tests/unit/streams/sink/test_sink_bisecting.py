"""Finding the rows that ClickHouse refuses: all others are taken, and nothing is refused where nothing is accepted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.clickhouse.troubles import OutageError, RefusedError
from streams.sink.bisecting import NothingAcceptedError, accepted_one, refused_among


class Engine:
    """Takes rows, all or none, and refuses any with one of certain rows; counts what it was asked."""

    def __init__(self, bad: set[int]) -> None:
        self.bad = bad
        self.taken: set[int] = set()
        self.asked = 0

    def take(self, rows: Sequence[int]) -> None:
        self.asked += 1
        for row in rows:
            if row in self.bad:
                raise RefusedError("take rows", code=27, words=f"{row} is bad")
        self.taken.update(rows)


@given(st.integers(1, 40).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)))))
def test_exactly_the_bad_rows_are_refused(world):
    """Whatever lies where, each bad row is refused with its own words, in order, and every other is taken."""
    count, bad = world
    engine = Engine(bad)
    refused = refused_among(range(count), engine.take)
    assert [(one.row, one.error.words) for one in refused] == [(row, f"{row} is bad") for row in sorted(bad)]
    assert engine.taken == set(range(count)) - bad


def test_one_bad_row_among_many_is_found_fast():
    """Halving asks twice for each time that the rows can be halved."""
    engine = Engine({700})
    assert [one.row for one in refused_among(range(1024), engine.take)] == [700]
    assert engine.asked <= 2 * 10 + 1


def test_an_outage_while_rows_are_looked_for_is_an_outage():
    """What is no refusal goes through: whatever was found so far is found again."""

    def away(_: Sequence[int]) -> None:
        raise OutageError("ClickHouse is away", reason="unreachable")

    with pytest.raises(OutageError, match="away"):
        refused_among(range(8), away)
    with pytest.raises(OutageError, match="away"):
        accepted_one(range(8), away, accepted_before=None)


def test_a_row_that_is_accepted_is_found():
    """The one that was accepted before comes first; where it is refused now, or there is none, one of the block's is."""
    assert accepted_one([1, 2], Engine({1}).take, accepted_before=7) == 7
    assert accepted_one([1, 2], Engine({1}).take, accepted_before=None) == 2
    assert accepted_one([1, 2], Engine({1, 7}).take, accepted_before=7) == 2


@pytest.mark.parametrize("count", [1, 3, 64, 65, 10_000])
def test_where_nothing_is_accepted_no_row_is_to_blame(count):
    """The block is tried by a bounded number of its rows, spread over it; the words are ClickHouse's."""
    engine = Engine(set(range(count)))
    with pytest.raises(NothingAcceptedError) as raised:
        accepted_one(range(count), engine.take, accepted_before=None)
    assert engine.asked == count if count <= 64 else 32 < engine.asked <= 64
    assert raised.value.reason == "27"
    assert str(raised.value).startswith("ClickHouse did not take rows: ")
    assert str(raised.value).endswith(f"; not one of {count} is accepted, so that the rows may not be to blame")


def test_the_sample_is_spread_over_the_block():
    """A block whose first half is bad has an accepted row all the same."""
    assert accepted_one(range(10_000), Engine(set(range(5_000))).take, accepted_before=None) >= 5_000
