"""What the newest uses of an account cost behind more and more open history, with settled history behind that.

Counted is what the books ask of their state; the time is that of the books alone, of a state in memory, and needs a quiet
machine. tests/unit/projections/test_cost_of_the_newest.py holds the counts to it.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from bench.contenders import CATALOG
from bench.feed import Account
from bench.feed_events import credit_consumed, credit_granted
from bench.growth.part import Part
from bench.year import Log
from projections import keys
from projections.books import Books
from projections.state import MemoryState
from schemas.amounts import MICRO_PER_CREDIT
from schemas.catalog import Catalog, parse_catalog
from schemas.errors import InvariantViolation
from schemas.events import CreditConsumed, CreditGranted, TimeAdvanced
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND
from schemas.topics import CLOCKED_TOPICS

HISTORIES = (100, 10_000, 100_000, 1_000_000)

_ACCOUNT = Account("harbor-desks", "customer-00000", "coins")
_NEWEST_COUNT = 200
_SETTLED_COUNT = 500
_BATCH_RECORDS = 10_000
_HISTORY_DAYS = 40
_TODAY = 1_777_593_600_000_000
"""2026-05-01T00:00:00Z."""
_SETTLED_FROM = _TODAY - 115 * MICROSECONDS_PER_DAY
_OPEN_FROM = _TODAY - 42 * MICROSECONDS_PER_DAY
_WINDOW = 62 * MICROSECONDS_PER_DAY


class Cost(NamedTuple):
    """What an event costs: keys read, keys written and bytes written on average, and the median of the microseconds."""

    keys_read: float
    keys_written: float
    bytes_written: float
    microseconds: float


class CountingState(MemoryState):
    """A state in memory that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_read = 0
        self.keys_written = 0
        self.bytes_written = 0

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""
        self.keys_read += 1
        return super().get(key)

    def scan(
        self, prefix: bytes, *, start: bytes | None = None, last: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Give all keys that begin with the prefix, in order, and count those that are taken."""
        for found in super().scan(prefix, start=start, last=last, limit=limit):
            self.keys_read += 1
            yield found

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        self.keys_written += 1
        self.bytes_written += len(key) + len(value)
        super().put(key, value)

    def delete(self, key: bytes) -> None:
        """Remove a key, which is as much written as one that is set."""
        self.keys_written += 1
        self.bytes_written += len(key)
        super().delete(key)


def measure(histories: Sequence[int]) -> Part:
    """Measure behind each of some histories, the smallest first."""
    catalog = parse_catalog(CATALOG.read_text(encoding="utf-8"))
    # Once for nothing: what Python and the catalog do only once is no cost of an event.
    _cost_behind(histories[0], catalog)
    costs = []
    for history_count in histories:
        began = time.perf_counter()
        costs.append(_cost_behind(history_count, catalog))
        print(f"newest: behind {history_count:,} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    heads = ("open history", "keys read", "ratio", "keys written", "ratio", "bytes written", "ratio", "µs", "ratio")
    rows = [_row(history_count, cost, costs[0]) for history_count, cost in zip(histories, costs, strict=True)]
    figures = {str(history_count): cost._asdict() for history_count, cost in zip(histories, costs, strict=True)}
    return Part("The newest uses, each", heads, rows, figures)


def _row(history_count: int, cost: Cost, smallest: Cost) -> tuple[str, ...]:
    cells = [f"{history_count:,}"]
    for figure, least in zip(cost, smallest, strict=True):
        cells += [f"{figure:,.1f}", f"{figure / least:.2f}"]
    return tuple(cells)


def _cost_behind(history_count: int, catalog: Catalog) -> Cost:
    chance = random.Random(1)  # noqa: S311 - the same events every time
    state, log = CountingState(), Log()
    books = Books(state, catalog=catalog)
    books.apply([log.write(event, event.recorded_at) for event in _settled(chance)])
    for topic in CLOCKED_TOPICS:
        books.apply([log.write(TimeAdvanced(as_of=_TODAY, accept_from=_TODAY - _WINDOW), _TODAY, topic=topic)])
    step = _HISTORY_DAYS * MICROSECONDS_PER_DAY // history_count
    for begin in range(0, history_count, _BATCH_RECORDS):
        numbers = range(begin, min(begin + _BATCH_RECORDS, history_count))
        uses = [_use(f"h-{number}", _OPEN_FROM + number * step, chance) for number in numbers]
        books.apply([log.write(use, use.recorded_at) for use in uses])
    kept_count = sum(1 for _ in state.scan(keys.USAGE))
    if kept_count != history_count:
        raise InvariantViolation(f"{kept_count} uses are kept where {history_count} are open")
    instants = [_TODAY + number * MICROSECONDS_PER_SECOND for number in range(_NEWEST_COUNT)]
    newest = [log.write(_use(f"n-{number}", at, chance), at) for number, at in enumerate(instants)]
    read, written, written_bytes = state.keys_read, state.keys_written, state.bytes_written
    seconds = []
    for record in newest:
        began = time.perf_counter()
        books.apply([record])
        seconds.append(time.perf_counter() - began)
    return Cost(
        (state.keys_read - read) / _NEWEST_COUNT,
        (state.keys_written - written) / _NEWEST_COUNT,
        (state.bytes_written - written_bytes) / _NEWEST_COUNT,
        median(seconds) * 1e6,
    )


def _settled(chance: random.Random) -> Iterator[CreditGranted | CreditConsumed]:
    """Give an account's grants, and uses in months that are settled later on."""
    for number, (amount, is_monthly) in enumerate(((1_000_000_000, False), (50, True), (5, False))):
        at = _SETTLED_FROM + number * MICROSECONDS_PER_SECOND
        grant = credit_granted(_ACCOUNT, f"g-{number}", amount_micro=amount * MICRO_PER_CREDIT, at=at, is_monthly=is_monthly)
        yield grant._replace(expires_at=None)
    for number in range(_SETTLED_COUNT):
        yield _use(f"s-{number}", _SETTLED_FROM + (number + 1) * 60 * MICROSECONDS_PER_SECOND, chance)


def _use(event_id: str, at: int, chance: random.Random) -> CreditConsumed:
    return credit_consumed(_ACCOUNT, event_id, chance, occurred_at=at, recorded_at=at)
