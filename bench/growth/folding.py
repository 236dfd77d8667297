"""`credits fold` over a million events, as the command that people call: a raw dump in, all books as JSON out.

Its time needs a quiet machine; its peak memory is what the kernel says when it has ended.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.contenders import CATALOG, CHECKOUT
from bench.growth.crowd import Crowd, numbers_of
from bench.growth.part import Part
from schemas.dump import write_dump
from schemas.errors import TransientError
from schemas.instants import from_milliseconds
from schemas.records import RawRecord


class _Ended(NamedTuple):
    """How a command ended: wall and processor time in seconds, the most resident memory in bytes, what it wrote in bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    written_bytes: int


def measure(folder: Path, *, event_count: int, account_count: int, partition_count: int) -> Part:
    """Write the dump, fold it, and tell what that took; raises TransientError where the command fails."""
    dump = folder / "events.dump"
    crowd = Crowd(account_count, event_count)
    record_count = 0
    with dump.open("wb") as written:
        for line in write_dump(_records(crowd, partition_count=partition_count), partition_count=partition_count):
            written.write(line)
            record_count += 1
    record_count -= 1  # the first line is no record
    dump_bytes = dump.stat().st_size
    ended = _fold(dump, folder)
    dump.unlink()
    figures = {
        "record_count": record_count,
        "account_count": account_count,
        "dump_bytes": dump_bytes,
        **ended._asdict(),
        "events_a_second": record_count / ended.seconds,
    }
    rows = [
        ("events", f"{record_count:,}", f"of {account_count:,} accounts, their first grants counted"),
        ("seconds", f"{ended.seconds:,.1f}", f"of which {ended.cpu_seconds:,.1f} of a processor"),
        ("events a second", f"{record_count / ended.seconds:,.0f}", ""),
        (
            "resident memory, peak",
            f"{ended.peak_bytes / (1 << 20):,.0f} MB",
            f"{ended.peak_bytes / record_count:,.0f} bytes an event",
        ),
        ("read and written", f"{dump_bytes >> 20:,} MB", f"and {ended.written_bytes >> 20:,} MB of books"),
    ]
    return Part("credits fold", ("figure", "value", "remark"), rows, figures)


def _records(crowd: Crowd, *, partition_count: int) -> Iterator[RawRecord]:
    """Give all records of a crowd, each where it lies in its topic partition."""
    ends: dict[tuple[str, int], int] = defaultdict(int)
    for part in numbers_of(crowd, partition_count=partition_count):
        for records in part.feed():
            for record in records:
                log = (record.topic, record.partition)
                yield RawRecord(*log, ends[log], from_milliseconds(record.timestamp), record.key, record.value, ())
                ends[log] += 1


def _fold(dump: Path, folder: Path) -> _Ended:
    program = Path(sys.executable).with_name("credits")
    books, errors = folder / "books.json", folder / "fold.log"
    began = time.perf_counter()
    with books.open("wb") as output, errors.open("wb") as complaints:
        process = subprocess.Popen(
            [program, "fold", dump, "--catalog", CATALOG, "--json"], stdout=output, stderr=complaints, cwd=CHECKOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        last = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise TransientError(f"credits fold ended with {process.returncode}: {' '.join(last)}")
    written_bytes = books.stat().st_size
    books.unlink()
    return _Ended(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, written_bytes)
