"""The resident memory of a process, as the kernel tells it, from its start to its end."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

PERIOD_SECONDS = 0.1


class Sample(NamedTuple):
    """What a process and its children had at a moment; `at` by `time.perf_counter`, the rest in bytes."""

    at: float
    own: int
    children: int


class Resident:
    """The samples of one process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.samples: list[Sample] = []

    def take(self) -> None:
        """Take a sample; a process that is gone has none."""
        own = _resident_bytes(self.pid)
        if own > 0:
            self.samples.append(Sample(time.perf_counter(), own, sum(_resident_bytes(child) for child in _children(self.pid))))

    def peak(self) -> int:
        """Give the most that the process itself had."""
        return max((sample.own for sample in self.samples), default=0)

    def peak_of_children(self) -> int:
        """Give the most that its children had together."""
        return max((sample.children for sample in self.samples), default=0)

    def peaks(self, *, since: float, count: int) -> list[int]:
        """Give the peaks of so many equal parts of the time since a moment."""
        samples = [sample for sample in self.samples if sample.at >= since]
        bounds = [len(samples) * part // count for part in range(count + 1)]
        parts = [samples[begin:end] for begin, end in itertools.pairwise(bounds)]
        return [max((sample.own for sample in part), default=0) for part in parts]


@contextlib.asynccontextmanager
async def watched(pid: int) -> AsyncIterator[Resident]:
    """Sample a process every 100 ms until the block is left."""
    resident = Resident(pid)
    task = asyncio.create_task(_sample(resident))
    try:
        yield resident
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _sample(resident: Resident) -> None:
    while True:
        resident.take()
        await asyncio.sleep(PERIOD_SECONDS)


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) << 10 if found else 0


def _children(pid: int) -> list[int]:
    """Give the children of a process, and theirs."""
    direct = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            direct += [int(child) for child in path.read_text(encoding="utf-8").split()]
    return direct + [further for child in direct for further in _children(child)]
