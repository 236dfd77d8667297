"""What a run of the demo sends, seen from what lies in the topics already: the first run, a later one, one after a break.

The clock is opened only when all of the history has been applied, reroutes included. So where it was opened, all of the history
lies in the topics; where it was not, none of it can be too late yet, and it is sent from the start.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas import codec
from schemas.records import RawRecord
from streams.demo.accounting import Ends, number_of
from streams.demo.feed import Feed
from streams.demo.outcomes import Outcome
from streams.demo.records import FeedRecord


class Lying(NamedTuple):
    """What lay in the topics before a run: which records of the feed, whether the clock was opened, where each log ended."""

    numbers: frozenset[int]
    is_open: bool
    ends: Ends


class Sending(NamedTuple):
    """What a run sends of the feed: `before` the clock is opened, and `after`; `left` is known and too old to be sent again."""

    before: tuple[FeedRecord, ...]
    after: tuple[FeedRecord, ...]
    left: tuple[FeedRecord, ...]


def look(raw_records: Iterable[RawRecord], feed: Feed) -> Lying:
    """Find out what lies in the topics."""
    numbers: set[int] = set()
    ends: dict[tuple[str, int], int] = {}
    opening, is_open = codec.encode(feed.opening), False
    for raw in raw_records:
        ends[raw.topic, raw.partition] = raw.offset + 1
        number = number_of(raw)
        if number is not None:
            numbers.add(number)
        is_open = is_open or (raw.key is None and raw.value == opening)
    return Lying(frozenset(numbers), is_open, ends)


def plan(feed: Feed, lying: Lying) -> Sending:
    """Give what is to be sent: all of it, or, once the clock is open, all but what is known and would be too late now."""
    if not lying.is_open:
        return Sending(feed.history, feed.tail, ())
    left = [one.number in lying.numbers and one.is_forgotten(accept_from=feed.accept_from) for one in feed.records]
    return Sending(
        (),
        tuple(one for one, is_left in zip(feed.records, left, strict=True) if not is_left),
        tuple(one for one, is_left in zip(feed.records, left, strict=True) if is_left),
    )


def expected_now(sending: Sending, lying: Lying) -> dict[int, Outcome]:
    """Give what is to become of each record that is sent now: of one that is known, what its second delivery comes to."""
    return {
        one.number: one.outcome.when_known() if one.number in lying.numbers else one.outcome
        for one in (*sending.before, *sending.after)
    }


def expected_first(feed: Feed) -> dict[int, Outcome]:
    """Give what is to have become of each record when it was read for the first time."""
    return {one.number: one.outcome for one in feed.records}
