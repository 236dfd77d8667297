"""What the lots of an account paid, chunk by chunk of its consumption: whoever comes late need not read all that came after.

A use closes a chunk where a checksum of its id says so, one in 256 on average. So where chunks lie depends on the uses alone,
not on the order in which they came (content-defined chunking: Muthitacharoen, Chen, Mazieres, "A low-bandwidth network file
system", 2001). The sums of a chunk lie under the use that closes it. Behind the last one lies the open chunk, without sums.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from projections import keys
from projections.kept_form import reader_of, write_kept
from projections.keys import AccountKey
from projections.lots import LotKey
from projections.state import ReadableState, State
from projections.stored import KeptUse, read_kept_uses
from projections.usage import FIRST, LAST, ConsumptionIdentity, place_behind


class Chunk(NamedTuple):
    """The uses behind `begin` up to and including `end`, and what each lot paid for them, in micro-credits.

    The open chunk ends at `LAST`, and what was paid in it is not summed up (None).
    """

    begin: ConsumptionIdentity
    end: ConsumptionIdentity
    paid: Mapping[LotKey, int] | None


class _Kept(NamedTuple):
    """A chunk as it is kept, under its end."""

    begin: ConsumptionIdentity
    paid: tuple[tuple[str, int, int], ...] | None


def closes_chunk(event_id: str, *, chunk_uses: int) -> bool:
    """Tell whether a use closes a chunk; one in `chunk_uses` does."""
    return zlib.crc32(event_id.encode()) % chunk_uses == 0


def read_chunks(state: ReadableState, account: AccountKey, start: ConsumptionIdentity) -> list[Chunk]:
    """Give the chunks from the one that a place lies in, in order; the open one comes last."""
    prefix = keys.all_of(keys.CHUNK, account.key)
    chunks = []
    for key, value in state.scan(prefix, start=keys.at(keys.CHUNK, account.key, *start)):
        begin, paid = _read(value)
        sums = None if paid is None else {(grant_id, lot_start): micro for grant_id, lot_start, micro in paid}
        chunks.append(Chunk(begin, keys.identity_at(key[len(prefix) :]), sums))
    return chunks or [Chunk(FIRST, LAST, None)]


def keep_chunk(state: State, account: AccountKey, chunk: Chunk) -> None:
    """Keep what was paid in a chunk."""
    paid = None if chunk.paid is None else tuple(sorted((*lot_key, micro) for lot_key, micro in chunk.paid.items() if micro))
    state.put(keys.at(keys.CHUNK, account.key, *chunk.end), write_kept(_Kept(chunk.begin, paid)))


def close_chunk(state: State, account: AccountKey, chunk: Chunk, closing: ConsumptionIdentity) -> Chunk:
    """Divide a chunk at a use that closes one; gives the part behind it. What is paid is read from the state."""
    first = Chunk(chunk.begin, closing, paid_by_lot(read_kept_uses(state, account, place_behind(chunk.begin), until=closing)))
    second = Chunk(closing, chunk.end, None if chunk.paid is None else added(chunk.paid, first.paid or {}, sign=-1))
    for part in (first, second):
        keep_chunk(state, account, part)
    return second


def drop_chunks(state: State, account: AccountKey, *, start: int) -> None:
    """Let the chunks forget what occurred before an instant; its uses are gone already."""
    for chunk in read_chunks(state, account, FIRST):
        if chunk.end >= (start, "") and chunk.paid is not None:
            paid = paid_by_lot(read_kept_uses(state, account, FIRST, until=chunk.end))
            keep_chunk(state, account, Chunk(FIRST, chunk.end, paid))
            return
        state.delete(keys.at(keys.CHUNK, account.key, *chunk.end))


def paid_by_lot(uses: Iterable[KeptUse]) -> dict[LotKey, int]:
    """Sum up what each lot pays for some uses."""
    paid: dict[LotKey, int] = {}
    for use in uses:
        for part in use.paid:
            paid[part.lot_key] = paid.get(part.lot_key, 0) + part.amount_micro
    return paid


def added(one: Mapping[LotKey, int], two: Mapping[LotKey, int], *, sign: int = 1) -> dict[LotKey, int]:
    """Add two sums, or (`sign` -1) take the second from the first."""
    total = dict(one)
    for lot_key, micro in two.items():
        total[lot_key] = total.get(lot_key, 0) + sign * micro
    return total


_read = reader_of(_Kept, what="chunk of consumption")
