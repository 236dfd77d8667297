"""The partition numbers that are open on this worker, and waiting until one of them has applied what a caller has sent."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from streams.api.asked import Wait
from streams.api.refused import Refused, not_now
from streams.worker.partition import Partition

_LOOK_SECONDS = 0.01
_WAITING_MAX = 256
"""So many requests may wait at a time: each looks at positions a hundred times a second."""


class Held:
    """What this worker holds; `opened` gives the partition numbers that are open now."""

    def __init__(self, opened: Callable[[], Sequence[Partition]]) -> None:
        self._opened = opened
        self._waiting_count = 0

    def find(self, number: int) -> Partition | None:
        """Give a partition number that is open here; None where it is not."""
        return next((partition for partition in self._opened() if partition.number == number), None)

    async def applied(self, number: int, wait: Wait) -> Partition:
        """Give a partition number that is open here, once it has applied what a caller waits for.

        Raises Refused with 504 where it has not within the time, and with 503 where it is not open here any more, or too many
        wait.
        """
        deadline = time.monotonic() + wait.seconds
        with self._place():
            while True:
                partition = self.find(number)
                if partition is None:
                    raise not_now(f"partition number {number} has just gone to another worker; ask again")
                positions = partition.committed_positions()
                missing = [topic for topic, offset in wait.offsets.items() if positions[topic] <= offset]
                if not missing:
                    return partition
                if time.monotonic() >= deadline:
                    raise _not_yet(missing[0], number, wait=wait, position=positions[missing[0]])
                await asyncio.sleep(_LOOK_SECONDS)

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self._waiting_count >= _WAITING_MAX:
            raise not_now(f"{_WAITING_MAX} requests wait already; ask again")
        self._waiting_count += 1
        try:
            yield
        finally:
            self._waiting_count -= 1


def _not_yet(topic: str, number: int, *, wait: Wait, position: int) -> Refused:
    offset = wait.offsets[topic]
    return Refused(
        504,
        f"{topic}/{number}/{offset} was not applied within {wait.seconds:g} s: the next record to be applied is {position}; "
        "nothing is lost, ask again",
    )
