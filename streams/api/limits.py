"""How much each caller may ask a second: a bucket of tokens each, which may be drawn below empty once.

A request with many events is taken whole, and makes the next one wait until it has been paid off: so no size of request is
refused for ever, and none is better off in parts.
"""

import math
from collections.abc import Callable


class Limits:
    """The buckets of all callers, by name; the names come from the file of tokens, so there are only so many.

    `rate` is how much a second each may ask, and what a rested bucket holds; 0 for any number. `clock` gives seconds that only
    grow.
    """

    def __init__(self, rate: int, *, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def seconds_to_wait(self, name: str) -> int:
        """Say how many whole seconds a caller has to wait; 0 where it may ask now, which counts as one."""
        if not self._rate:
            return 0
        bucket = self._filled(name)
        if bucket.level < 1:
            return math.ceil((1 - bucket.level) / self._rate)
        bucket.level -= 1
        return 0

    def charge(self, name: str, count: int) -> None:
        """Count what a request brought beyond itself."""
        if self._rate:
            self._filled(name).level -= count

    def _filled(self, name: str) -> "_Bucket":
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(self._rate, now))
        bucket.level = min(float(self._rate), bucket.level + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        return bucket


class _Bucket:
    def __init__(self, level: float, filled_at: float) -> None:
        self.level = level
        self.filled_at = filled_at
