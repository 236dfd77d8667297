"""Continuity: a batch is applied if and only if it begins at the position, whatever the offsets of its records are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvariantViolation
from schemas.records import RawRecord
from streams.worker.batches import Batch, Gap, Wanted, continue_at

WANTED = Wanted("t", 2, epoch=1)


def batch(begin, end, offsets):
    records = tuple(RawRecord("t", 2, offset, 0, None, b"", ()) for offset in offsets)
    return Batch(WANTED, begin, end, records)


def offsets_of(records):
    return [record.offset for record in records]


def test_a_batch_that_begins_at_the_position_is_taken_whole():
    """Holes at its beginning and end, from markers and aborted records, are no gaps."""
    assert offsets_of(continue_at(10, batch(10, 20, [12, 13, 17]))) == [12, 13, 17]


def test_a_batch_without_records_continues():
    """One of commit markers alone gives no record, and no gap."""
    assert offsets_of(continue_at(10, batch(10, 11, []))) == []


def test_what_was_applied_before_is_dropped():
    """Of a batch that begins earlier only what lies at or after the position is new."""
    assert offsets_of(continue_at(13, batch(10, 20, [10, 12, 13, 17]))) == [13, 17]
    assert offsets_of(continue_at(30, batch(10, 20, [10, 12, 13, 17]))) == []


def test_a_batch_that_begins_later_is_a_gap():
    """Something between was not seen, so nothing of the batch may be applied."""
    assert continue_at(9, batch(10, 20, [12])) == Gap("t", 2, position=9, begin=10)


@pytest.mark.parametrize("offsets", [[9], [20], [12, 12], [13, 12]])
def test_records_outside_their_batch_or_out_of_order_are_a_broken_invariant(offsets):
    """What the consumer says of itself is checked, not believed."""
    with pytest.raises(InvariantViolation, match="t/2: the record at"):
        continue_at(10, batch(10, 20, offsets))


@given(
    offsets=st.sets(st.integers(0, 60)).map(sorted),
    moves=st.lists(st.tuples(st.integers(-20, 5), st.integers(1, 15)), max_size=30),
)
def test_however_it_is_cut_every_record_is_applied_once_and_in_order(offsets, moves):
    """Batches that overlap, repeat, or leave out something give a prefix of the log, each record once."""
    position, applied = 0, []
    for shift, length in moves:
        begin = max(0, position + shift)
        end = begin + length
        new = continue_at(position, batch(begin, end, [offset for offset in offsets if begin <= offset < end]))
        if isinstance(new, Gap):
            assert begin > position
            continue
        applied.extend(offsets_of(new))
        position = max(position, end)
    assert applied == [offset for offset in offsets if offset < position]
