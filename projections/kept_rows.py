"""Rows that the state keeps beside the events they follow from: lots, months and campaign counters.

Whoever asks for a balance or a counter reads them as they stand, and nothing has to be derived. A key is a letter, then the
row's identity: texts divided by zero bytes, instants in eight bytes, so that all rows of a customer, and of an account, lie
together in order. Values are JSON: a month's sums may need more than 64 bits.
"""

import struct
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

from projections.rows import TABLES, CampaignUsageRow, Change, LotRow, Row, SnapshotRow
from projections.state import State

_SomeRow = TypeVar("_SomeRow", bound=Row)

_DIVIDER = b"\x00"
_INSTANT = struct.Struct(">q")


class KeptRows(NamedTuple, Generic[_SomeRow]):
    """How the rows of one table lie in a state: the letter that their keys begin with, and how a value is read."""

    letter: bytes
    key_length: int
    read: Callable[[bytes], _SomeRow]

    def prefix_of(self, *parts: str | int) -> bytes:
        """Give the beginning of the keys of all rows whose identity begins with these parts."""
        organization_id, customer_id, *rest = parts
        written = [f"{organization_id}|{customer_id}".encode(), *(_written(part) for part in rest)]
        return self.letter + _DIVIDER.join(written) + _DIVIDER

    def key_of(self, row: _SomeRow) -> bytes:
        """Give the key of a row."""
        return self.prefix_of(*cast(tuple[str, ...], row[: self.key_length]))


def _kept(letter: bytes, row_type: type[_SomeRow]) -> KeptRows[_SomeRow]:
    [key_length] = [table.key_length for table in TABLES if table.row_type is row_type]
    return KeptRows(letter, key_length, msgspec.json.Decoder(row_type).decode)


LOTS = _kept(b"L", LotRow)
MONTHS = _kept(b"M", SnapshotRow)
CAMPAIGN_COUNTERS = _kept(b"K", CampaignUsageRow)

_KEPT: dict[type[Row], KeptRows[Any]] = {LotRow: LOTS, SnapshotRow: MONTHS, CampaignUsageRow: CAMPAIGN_COUNTERS}


def keep(state: State, change: Change) -> None:
    """Let a changed row stand, or fall, in the state; rows of the other tables are not kept."""
    kept = _KEPT.get(type(change.row))
    if kept is None:
        return
    key = kept.key_of(change.row)
    if change.deleted:
        state.delete(key)
    else:
        state.put(key, msgspec.json.encode(change.row))


def _written(part: str | int) -> bytes:
    return _INSTANT.pack(part) if isinstance(part, int) else part.encode()
