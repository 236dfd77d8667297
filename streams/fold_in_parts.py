"""A log folded by several processes at once: customers have nothing to do with one another, so each process takes some.

Each takes those between two keys and writes its part of every list, so that the parts in their order are the whole.
"""

import contextlib
import gc
import multiprocessing
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple, TextIO

import msgspec

from projections.fold import fold, instant_asked
from projections.keys import Customer
from projections.stored import customer_of
from schemas.catalog import Catalog
from schemas.events import CampaignDefined, NameGiven, TimeAdvanced
from schemas.records import ReadRecord, Reroute
from schemas.refusals import Refusal

_RECORDS_A_PROCESS = 10_000
"""For fewer another process is not worth its start."""


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python from looking for garbage: a fold holds millions of objects, none of which is any until it ends."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class FoldedText(NamedTuple):
    """The books as JSON text: the entries of each list, the refusals as they are, and how many records were duplicates."""

    lists: dict[str, list[str]]
    refusals: list[dict[str, Any]]
    duplicates: int

    def write(self, out: TextIO) -> None:
        """Write one JSON object, with an entry a line (docs/ledger.md 8)."""
        out.write("{\n")
        for name, parts in self.lists.items():
            _write_list(out, name, parts)
        _write_list(out, "refusals", [_entries(self.refusals)])
        out.write(f' "duplicates": {self.duplicates}\n}}\n')


def fold_text(
    records: Sequence[ReadRecord], *, catalog: Catalog, as_of: int | None, batch_size: int | None, processes: int | None = None
) -> FoldedText:
    """Fold a log as `projections.fold.fold` does, by so many processes (None: as many as there are processors and work for).

    Guarantees the same text for any number of processes. Raises what `fold` raises.
    """
    count = processes or max(1, min(len(os.sched_getaffinity(0)), len(records) // _RECORDS_A_PROCESS))
    asked = instant_asked(records, as_of=as_of)
    parts = parts_of(records, count) if count > 1 else [list(records)]
    _work.append(_Work(parts, catalog, asked, batch_size))
    try:
        if len(parts) == 1:
            folded = [_fold_part(0)]
        else:
            with ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("fork")) as pool:
                folded = list(pool.map(_fold_part, range(len(parts))))
    finally:
        _work.pop()
    return FoldedText(
        lists={name: [part for one in folded for part in one.lists[name] if part] for name in folded[0].lists},
        refusals=sorted((refusal for one in folded for refusal in one.refusals), key=_place_of),
        duplicates=sum(one.duplicates for one in folded),
    )


def parts_of(records: Iterable[ReadRecord], count: int) -> list[list[ReadRecord]]:
    """Divide a log into parts of about as many records, each of the customers between two; fewer where customers are few.

    Time is said to every part; what is of no customer lies in the first.
    """
    log = [(_customer_of(record), record) for record in records]
    sizes = Counter(customer for customer, _ in log if customer is not None)
    last_of_parts: list[Customer] = []
    sum_of_sizes, wanted = 0, sum(sizes.values()) / count
    for name in sorted(sizes):
        sum_of_sizes += sizes[name]
        if sum_of_sizes >= wanted * (len(last_of_parts) + 1):
            last_of_parts.append(name)
    parts: list[list[ReadRecord]] = [[] for _ in range(max(1, len(last_of_parts)))]
    for customer, record in log:
        if customer is not None:
            parts[min(bisect_left(last_of_parts, customer), len(parts) - 1)].append(record)
        elif isinstance(record.content, TimeAdvanced):
            for part in parts:
                part.append(record)
        else:
            parts[0].append(record)
    return parts


def _customer_of(record: ReadRecord) -> Customer | None:
    match record.content:
        case Refusal() | Reroute() | TimeAdvanced() | CampaignDefined() | NameGiven():
            return None
        case event:
            return customer_of(event)


class _Work(NamedTuple):
    parts: list[list[ReadRecord]]
    catalog: Catalog
    as_of: int | None
    batch_size: int | None


_work: list[_Work] = []
"""What is folded now: a process that is forked finds it here, and nothing is sent to it."""


def _fold_part(number: int) -> FoldedText:
    work = _work[-1]
    results = fold(work.parts[number], catalog=work.catalog, as_of=work.as_of, batch_size=work.batch_size)
    refusals, duplicates = results.pop("refusals"), results.pop("duplicates")
    return FoldedText({name: [_entries(entries)] for name, entries in results.items()}, refusals, duplicates)


def _entries(entries: Iterable[dict[str, Any]]) -> str:
    return ",\n".join(f"  {msgspec.json.encode(entry).decode()}" for entry in entries)


def _write_list(out: TextIO, name: str, parts: Sequence[str]) -> None:
    entries = [part for part in parts if part]
    if not entries:
        out.write(f' "{name}": [],\n')
        return
    out.write(f' "{name}": [\n')
    for number, part in enumerate(entries):
        out.write(",\n" * (number > 0))
        out.write(part)
    out.write("\n ],\n")


def _place_of(refusal: dict[str, Any]) -> tuple[str, int, int]:
    return refusal["topic"] or "", refusal["partition"] or 0, refusal["offset"]
