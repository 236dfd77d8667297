"""What time brings without any event: new months by the clock, final months by the boundary (docs/ledger.md 3.9 and 5.4).

Accounts for which something is due are found by an index in the order of instants, and are worked on one by one: what is due
and not yet done waits in the state. A month whose end is settled is published as final, and then all that happened in it is
folded into what the account begins its first open month with, and dropped.
"""

from collections.abc import Iterator

import msgspec

from projections import keys
from projections.account import (
    Header,
    drop_month,
    end_or_never,
    first_open_month,
    keep_header,
    keep_month,
    latest_promise_end,
    lot_key,
    promise_key,
    promises,
    read_header,
    read_lots,
    read_months,
)
from projections.calendar import Calendar, Month, calendar_of
from projections.chunks import drop_chunks, read_chunks
from projections.derivation import derive_account, derive_on
from projections.kept_form import write_kept
from projections.keys import AccountKey
from projections.lots import VOIDED, Lot
from projections.pieces import Pieces
from projections.progress import Touched, read_progress
from projections.rows import Change, SnapshotRow
from projections.state import ReadableState, State
from projections.stored import account_of, customer_of, find_identity, put_aside, read_kept_uses, scan_reversals, scan_uses
from projections.times import Times
from projections.usage import LAST
from schemas.catalog import Catalog
from schemas.errors import InvariantViolation
from schemas.events import ONCE, ConsumptionReversed, CreditConsumed
from schemas.records import Place


def find_due(state: ReadableState, times: Times, *, limit: int) -> list[tuple[bytes, AccountKey]]:
    """Give key and owner of what is due at these times: an account to be derived further, then others, up to a number.

    Of those that are to be derived the one comes of which fewest steps were done; nothing else is done for them. What the clock
    brings comes before what is settled. An owner without credit type is a customer whose reversals are due.
    """
    found = [(key, keys.account_of(keys.read_due(key)[1])) for key, _ in state.scan(keys.TURN, limit=1)]
    limit += len(found)
    is_any_derived = bool(found)
    for letter, instant in ((keys.DUE_BY_CLOCK, times.clock), (keys.DUE_BY_BOUNDARY, times.boundary)):
        if instant is None:
            continue
        for key, _ in state.scan(letter, limit=None if is_any_derived else limit - len(found)):
            due_at, owner = keys.read_due(key)
            if due_at > instant or len(found) >= limit:
                break
            if not is_any_derived or state.get(keys.PROGRESS + owner) is None:
                found.append((key, keys.account_of(owner)))
    return found


def do_due(  # noqa: PLR0913 - what is due, and everything that it depends on
    state: State, key: bytes, owner: AccountKey, *, place: Place, times: Times, catalog: Catalog, pieces: Pieces
) -> Iterator[Change]:
    """Do a piece of what is due for an owner, and give the rows that changed; what is left of it stays due."""
    if state.get(key) is None:
        return  # another piece of work has done it
    calendar = calendar_of(catalog.zone_name(owner.organization_id))
    if key.startswith(keys.TURN):
        yield from _derive_on(state, owner, place=place, times=times, calendar=calendar, pieces=pieces)
    elif not owner.credit_type:
        _drop_reversals(state, key, owner, times=times, calendar=calendar)
    elif owner.credit_type not in catalog.credit_types:
        _drop_conflicts(state, key, owner, times=times, calendar=calendar)
    elif read_header(state, owner) is None:
        raise InvariantViolation(f"account {'|'.join(owner)} is due, and nothing is open of it")
    elif key.startswith(keys.DUE_BY_CLOCK):
        yield from derive_account(state, owner, Touched(place), times=times, calendar=calendar, pieces=pieces)
    else:
        yield from _settle_account(state, owner, place=place, times=times, calendar=calendar, pieces=pieces)


def _derive_on(  # noqa: PLR0913 - an account, and everything that its derivation depends on
    state: State, account: AccountKey, *, place: Place, times: Times, calendar: Calendar, pieces: Pieces
) -> Iterator[Change]:
    """Derive an account one step further; between two passes it is settled as far as nothing that waits is about that."""
    progress = read_progress(state, account)
    if progress is None:
        raise InvariantViolation(f"account {'|'.join(account)} has a turn, and nothing of it is to be derived")
    header, boundary = read_header(state, account), times.boundary
    if progress.under_way is None and progress.waiting is not None and header is not None and boundary is not None:
        is_due = calendar.month(header.first_month).end <= boundary
        if is_due and progress.waiting.earliest >= calendar.month_of(boundary).start:
            yield from _settle_account(state, account, place=place, times=times, calendar=calendar, pieces=pieces)
            return
    yield from derive_on(state, account, progress, times=times, calendar=calendar, pieces=pieces)


def keep_reversal_due(state: State, event: ConsumptionReversed, calendar: Calendar) -> None:
    """Note when a reversal is to be dropped: when the month of the consumption that it names is settled."""
    month_end = calendar.month_of(event.consumed_at).end
    state.put(keys.due(keys.DUE_BY_BOUNDARY, month_end, customer_of(event).key), b"")


def keep_conflict_due(state: State, event: CreditConsumed, calendar: Calendar) -> None:
    """Note when consumption of a credit type that the catalog does not know is to be dropped: when its month is settled."""
    month_end = calendar.month_of(event.occurred_at).end
    state.put(keys.due(keys.DUE_BY_BOUNDARY, month_end, account_of(event).key), b"")


def _drop_conflicts(state: State, key: bytes, account: AccountKey, *, times: Times, calendar: Calendar) -> None:
    """Drop settled consumption that has no effect, of which therefore no account is open."""
    state.delete(key)
    if times.boundary is None:
        return
    first_open = calendar.month_of(times.boundary)
    _drop_uses(state, account, until=first_open.start, limit=None)
    if next(scan_uses(state, account, limit=1, letter=keys.SETTLED_USAGE), None) is not None:
        state.put(keys.due(keys.DUE_BY_BOUNDARY, first_open.end, account.key), b"")


def _settle_account(  # noqa: PLR0913 - an account, and everything that its settlement depends on
    state: State, account: AccountKey, *, place: Place, times: Times, calendar: Calendar, pieces: Pieces
) -> Iterator[Change]:
    header = read_header(state, account)
    if header is None or times.boundary is None:
        return
    first_open = calendar.month_of(times.boundary)
    months = [row for row in read_months(state, account) if row.month_end <= first_open.start]
    for row in months:
        if not row.final:
            final = row._replace(final=True)
            keep_month(state, account, final)
            yield Change(final, place, deleted=False)
    if _drop_uses(state, account, until=first_open.start, limit=pieces.dropped_uses):
        _fold(state, account, header, months, calendar=calendar, first_open=first_open)


def _drop_uses(state: State, account: AccountKey, *, until: int, limit: int | None) -> bool:
    """Drop consumption before an instant, or put aside what must be known by its identity; False where there is more of it.

    What was recorded before the instant was forgotten when its topic's `accept_from` passed it, at the boundary at latest; so
    what is dropped depends on the boundary alone. The chunk that the instant lies in loses its part at once.
    """
    settled_chunks_end = read_chunks(state, account, (until, ""))[0].begin
    for dropped, (key, use) in enumerate(scan_uses(state, account)):
        if use.event.occurred_at >= until:
            break
        if limit is not None and dropped >= limit and use.identity <= settled_chunks_end:
            return False
        if use.event.recorded_at < until:
            _forget(state, account, use.event.event_id, key)
        else:
            put_aside(state, account, use)
    for key, use in scan_uses(state, account, letter=keys.SETTLED_USAGE):
        if use.event.recorded_at < until:
            _forget(state, account, use.event.event_id, key)
    return True


def _forget(state: State, account: AccountKey, event_id: str, key: bytes) -> None:
    """Drop an event and, unless a newer event goes by it, its identity."""
    state.delete(key)
    if find_identity(state, account.customer, event_id) == key:
        state.delete(keys.of(keys.IDENTITY, account.customer.key, event_id.encode()))


def _drop_reversals(state: State, key: bytes, owner: AccountKey, *, times: Times, calendar: Calendar) -> None:
    if times.boundary is None:
        return
    first_open = calendar.month_of(times.boundary)
    state.delete(key)
    kept: set[bytes] = set()
    for reversal_key, event in scan_reversals(state, owner.customer):
        if event.consumed_at >= first_open.start:
            break
        marker = keys.at(keys.REVERSED, owner.customer.key, event.consumed_at, event.consumption_event_id)
        if max(event.occurred_at, event.recorded_at) >= first_open.start:
            kept.add(marker)
            continue
        _forget(state, owner, event.event_id, reversal_key)
        if marker not in kept:
            state.delete(marker)
    for marker in kept:
        state.put(marker, b"")
    if kept:
        state.put(keys.due(keys.DUE_BY_BOUNDARY, first_open.end, owner.customer.key), b"")


def _fold(  # noqa: PLR0913 - the account as it is, and when
    state: State, account: AccountKey, header: Header, months: list[SnapshotRow], *, first_open: Month, calendar: Calendar
) -> None:
    """Fold the months before the first open one into what that one begins with, and drop all that is over by then."""
    start = first_open.start
    drop_chunks(state, account, start=start)
    _drop_lots(state, account, start=start)
    for grant_id, promise in list(promises(state, account)):
        if promise.end < start:
            state.delete(promise_key(account, grant_id))
    _drop_counters(state, account, first_day=f"{first_open.label}-01")
    for row in months:
        drop_month(state, account, row.month)
    after = msgspec.structs.replace(header)
    if months:
        last = months[-1]
        after.once_opening = last.once_closing_micro if last.month_end == start else 0
    after.settled_month = first_open.ordinal - 1 if after.once_opening else None
    if after.last_use_month is not None and after.last_use_month < first_open.ordinal:
        after.last_use_month = None
    if after.newest is not None and after.newest[0] < start:
        after.newest = None
    if after.clock_due is not None:
        ends = [promise.end for _, promise in promises(state, account)]
        ends += [end_or_never(lot.end) for _, lot in read_lots(state, account, ending_from=after.clock_due)]
        after.clock_due = after.clock_due if any(end > after.clock_due for end in ends) else None
    after.promise_end = latest_promise_end(state, account)
    first_month = first_open_month(state, account, calendar)
    after.first_month = max(first_month or 0, first_open.ordinal)
    keep_header(state, account, None if first_month is None else after, before=header, calendar=calendar)


def _drop_lots(state: State, account: AccountKey, *, start: int) -> None:
    """Drop the lots that were over before an instant, and put aside those that had nothing left then."""
    for letter in (keys.LOT, keys.SPENT_LOT):
        for key, lot in list(read_lots(state, account, letter=letter)):
            if lot.end is None or lot.end > start:
                break
            if lot.end < start or lot.end_kind != VOIDED:
                state.delete(key)
    spent = {lot.key: lot for _, lot in read_lots(state, account) if _may_be_spent(lot, start)}
    if not spent:
        return
    for use in read_kept_uses(state, account, (start, ""), until=LAST):
        for part in use.paid:
            spent.pop(part.lot_key, None)
    for lot in spent.values():
        state.delete(lot_key(account, lot))
        state.put(lot_key(account, lot, letter=keys.SPENT_LOT), write_kept(lot))


def _may_be_spent(lot: Lot, start: int) -> bool:
    return lot.cadence == ONCE and lot.amount_micro is not None and lot.rest_micro == 0 and lot.start < start


def _drop_counters(state: State, account: AccountKey, *, first_day: str) -> None:
    """Drop the campaign counters of days before the first open month."""
    for key, _ in list(state.scan(keys.all_of(keys.COUNTER, account.key))):
        _, rest = keys.split(key)
        if rest.split(b"\x00")[2].decode() < first_day:
            state.delete(key)
