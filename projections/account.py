"""What a state keeps of an account: its header, the lots that may still pay, its months that are not final, and what is due."""

from collections.abc import Iterator

import msgspec

from projections import keys
from projections.calendar import Calendar
from projections.kept_form import reader_of, write_kept
from projections.keys import AccountKey
from projections.lots import Lot
from projections.rows import LotRow, SnapshotRow
from projections.state import ReadableState, State
from projections.stored import scan_uses
from projections.usage import ConsumptionIdentity
from schemas.instants import INSTANT_LIMIT


class Header(msgspec.Struct, array_like=True):
    """What is open of an account, in short; it exists as long as anything of the account is.

    Months are ordinals. `first_month` is the first with anything open, `last_use_month` the last with consumption of a net
    amount above 0, `newest` the place of the last consumption. `once_opening` is what limited ONCE lots had left after the
    final month `settled_month` (None: nothing). `promise_end` is the latest end of its monthly grants that are not over,
    `clock_due` the instant at which the clock brings it a new month.
    """

    first_month: int
    settled_month: int | None = None
    once_opening: int = 0
    last_use_month: int | None = None
    newest: ConsumptionIdentity | None = None
    promise_end: int | None = None
    clock_due: int | None = None


def read_header(state: ReadableState, account: AccountKey) -> Header | None:
    """Give the header of an account; None for one of which nothing is open."""
    value = state.get(keys.ACCOUNT + account.key)
    return None if value is None else _decode_header(value)


def keep_header(state: State, account: AccountKey, header: Header | None, *, before: Header | None, calendar: Calendar) -> None:
    """Keep a header, or (None) let go of the account, and keep what is due in step with it; `before` is what stood."""
    due_before = set() if before is None else _due(account, before, calendar)
    due_after = set() if header is None else _due(account, header, calendar)
    for key in sorted(due_before - due_after):
        state.delete(key)
    for key in sorted(due_after - due_before):
        state.put(key, b"")
    if header is not None:
        state.put(keys.ACCOUNT + account.key, write_kept(header))
    elif before is not None:
        state.delete(keys.ACCOUNT + account.key)


def _due(account: AccountKey, header: Header, calendar: Calendar) -> set[bytes]:
    due = {keys.due(keys.DUE_BY_BOUNDARY, calendar.month(header.first_month).end, account.key)}
    if header.clock_due is not None:
        due.add(keys.due(keys.DUE_BY_CLOCK, header.clock_due, account.key))
    return due


def lot_key(account: AccountKey, lot: Lot, *, letter: bytes = keys.LOT) -> bytes:
    """Give the key of a lot of an account."""
    return keys.of_lot(letter, account.key, end=lot.end, start=lot.start, grant_id=lot.grant_id)


def read_lots(
    state: ReadableState, account: AccountKey, *, ending_from: int = 0, letter: bytes = keys.LOT
) -> Iterator[tuple[bytes, Lot]]:
    """Give key and content of the lots that end at an instant or later, in the order of their ends."""
    start = keys.at(letter, account.key, ending_from)
    for key, value in state.scan(keys.all_of(letter, account.key), start=start):
        yield key, decode_lot(value)


def lot_row(account: AccountKey, lot: Lot) -> LotRow:
    """Write the facts of a lot."""
    return LotRow(
        *account,
        grant_id=lot.grant_id,
        start=lot.start,
        cadence=lot.cadence,
        end=lot.end,
        natural_end=lot.natural_end,
        end_kind=lot.end_kind,
        amount_micro=lot.amount_micro,
        used_micro=lot.used_micro,
        priority=lot.priority,
        granted_at=lot.granted_at,
        scope=lot.scope,
        month=lot.month,
    )


def read_month(state: ReadableState, account: AccountKey, label: str) -> SnapshotRow | None:
    """Give a month that is not final; None where it has no row."""
    value = state.get(keys.of(keys.MONTH, account.key, label.encode()))
    return None if value is None else decode_month(value)


def read_months(state: ReadableState, account: AccountKey) -> Iterator[SnapshotRow]:
    """Give the months of an account that are not final, in order."""
    return (decode_month(value) for _, value in state.scan(keys.all_of(keys.MONTH, account.key)))


def keep_month(state: State, account: AccountKey, row: SnapshotRow) -> None:
    """Keep a month."""
    state.put(keys.of(keys.MONTH, account.key, row.month.encode()), write_kept(row))


def drop_month(state: State, account: AccountKey, label: str) -> None:
    """Let go of a month."""
    state.delete(keys.of(keys.MONTH, account.key, label.encode()))


def promise_key(account: AccountKey, grant_id: str) -> bytes:
    """Give the key under which a monthly grant that is not over is kept."""
    return keys.of(keys.PROMISE, account.key, grant_id.encode())


def promises(state: ReadableState, account: AccountKey) -> Iterator[tuple[str, "Promise"]]:
    """Give the monthly grants of an account that are not over."""
    prefix = keys.all_of(keys.PROMISE, account.key)
    for key, value in state.scan(prefix):
        yield key[len(prefix) :].decode(), _decode_promise(value)


class Promise(msgspec.Struct, array_like=True):
    """The interval in which a monthly grant issues lots; an `end` at the limit of instants is never."""

    start: int
    end: int


def latest_promise_end(state: ReadableState, account: AccountKey) -> int | None:
    """Give the latest end of the monthly grants that are not over; None where there is none."""
    return max((promise.end for _, promise in promises(state, account)), default=None)


def first_open_month(state: ReadableState, account: AccountKey, calendar: Calendar) -> int | None:
    """Find the first month with anything open in it by looking at all of it; None where nothing is."""
    instants = [lot.start for _, lot in read_lots(state, account)]
    instants += [lot.start for _, lot in read_lots(state, account, letter=keys.SPENT_LOT) if lot.end is not None]
    instants += [promise.start for _, promise in promises(state, account)]
    first_month = next(read_months(state, account), None)
    if first_month is not None:
        instants.append(first_month.month_start)
    for letter in (keys.USAGE, keys.SETTLED_USAGE):
        instants += [use.event.occurred_at for _, use in scan_uses(state, account, limit=1, letter=letter)]
    return calendar.month_of(min(instants)).ordinal if instants else None


def end_or_never(end: int | None) -> int:
    """Give an end as an instant to compare with."""
    return INSTANT_LIMIT if end is None else end


decode_lot = reader_of(Lot, what="lot")
decode_month = reader_of(SnapshotRow, what="month")
_decode_header = reader_of(Header, what="account's header")
_decode_promise = reader_of(Promise, what="monthly grant that is not over")
