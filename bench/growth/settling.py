"""A simulated year of many small accounts with an hourly clock: what is kept grows with accounts, not with months.

At every month's end the keys and bytes of the state are counted, but for grants and voids, which are kept for ever and are
told beside them. After every day each month has to be final if it is settled, and else not. At the end the months of a sample
of accounts are held against the plain model. The seconds need a quiet machine.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.growth.part import Part
from bench.year import BEGINS_AT, DAYS, Hour, year
from plain_model import derive
from projections import keys
from projections.books import Books
from projections.calendar import calendar_of
from projections.results import Rows, results_of
from projections.rows import SnapshotRow
from projections.state import MemoryState
from schemas.catalog import parse_catalog
from schemas.errors import InvariantViolation
from schemas.instants import MICROSECONDS_PER_DAY
from schemas.records import ReadRecord

_CATALOG = parse_catalog("[credit_types.coins]\n[organizations.brightcare]\ntime_zone = 'Asia/Tokyo'")
_FOR_EVER = (keys.GRANT, keys.VOID, keys.VOID_OF_GRANT)
_SNAPSHOTS = "snapshots"


class _Size(NamedTuple):
    """What is kept at the end of a month; `seconds` is what the month took."""

    label: str
    key_count: int
    byte_count: int
    for_ever_bytes: int
    event_count: int
    seconds: float


def measure(*, account_count: int, sample_count: int, days: int = DAYS) -> Part:
    """Run the year; raises InvariantViolation where a month is not as it has to be."""
    sample = {f"customer-{account_count * place // sample_count}" for place in range(sample_count)}
    run = _Year(sample)
    for hour in year(account_count=account_count, days=days):
        run.take(hour)
    compared_count = run.compare()
    return _part(run, account_count, sample_count=len(sample), compared_count=compared_count)


class _Year:
    """The books of a year while it passes."""

    def __init__(self, sample: set[str]) -> None:
        self.sizes: list[_Size] = []
        self.checked_count = 0
        self._sample = sample
        self._log: list[ReadRecord] = []
        self._state, self._rows = MemoryState(), Rows()
        self._books = Books(self._state, catalog=_CATALOG)
        self._calendar = calendar_of("UTC")
        self._ends_at = BEGINS_AT
        self._event_count = 0
        self._seconds = 0.0

    def take(self, hour: Hour) -> None:
        """Apply an hour, and look at what there is at the end of a day and of a month."""
        began = time.perf_counter()
        self._rows.take(self._books.apply(hour.records).changes)
        self._seconds += time.perf_counter() - began
        self._event_count += len(hour.records)
        self._log += [record for record in hour.records if record.raw.key is None or _customer_of(record) in self._sample]
        self._ends_at = hour.ends_at
        if hour.ends_at % MICROSECONDS_PER_DAY == 0:
            self._check_months()
        month = self._calendar.month_of(hour.ends_at - 1)
        if month != self._calendar.month_of(hour.ends_at):
            self._note(month.label)

    def compare(self) -> int:
        """Hold the months of the sample against the plain model; gives how many there were."""
        results = results_of(self._rows, catalog=_CATALOG, as_of=self._ends_at, duplicates=0)
        ours = _of_sample(results[_SNAPSHOTS], self._sample)
        derived: Mapping[str, Any] = derive(self._log, catalog=_CATALOG, as_of=self._ends_at)
        plain = _of_sample(derived[_SNAPSHOTS], self._sample)
        if ours != plain or not ours:
            other = next(((left, right) for left, right in zip(ours, plain, strict=False) if left != right), "their number")
            raise InvariantViolation(f"the months of the year are not those of the plain model: {other}")
        return len(ours)

    def _check_months(self) -> None:
        boundary = self._books.times().boundary or 0
        for row in self._rows.of(SnapshotRow):
            self.checked_count += 1
            if row.final != (row.month_end <= boundary):
                raise InvariantViolation(f"{row} is final or not, and the boundary says otherwise: {boundary}")

    def _note(self, label: str) -> None:
        key_count = byte_count = for_ever_bytes = 0
        for key, value in self._state.scan(b""):
            if key[:1] in _FOR_EVER:
                for_ever_bytes += len(key) + len(value)
            else:
                key_count += 1
                byte_count += len(key) + len(value)
        self.sizes.append(_Size(label, key_count, byte_count, for_ever_bytes, self._event_count, self._seconds))
        print(f"year: {label}, {self._event_count:,} records, {self._seconds:.0f} s", file=sys.stderr, flush=True)
        self._event_count, self._seconds = 0, 0.0


def _customer_of(record: ReadRecord) -> str:
    return (record.raw.key or b"").decode().partition("|")[2]


def _of_sample(entries: Sequence[Mapping[str, object]], sample: set[str]) -> list[Mapping[str, object]]:
    return [entry for entry in entries if entry["customer_id"] in sample]


def _part(run: _Year, account_count: int, *, sample_count: int, compared_count: int) -> Part:
    sizes = run.sizes
    seconds = sum(size.seconds for size in sizes)
    heads = ("month", "keys", "bytes", "bytes an account", "grants and voids, bytes", "records", "seconds")
    figures = {
        "account_count": account_count,
        "months": [size._asdict() for size in sizes],
        "seconds": seconds,
        "checked_count": run.checked_count,
        "sample_count": sample_count,
        "compared_count": compared_count,
    }
    title = (
        f"A year of {account_count:,} accounts: {seconds:.0f} s; each month final when it was settled ({run.checked_count:,} "
        f"looks), {compared_count:,} months of {sample_count} accounts those of the plain model"
    )
    return Part(title, heads, list(_rows(sizes, account_count)), figures)


def _rows(sizes: Sequence[_Size], account_count: int) -> Iterator[tuple[str, ...]]:
    for size in sizes:
        yield (
            size.label,
            f"{size.key_count:,}",
            f"{size.byte_count:,}",
            f"{size.byte_count / account_count:,.0f}",
            f"{size.for_ever_bytes:,}",
            f"{size.event_count:,}",
            f"{size.seconds:.1f}",
        )
