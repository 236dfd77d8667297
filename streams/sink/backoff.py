"""Pauses between tries, which grow while the trouble lasts."""

import random
from collections.abc import Callable

_SECONDS_FIRST = 0.5
_SECONDS_MAX = 30.0


class Backoff:
    """Pauses of 0.5 seconds at first and 30 at most.

    Each is drawn by `draw` from a span that doubles, from its half up to its end, so that sinks do not march in step.
    """

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._greatest = _SECONDS_FIRST

    def next_seconds(self) -> float:
        """Give how long to wait before the next try."""
        seconds = self._draw(max(_SECONDS_FIRST, self._greatest / 2), self._greatest)
        self._greatest = min(2 * self._greatest, _SECONDS_MAX)
        return seconds

    def reset(self) -> None:
        """Begin anew with the shortest pause, since a try succeeded."""
        self._greatest = _SECONDS_FIRST
