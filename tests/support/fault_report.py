"""What a run of the fault tests reports: what was done to the stream, what it fell into, and how long recovery took."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.worker_phases import InFlight

NOTHING = "nothing but waiting"


class Report:
    """Gathers what is reported of one run; `lines` writes it."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self.kills: Counter[str] = Counter()
        self.worker_kill_count = 0
        self._recoveries: defaultdict[str, list[float]] = defaultdict(list)
        self._facts: list[str] = []

    def count_kill(self, fell_into: frozenset[InFlight]) -> None:
        """Count a kill of a worker under all that it fell into."""
        self.worker_kill_count += 1
        self.kills.update(fell_into or [NOTHING])

    @contextmanager
    def recovery(self, fault: str) -> Iterator[None]:
        """Measure from a fault until all is well again, which is when the block ends."""
        began = time.monotonic()
        yield
        self._recoveries[fault].append(time.monotonic() - began)

    def note(self, fact: str) -> None:
        """Report a fact."""
        self._facts.append(fact)

    def lines(self) -> list[str]:
        """Write the report."""
        fell = ", ".join(f"{count} into {what}" for what, count in sorted(self.kills.items()))
        return [
            f"seed {self.seed}",
            f"kills of workers: {self.worker_kill_count}" + (f"; {fell} (one can fall into several)" if fell else ""),
            *(_recovery(fault, seconds) for fault, seconds in self._recoveries.items()),
            *self._facts,
        ]


def _recovery(fault: str, seconds: list[float]) -> str:
    longest = max(seconds)
    times = "once" if len(seconds) == 1 else f"{len(seconds)} times"
    return f"{fault}: {times}, recovered after {longest:.1f} s" + (" at most" if len(seconds) > 1 else "")
