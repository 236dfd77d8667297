"""A whole log folded at once: records in, the books as results out (docs/ledger.md 8)."""

from collections.abc import Iterable
from typing import NamedTuple

from projections.books import Books
from projections.live_grants import LIVE_GRANTS_MAX
from projections.pieces import PIECES, Pieces
from projections.results import Results, Rows, results_of
from projections.state import MemoryState
from schemas import topics
from schemas.catalog import Catalog
from schemas.errors import SettingsError
from schemas.events import TimeAdvanced
from schemas.instants import format_instant
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Refusal


class Folded(NamedTuple):
    """What a log came to: the rows that stand, the instant that is asked about, and how many records were duplicates.

    `as_of` is in UTC microseconds.
    """

    rows: Rows
    as_of: int
    duplicates: int


def fold(  # noqa: PLR0913 - a log, and everything that its books depend on
    records: Iterable[ReadRecord],
    *,
    catalog: Catalog,
    as_of: int | None = None,
    batch_size: int | None = None,
    live_grants_max: int = LIVE_GRANTS_MAX,
    pieces: Pieces = PIECES,
) -> Results:
    """Fold a log and write what it came to as results; see `fold_rows`."""
    folded = fold_rows(
        records, catalog=catalog, as_of=as_of, batch_size=batch_size, live_grants_max=live_grants_max, pieces=pieces
    )
    return results_of(folded.rows, catalog=catalog, as_of=folded.as_of, duplicates=folded.duplicates)


def fold_rows(  # noqa: PLR0913 - a log, and everything that its books depend on
    records: Iterable[ReadRecord],
    *,
    catalog: Catalog,
    as_of: int | None = None,
    batch_size: int | None = None,
    live_grants_max: int = LIVE_GRANTS_MAX,
    pieces: Pieces = PIECES,
) -> Folded:
    """Fold a log whose records come in the order of each topic partition, in batches of `batch_size` (None: one batch).

    `as_of` (UTC microseconds) is the instant asked about: the last `as_of` in the events where it is None, else the greatest
    `recorded_at`. The clock of each partition number ends there, or at its own last `as_of` if that is later; where the
    instant was only read from the log's own `as_of`, each clock stays where its log put it. `live_grants_max` is as in `Books`.
    Raises SettingsError where `as_of` lies before a boundary, since what is settled is not asked about any more.
    """
    log = list(records)
    seen = _last_instants(log)
    asked = seen.asked_by_default() if as_of is None else as_of
    if as_of is not None or seen.as_of is None:
        log += [_clock_record(asked, partition) for partition in sorted({record.place.partition for record in log})]
    books: dict[int, Books] = {}
    rows, duplicates = Rows(), 0
    size = batch_size or max(1, len(log))
    for begin in range(0, len(log), size):
        for partition, part in _by_partition(log[begin : begin + size]).items():
            if partition not in books:
                books[partition] = Books(MemoryState(), catalog=catalog, live_grants_max=live_grants_max, pieces=pieces)
            applied = books[partition].apply(part)
            rows.take(applied.changes)
            duplicates += applied.duplicates
    _refuse_settled(asked, books.values())
    return Folded(rows=rows, as_of=asked, duplicates=duplicates)


def instant_asked(log: Iterable[ReadRecord], *, as_of: int | None) -> int | None:
    """Give the instant that parts of a log are to be asked about, so that they come to what the whole comes to.

    None where the log itself says how late it is.
    """
    if as_of is not None:
        return as_of
    seen = _last_instants(log)
    return None if seen.as_of is not None else seen.asked_by_default()


class _LastInstants(NamedTuple):
    """The greatest `as_of` and the greatest `recorded_at` that the records said; None where none did."""

    as_of: int | None
    recorded_at: int | None

    def asked_by_default(self) -> int:
        """Give the instant that is asked about where none was given; 1970 for a log without any event."""
        return self.as_of if self.as_of is not None else self.recorded_at or 0


def _last_instants(log: Iterable[ReadRecord]) -> _LastInstants:
    as_of, recorded_at = [], []
    for record in log:
        match record.content:
            case TimeAdvanced() as event:
                as_of.append(event.as_of)
            case Refusal() | Reroute():
                pass
            case event:
                recorded_at.append(event.recorded_at)
    return _LastInstants(max(as_of, default=None), max(recorded_at, default=None))


def _by_partition(batch: Iterable[ReadRecord]) -> dict[int, list[ReadRecord]]:
    parts: dict[int, list[ReadRecord]] = {}
    for record in batch:
        parts.setdefault(record.place.partition, []).append(record)
    return parts


def _refuse_settled(asked: int, books: Iterable[Books]) -> None:
    boundaries = [boundary for one in books if (boundary := one.times().boundary) is not None]
    if boundaries and asked < max(boundaries):
        raise SettingsError(
            f"--as-of {format_instant(asked)} lies before the boundary {format_instant(max(boundaries))}; "
            "what lies before it is settled, and only a later instant can be asked about"
        )


def _clock_record(as_of: int, partition: int) -> ReadRecord:
    """Say to one partition number that it is `as_of`; nothing is said of what it accepts."""
    place = Place(topics.GRANTS, partition, _NO_OFFSET)
    raw = RawRecord(*place, timestamp=as_of, key=None, value=None, headers=())
    return ReadRecord(place, place, as_of, TimeAdvanced(as_of=as_of, accept_from=None), raw)


_NO_OFFSET = -1
"""The clock that a fold ends with lies in no log."""
