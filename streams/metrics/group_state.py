"""What a minute of commits and lag says of the work on a topic partition, without any threshold on the lag itself.

The states are those of Burrow, a lag monitor for Kafka: lag is judged by whether it falls, not by how great it is.
"""

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

WINDOW_SECONDS = 60


class GroupState(Enum):
    """How the work on a topic partition does."""

    OK = "ok"
    STOP = "stop"
    REWIND = "rewind"
    STALL = "stall"
    WARN = "warn"


class Point(NamedTuple):
    """A committed position and the number of records that lie behind it, at an instant of a clock that never goes back."""

    at_seconds: float
    position: int
    lag: int


def state_of(points: Sequence[Point], *, now_seconds: float) -> GroupState:
    """Judge a window of points, which are in the order of time.

    REWIND: the position went back. STOP: nothing was seen for a whole window. OK: no records waited at some point, or they
    grew fewer, or there is less than a whole window to judge by. STALL: records wait, and the position stands. WARN: it
    moves, and those that wait never grow fewer.
    """
    if any(later.position < earlier.position for earlier, later in pairwise(points)):
        return GroupState.REWIND
    if points and now_seconds - points[-1].at_seconds > WINDOW_SECONDS:
        return GroupState.STOP
    if not points or points[-1].at_seconds - points[0].at_seconds < WINDOW_SECONDS:
        return GroupState.OK
    if any(point.lag == 0 for point in points) or any(later.lag < earlier.lag for earlier, later in pairwise(points)):
        return GroupState.OK
    return GroupState.STALL if points[0].position == points[-1].position else GroupState.WARN
