"""What a worker was doing at a given moment, as the lines of its log at level DEBUG tell (docs/testing.md)."""

import re
import time
from enum import StrEnum
from pathlib import Path

_POLL_SECONDS = 0.001

_LINE = re.compile(r"partition number (\d+): (?:(fencing|restoring|open|closed)|commit \d+ (begins|ended))$")
_GIVEN_UP = re.compile(r"partition number (\d+)(?:: .*; it is opened anew in| is parked)")
_REBALANCE_BEGINS = "rebalance begins"
_REBALANCE_ENDED = "rebalance ended, holding "


class InFlight(StrEnum):
    """What can be under way in a worker when something happens to it.

    Its log tells of all but open transactions, which the broker knows of: a commit begins before, and ends after its own.
    """

    COMMIT = "a commit"
    TRANSACTION = "an open transaction"
    RESTORE = "a restore"
    FENCING = "a fencing"
    REBALANCE = "a rebalance"


_STANDS_FOR = {
    "begins": InFlight.COMMIT,
    "restoring": InFlight.RESTORE,
    "fencing": InFlight.FENCING,
}


class WorkerPhases:
    """What is under way in a worker after the lines of its log that were taken in."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}
        self._is_rebalancing = False
        self.opened_count = 0
        self.commit_count = 0

    def take(self, line: str) -> None:
        """Take in the next line; one that says nothing of a phase changes nothing."""
        if _REBALANCE_BEGINS in line:
            self._is_rebalancing = True
        elif _REBALANCE_ENDED in line:
            self._is_rebalancing = False
        elif match := _LINE.search(line):
            number, phase, commit = match.groups()
            self._said[int(number)] = phase or commit
            self.opened_count += phase == "open"
            self.commit_count += commit == "ended"
        elif match := _GIVEN_UP.search(line):
            self._said.pop(int(match[1]), None)

    def in_flight(self) -> frozenset[InFlight]:
        """Give all that is under way; empty for a worker that only waits, or has not begun yet."""
        said = {_STANDS_FOR[phase] for phase in self._said.values() if phase in _STANDS_FOR}
        return frozenset(said | {InFlight.REBALANCE} if self._is_rebalancing else said)

    @property
    def committing_numbers(self) -> frozenset[int]:
        """The partition numbers of which a commit has begun and not ended."""
        return frozenset(number for number, said in self._said.items() if _STANDS_FOR.get(said) is InFlight.COMMIT)

    @property
    def open_numbers(self) -> frozenset[int]:
        """The partition numbers on which batches are applied."""
        return frozenset(number for number, said in self._said.items() if said in ("open", "begins", "ended"))


class FollowedLog:
    """A worker's log, read while it is written; `phases` is as far as it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.phases = WorkerPhases()
        self._read_bytes = 0
        self._half = b""

    def read_on(self) -> WorkerPhases:
        """Take in the whole lines that were written since the last time."""
        with self.path.open("rb") as file:
            file.seek(self._read_bytes)
            written = file.read()
        self._read_bytes += len(written)
        *lines, self._half = (self._half + written).split(b"\n")
        for line in lines:
            self.phases.take(line.decode(errors="replace"))
        return self.phases

    def wait_for_any(self, wanted: InFlight, *, seconds: float) -> bool:
        """Read on until something is under way, looking often enough to catch it; False when the time has passed."""
        deadline = time.monotonic() + seconds
        while wanted not in self.read_on().in_flight():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def text(self) -> str:
        """Give everything that was logged."""
        return self.path.read_text(encoding="utf-8", errors="replace")
