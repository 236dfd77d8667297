"""How far time is in a partition number (docs/ledger.md 2.3)."""

from typing import NamedTuple

from projections.state import ReadableState
from projections.stored import read_topic_clock
from schemas import topics
from schemas.records import Place


class Times(NamedTuple):
    """The clock and the boundary of a partition number in UTC microseconds; None where there is none."""

    clock: int | None
    boundary: int | None


def times_of(state: ReadableState) -> Times:
    """Give the clock and the boundary of a partition number."""
    clocks = [read_topic_clock(state, topic) for topic in topics.CLOCKED_TOPICS]
    accept_from = [clock.accept_from for clock in clocks if clock.accept_from is not None]
    return Times(
        clock=max((clock.as_of for clock in clocks if clock.as_of is not None), default=None),
        boundary=min(accept_from) if len(accept_from) == len(clocks) else None,
    )


def time_place(state: ReadableState) -> Place:
    """Give where the record lies that put the clock where it is: what time brings comes from it."""
    clocks = {topic: read_topic_clock(state, topic) for topic in topics.CLOCKED_TOPICS}
    topic = max(clocks, key=lambda name: clocks[name].as_of or 0)
    return Place(topic, clocks[topic].partition, clocks[topic].offset)
