"""Lag in seconds, from what was seen of a log's end: how long the first record that is not applied has been there at least."""

from collections import deque

_SIGHTINGS_MAX = 512


class LagClock:
    """Remembers when the end of one topic partition was first seen where; `take` is called at short intervals."""

    def __init__(self) -> None:
        self._sightings: deque[tuple[int, float]] = deque(maxlen=_SIGHTINGS_MAX)

    def take(self, *, end: int, position: int, now_seconds: float) -> float:
        """Note the end and the committed position of the log at an instant; gives the lag in seconds, 0 with nothing to do.

        The instant at which the end was first seen beyond the position stands for when the record came. With more sightings
        than are remembered, the oldest that is left counts, so that the lag is never said too large.
        """
        if not self._sightings or end > self._sightings[-1][0]:
            self._sightings.append((end, now_seconds))
        while self._sightings and self._sightings[0][0] <= position:
            self._sightings.popleft()
        return now_seconds - self._sightings[0][1] if self._sightings else 0.0
