"""What a window of commits and lag says of a topic partition."""

import pytest

from streams.metrics.group_state import WINDOW_SECONDS, GroupState, Point, state_of

STEP_SECONDS = 2


def window(pairs, *, step_seconds=STEP_SECONDS):
    """Give points at equal steps, of (position, lag), the first one at 0."""
    return [Point(index * step_seconds, position, lag) for index, (position, lag) in enumerate(pairs)]


def judged(pairs, *, quiet_seconds=0):
    """Judge a window that lies over a whole window's length, seen so long after its last point."""
    points = window(pairs, step_seconds=WINDOW_SECONDS / (len(pairs) - 1))
    return state_of(points, now_seconds=points[-1].at_seconds + quiet_seconds)


@pytest.mark.parametrize(
    ("pairs", "state"),
    [
        ([(10, 0), (10, 0), (10, 0)], GroupState.OK),
        ([(10, 5), (15, 0), (15, 7)], GroupState.OK),
        ([(10, 5), (11, 9), (12, 8)], GroupState.OK),
        ([(10, 5), (10, 5), (10, 5)], GroupState.STALL),
        ([(10, 5), (10, 6), (10, 9)], GroupState.STALL),
        ([(10, 5), (11, 5), (12, 5)], GroupState.WARN),
        ([(10, 5), (10, 6), (11, 6)], GroupState.WARN),
        ([(10, 5), (9, 6), (12, 3)], GroupState.REWIND),
        ([(10, 0), (9, 0), (12, 0)], GroupState.REWIND),
    ],
)
def test_a_window_is_judged_by_whether_lag_falls(pairs, state):
    """Lag that was 0 or fell is well whatever its height; else it depends on whether the position moves, or went back."""
    assert judged(pairs) is state


def test_nothing_seen_for_longer_than_a_window_is_a_stop():
    """A topic partition of which nothing was heard for a window has stopped, even one that had no lag."""
    assert judged([(10, 0), (11, 0)], quiet_seconds=WINDOW_SECONDS) is GroupState.OK
    assert judged([(10, 0), (11, 0)], quiet_seconds=WINDOW_SECONDS + 1) is GroupState.STOP


def test_less_than_a_window_is_not_judged_but_for_a_rewind():
    """Right after a start nothing can be said, so that no alarm comes of it; a position that went back is one at once."""
    assert state_of([], now_seconds=100) is GroupState.OK
    assert state_of(window([(10, 5)] * 30), now_seconds=58) is GroupState.OK
    assert state_of(window([(10, 5)] * 31), now_seconds=60) is GroupState.STALL
    assert state_of(window([(10, 5), (9, 6)]), now_seconds=2) is GroupState.REWIND
