"""What follows for one account from what a batch brought it: payments, lots, months (docs/ledger.md 4 and 5).

Only what comes after the earliest change is derived anew, and only where it may come out otherwise than before
(`projections.walk`): the newest use of credits costs what the account has of live lots. What is too much for one step goes on
from a cursor in the state, step by step; its rows are published when all of it is derived (`projections.progress`).
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from projections import keys
from projections.account import (
    Header,
    Promise,
    decode_lot,
    drop_month,
    end_or_never,
    first_open_month,
    keep_header,
    keep_month,
    latest_promise_end,
    lot_key,
    lot_row,
    promise_key,
    promises,
    read_header,
    read_lots,
    read_month,
)
from projections.calendar import Calendar
from projections.event_rows import allocation_row
from projections.kept_form import write_kept
from projections.keys import AccountKey
from projections.lots import Lot, LotKey, issue
from projections.pieces import Pieces
from projections.progress import (
    GrantChange,
    MarkedUses,
    Pass,
    Progress,
    Touched,
    TouchedUses,
    UsesInHand,
    UsesToDerive,
    keep_progress,
    let_wait,
    mark_unpublished,
    mark_uses,
    read_progress,
    summary_of,
    take_grants,
    take_unpublished,
)
from projections.rows import Change, DerivingRow, Row, SnapshotRow
from projections.snapshot import Consumed, consumed_by, consumed_in, snapshots_of
from projections.state import State
from projections.stored import read_grant, read_use, voids_of_grant
from projections.times import Times
from projections.usage import ConsumptionIdentity
from projections.walk import Step, Walk
from schemas.errors import InvariantViolation
from schemas.events import MONTHLY, CreditGranted
from schemas.records import Place


def derive_account(  # noqa: PLR0913 - an account, what came, and everything that its derivation depends on
    state: State, account: AccountKey, touched: Touched, *, times: Times, calendar: Calendar, pieces: Pieces
) -> Iterator[Change]:
    """Derive what follows for an account, keep it in the state, and give the rows that are other than before.

    With nothing touched the account is brought up to the clock. Where that is more than one step, the only row is the one
    that says so: the others come with `derive_on`. An account that is being derived takes note of what came, no more.
    """
    progress = read_progress(state, account)
    if progress is not None:
        let_wait(state, account, progress, touched)
        return
    derivation = _Derivation(state, account, calendar=calendar, pieces=pieces)
    uses = UsesInHand(touched.uses)
    steps = list(derivation.begin(touched, times=times, to_derive=uses))
    work = derivation.work
    if work.cursor is None:
        yield from _changes(derivation.published(steps), work.place)
        yield from _changes(derivation.finish(), work.place)
        return
    derivation.keep(steps)
    mark_uses(state, account, uses.left(), number=0)
    keep_progress(state, account, Progress(steps=0, number=0, under_way=work, waiting=None))
    yield Change(DerivingRow(*account), work.place, deleted=False)


def derive_on(  # noqa: PLR0913 - an account, and everything that its derivation depends on
    state: State, account: AccountKey, progress: Progress, *, times: Times, calendar: Calendar, pieces: Pieces
) -> Iterator[Change]:
    """Derive an account one step further, and give the rows that are ready to be published."""
    derivation = _Derivation(state, account, calendar=calendar, pieces=pieces)
    if progress.under_way is None:
        progress.number += 1
        to_derive = MarkedUses(state, account, number=progress.number)
        derivation.keep(list(derivation.begin_waiting(progress, times=times, to_derive=to_derive)))
        progress.under_way = derivation.work
    elif progress.under_way.cursor is not None:
        derivation.resume(progress.under_way)
        derivation.keep(list(derivation.walk(MarkedUses(state, account, number=progress.number))))
    else:
        derivation.resume(progress.under_way)
        place = progress.under_way.place
        identities = list(take_unpublished(state, account, limit=pieces.step_rows))
        uses = (read_use(state, account, identity) for identity in identities)
        steps = [Step(use, use.allocation) for use in uses if use.allocation is not None]
        yield from _changes(derivation.published(steps), place)
        if len(identities) < pieces.step_rows:
            yield from _changes(derivation.finish(), place)
            progress.under_way = None
            if progress.waiting is None:
                yield Change(DerivingRow(*account), place, deleted=True)
    keep_progress(state, account, progress)


def _changes(rows: Iterator[tuple[Row, bool]], place: Place) -> Iterator[Change]:
    return (Change(row, place, deleted) for row, deleted in rows)


class _Derivation:
    """One account while it is derived; `work` is the pass under way."""

    work: Pass

    def __init__(self, state: State, account: AccountKey, *, calendar: Calendar, pieces: Pieces) -> None:
        self._state = state
        self._account = account
        self._calendar = calendar
        self._pieces = pieces
        self._before = read_header(state, account)
        self._newest = None if self._before is None else self._before.newest
        self._lots: dict[LotKey, Lot] = {}
        self._kept: dict[LotKey, Lot] = {}
        self._published: dict[LotKey, Lot] = {}
        self._last_use_month: int | None = None

    def begin(self, touched: Touched, *, times: Times, to_derive: UsesToDerive) -> Iterator[Step]:
        """Begin a pass with what a batch brought; gives the payments that come out otherwise."""
        uses = summary_of(touched.uses)
        start = self._prepare(touched.place, uses, touched.grants, times)
        if start is None:
            return
        if self._newest is None or self._newest < start:
            new = [touched.uses[identity] for identity in sorted(touched.uses)]
            yield from self._taken(self._walk(to_derive).along_new(new))
            return
        self.work.cursor = start
        yield from self.walk(to_derive)

    def begin_waiting(self, progress: Progress, *, times: Times, to_derive: UsesToDerive) -> Iterator[Step]:
        """Begin a pass with what waited; gives the payments that come out otherwise."""
        waiting, progress.waiting = progress.waiting, None
        if waiting is None:
            raise InvariantViolation(f"account {'|'.join(self._account)} is to be derived, and nothing waits")
        grants = {change.grant.grant_id: change for change in take_grants(self._state, self._account)}
        self.work.cursor = self._prepare(waiting.place, waiting.uses, grants, times)
        yield from self.walk(to_derive)

    def resume(self, work: Pass) -> None:
        """Go on with a pass."""
        self.work = work
        self._load_lots(work.first_month)
        for grant_id, start, lot in work.lots_before:
            if lot is None:
                self._published.pop((grant_id, start), None)
            else:
                self._published[lot.key] = lot

    def walk(self, to_derive: UsesToDerive) -> Iterator[Step]:
        """Derive consumption from the cursor on, as far as one step goes; gives the payments that come out otherwise."""
        work = self.work
        if work.cursor is None:
            return
        walk = self._walk(to_derive)
        yield from self._taken(walk.along_all(work.cursor))
        work.cursor = walk.cursor
        work.moved = [(*lot_key, micro) for lot_key, micro in walk.moved.items() if micro]

    def published(self, steps: Iterable[Step]) -> Iterator[tuple[Row, bool]]:
        """Give the rows of payments."""
        return ((allocation_row(use, allocation, lots=self._lots, calendar=self._calendar), False) for use, allocation in steps)

    def keep(self, steps: Iterable[Step]) -> None:
        """Keep what one step came to, to go on from there."""
        for use, _ in steps:
            mark_unpublished(self._state, self._account, use.identity)
        before = {(grant_id, start) for grant_id, start, _ in self.work.lots_before}
        for lot_id in sorted(self._lots.keys() | self._kept.keys()):
            if self._lots.get(lot_id) != self._kept.get(lot_id) and lot_id not in before:
                self.work.lots_before.append((*lot_id, self._kept.get(lot_id)))
        self._keep_lots()

    def finish(self) -> Iterator[tuple[Row, bool]]:
        """End a pass: keep what all of it came to, and give each changed row of lots and months, with whether it is deleted."""
        work = self.work
        last_month = self._last_month_reached()
        self._withdraw_lots(last_month)
        self._keep_lots()
        yield from ((lot_row(self._account, lot), False) for _, lot in work.spent)
        yield from self._lot_rows()
        yield from self._keep_months(last_month)
        self._keep_header(last_month)

    def _prepare(
        self, place: Place, uses: TouchedUses | None, grants: Mapping[str, GrantChange], times: Times
    ) -> ConsumptionIdentity | None:
        """Begin a pass: let lots end and come; gives the place from which consumption is to be derived, None: nowhere."""
        clock_month = None if times.clock is None else self._month_of(times.clock)
        issued_month = self._issued_month(clock_month)
        known = None if self._before is None else self._before.last_use_month
        counting = [] if uses is None or uses.last_counting is None else [self._month_of(uses.last_counting)]
        last_month = _latest(clock_month, known, *counting)
        instants = [] if uses is None else [uses.first[0]]
        instants += [change.grant.effective_at for change in grants.values() if change.is_new]
        self.work = Pass(
            place=place,
            clock_month=clock_month,
            issued_month=issued_month,
            last_month=last_month,
            first_month=self._first_month_moved(uses, grants, clock_month, issued_month, last_month),
            earliest=min(instants, default=None),
            newest=None if uses is None else uses.last,
            has_monthly=any(change.grant.cadence == MONTHLY for change in grants.values()),
            is_withdrawn=False,
            cursor=None,
        )
        self._load_lots(self.work.first_month)
        self._void_lots(grants)
        start = self._issue_lots(uses, grants)
        self.work.changed = list(self._changed_intervals())
        if uses is None and (start is None or self._newest is None or self._newest < start):
            return None
        return start

    def _changed_intervals(self) -> Iterator[tuple[int, int]]:
        """Give the intervals in which lots came, went, or end otherwise than before."""
        for lot_id in self._lots.keys() | self._kept.keys():
            after, before = self._lots.get(lot_id), self._kept.get(lot_id)
            lot = after or before
            if lot is None:
                continue
            if after is None or before is None:
                yield lot.start, end_or_never(lot.end)
            elif after.end != before.end:
                ends = end_or_never(after.end), end_or_never(before.end)
                yield min(ends), max(ends)

    def _walk(self, to_derive: UsesToDerive) -> Walk:
        moved = {(grant_id, start): micro for grant_id, start, micro in self.work.moved}
        return Walk(
            self._state,
            self._account,
            self._lots,
            to_derive=to_derive,
            moved=moved,
            changed=self.work.changed,
            newest=self._newest,
            pieces=self._pieces,
        )

    def _taken(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Let what months come to follow the payments."""
        known_lots = self._published | self._kept | self._lots
        for step in steps:
            month = self._month_of(step.use.event.occurred_at)
            consumed = self._consumed_in(month)
            if step.use.allocation is not None:
                consumed = consumed.plus(consumed_by(step.use.allocation, known_lots), sign=-1)
            self.work.consumed[month] = consumed.plus(consumed_by(step.allocation, known_lots))
            yield step

    def _issued_month(self, clock_month: int | None) -> int | None:
        """Give the last month for which monthly grants have issued their lots; None where that is none."""
        header = self._before
        if header is None or header.clock_due == 0:
            return None
        if header.clock_due is not None:
            return self._calendar.month_of(header.clock_due).ordinal - 1
        return _latest(clock_month, header.last_use_month)

    def _first_month_moved(
        self,
        uses: TouchedUses | None,
        grants: Mapping[str, GrantChange],
        clock_month: int | None,
        issued_month: int | None,
        last_month: int | None,
    ) -> int:
        """Give the first month of which anything may come out otherwise than before."""
        months = [] if uses is None else [self._month_of(uses.first[0])]
        for change in grants.values():
            if change.is_new:
                # A void before that, which may lie in a settled month, leaves nothing of it.
                months.append(self._month_of(change.grant.effective_at))
            elif change.voided_at is not None:
                months.append(self._month_of(change.voided_at))
        if last_month is None:
            months.append(0 if self._before is None else self._before.first_month)
        else:
            months.append(last_month + 1 if issued_month is None else min(issued_month, last_month) + 1)
        if issued_month is None and self._before is not None:
            months.append(self._before.first_month)
        if uses is not None and uses.has_reversed:
            # The last month may move back, as far as the clock's.
            floor = clock_month if clock_month is not None else _floor_of(self._before, months)
            months.append(floor + 1 if clock_month is not None else floor)
        return min(months)

    def _load_lots(self, first_month: int) -> None:
        ending_from = self._calendar.month(first_month).start if first_month > 0 else 0
        self._kept = {lot.key: lot for _, lot in read_lots(self._state, self._account, ending_from=ending_from)}
        self._published = dict(self._kept)
        self._lots = {key: msgspec.structs.replace(lot) for key, lot in self._kept.items()}

    def _void_lots(self, grants: Mapping[str, GrantChange]) -> None:
        """Let lots end with their voids, also one that is spent for good."""
        for grant_id, change in grants.items():
            voided_at = change.voided_at
            if change.is_new or voided_at is None:
                continue
            for lot in [lot for lot in self._lots.values() if lot.grant_id == grant_id]:
                if lot.start >= voided_at:
                    del self._lots[lot.key]
                    self.work.is_withdrawn = True
                elif voided_at < end_or_never(lot.end):
                    lot.end = voided_at
            if change.grant.cadence == MONTHLY:
                self._keep_promise(change)
            else:
                self._void_spent_lot(change, voided_at)

    def _void_spent_lot(self, change: GrantChange, voided_at: int) -> None:
        grant = change.grant
        end = grant.expires_at
        if change.voided_before is not None and change.voided_before < end_or_never(end):
            end = change.voided_before
        key = keys.of_lot(keys.SPENT_LOT, self._account.key, end=end, start=grant.effective_at, grant_id=grant.grant_id)
        value = self._state.get(key)
        if value is None or end_or_never(end) <= voided_at:
            return
        before, lot = decode_lot(value), decode_lot(value)
        lot.end = voided_at
        self._state.delete(key)
        self._state.put(lot_key(self._account, lot, letter=keys.SPENT_LOT), write_kept(lot))
        self.work.is_withdrawn = True
        self.work.spent.append((before, lot))

    def _issue_lots(self, uses: TouchedUses | None, grants: Mapping[str, GrantChange]) -> ConsumptionIdentity | None:
        """Issue the lots of new grants, and those of new months; gives the place from which consumption is to be derived."""
        issued_month, last_month = self.work.issued_month, self.work.last_month
        starts: list[ConsumptionIdentity] = [] if uses is None else [uses.first]
        for change in grants.values():
            if change.is_new:
                issued = self._add_lots(change.grant, change.voided_at, first_month=None, last_month=last_month)
                starts += issued
                # One that was voided before it began leaves nothing open.
                self.work.is_withdrawn = self.work.is_withdrawn or not issued
                if change.grant.cadence == MONTHLY:
                    self._keep_promise(change)
            elif change.voided_at is not None:
                starts.append((change.voided_at, ""))
        if last_month is not None and (issued_month is None or issued_month < last_month) and self._before is not None:
            for grant_id, _ in list(promises(self._state, self._account)):
                if grant_id in grants and grants[grant_id].is_new:
                    continue
                stored = read_grant(self._state, self._account.customer, grant_id)
                if stored is not None:
                    voids = voids_of_grant(self._state, self._account.customer, grant_id)
                    voided_at = voids[0].acts_at if voids else None
                    next_month = None if issued_month is None else issued_month + 1
                    starts += self._add_lots(stored.event, voided_at, first_month=next_month, last_month=last_month)
        return min(starts, default=None)

    def _add_lots(
        self, grant: CreditGranted, voided_at: int | None, *, first_month: int | None, last_month: int | None
    ) -> list[ConsumptionIdentity]:
        issued = issue(
            grant,
            voided_at=voided_at,
            calendar=self._calendar,
            first_month=None if first_month is None else self._calendar.month(first_month),
            last_month=None if last_month is None else self._calendar.month(last_month),
        )
        self._lots.update((lot.key, lot) for lot in issued)
        return [(lot.start, "") for lot in issued]

    def _keep_promise(self, change: GrantChange) -> None:
        grant = change.grant
        end = min(end_or_never(grant.expires_at), end_or_never(change.voided_at))
        key = promise_key(self._account, grant.grant_id)
        if end <= grant.effective_at:
            self.work.is_withdrawn = True
            self._state.delete(key)
        elif change.is_new or self._state.get(key) is not None:
            # A void may come when all months of its grant are settled: nothing is left of it then.
            self._state.put(key, write_kept(Promise(grant.effective_at, end)))

    def _consumed_in(self, ordinal: int) -> Consumed:
        consumed = self.work.consumed
        if ordinal not in consumed:
            consumed[ordinal] = consumed_in(self._month_row(ordinal))
        return consumed[ordinal]

    def _month_row(self, ordinal: int) -> SnapshotRow | None:
        return read_month(self._state, self._account, self._calendar.month(ordinal).label)

    def _last_month_reached(self) -> int | None:
        """Give the later of the clock's month and the last with consumption, now that all is derived."""
        work, header = self.work, self._before
        last_use = _latest(None if header is None else header.last_use_month, *work.consumed)
        first = min([*work.consumed, last_use or 0] if header is None else [*work.consumed, header.first_month])
        while last_use is not None and self._consumed_in(last_use).uses == 0:
            last_use = last_use - 1 if last_use > first else None
        self._last_use_month = last_use
        return work.last_month if work.last_month == work.clock_month else _latest(work.clock_month, last_use)

    def _withdraw_lots(self, last_month: int | None) -> None:
        """Take back monthly lots of months behind the last, of which nothing is used."""
        for lot in list(self._lots.values()):
            if lot.cadence == MONTHLY and (last_month is None or self._month_of(lot.start) > last_month):
                del self._lots[lot.key]
                self.work.is_withdrawn = True

    def _keep_lots(self) -> None:
        """Bring the lots in the state up to those that are derived."""
        for lot_id in self._kept.keys() - self._lots.keys():
            self._state.delete(lot_key(self._account, self._kept[lot_id]))
        for lot_id, lot in self._lots.items():
            before = self._kept.get(lot_id)
            if before == lot:
                continue
            if before is not None and before.end != lot.end:
                self._state.delete(lot_key(self._account, before))
            self._state.put(lot_key(self._account, lot), write_kept(lot))

    def _lot_rows(self) -> Iterator[tuple[Row, bool]]:
        for lot_id in sorted(self._published.keys() - self._lots.keys()):
            yield lot_row(self._account, self._published[lot_id]), True
        for lot_id, lot in self._lots.items():
            if self._published.get(lot_id) != lot:
                yield lot_row(self._account, lot), False

    def _keep_months(self, last: int | None) -> Iterator[tuple[Row, bool]]:
        work = self.work
        known_last = None if self._before is None else _latest(work.clock_month, self._before.last_use_month, work.issued_month)
        highest = _latest(last, known_last)
        if highest is None:
            return
        first = max(work.first_month, self._lowest_month())
        before = {ordinal: row for ordinal in range(first, highest + 1) if (row := self._month_row(ordinal)) is not None}
        after: Mapping[int, SnapshotRow] = {}
        if last is not None:
            months = snapshots_of(
                self._account,
                self._lots.values(),
                {ordinal: work.consumed.get(ordinal) or consumed_in(row) for ordinal, row in before.items()} | work.consumed,
                first=first,
                last=last,
                once_opening=self._once_opening(first),
                calendar=self._calendar,
            )
            after = {self._month_of(row.month_start): row for row in months}
        for ordinal, row in before.items():
            if ordinal not in after:
                drop_month(self._state, self._account, row.month)
                yield row, True
        for ordinal, row in after.items():
            if before.get(ordinal) != row:
                keep_month(self._state, self._account, row)
                yield row, False

    def _lowest_month(self) -> int:
        """Give the first month of the account that may have a row."""
        starts = [lot.start for lot in self._lots.values()]
        found = [*self.work.consumed, *([self._month_of(min(starts))] if starts else [])]
        if self._before is not None:
            found.append(self._before.first_month)
        return min(found, default=0)

    def _once_opening(self, first: int) -> int:
        row = self._month_row(first - 1)
        if row is not None:
            return row.once_closing_micro
        header = self._before
        return header.once_opening if header is not None and header.settled_month == first - 1 else 0

    def _keep_header(self, last_month: int | None) -> None:
        header = self._header_now()
        if header is not None:
            if self.work.has_monthly:
                header.promise_end = latest_promise_end(self._state, self._account)
            header.last_use_month = self._last_use_month
            header.newest = max((place for place in (header.newest, self.work.newest) if place is not None), default=None)
            ends = [end_or_never(lot.end) for lot in self._lots.values()]
            if header.promise_end is not None:
                ends.append(header.promise_end)
            last_end = -1 if last_month is None else self._calendar.month(last_month).end
            header.clock_due = max(0, last_end) if any(end > last_end for end in ends) else None
        keep_header(self._state, self._account, header, before=self._before, calendar=self._calendar)

    def _header_now(self) -> Header | None:
        """Give the header with the first month that has anything open; None where nothing has."""
        header = None if self._before is None else msgspec.structs.replace(self._before)
        if self.work.is_withdrawn:
            found = first_open_month(self._state, self._account, self._calendar)
            if found is None:
                return None
            # Lots may be older than the last month that is settled.
            known = [] if header is None else [header.first_month]
            came = [] if header is None or self.work.earliest is None else [self._month_of(self.work.earliest)]
            first_month = max(found, min([*known, *came], default=found))
        elif self.work.earliest is None:
            return header
        else:
            first_month = self._month_of(self.work.earliest)
            if header is not None:
                first_month = min(first_month, header.first_month)
        if header is None:
            return Header(first_month)
        header.first_month = first_month
        return header

    def _month_of(self, instant: int) -> int:
        return self._calendar.month_of(instant).ordinal


def _latest(*ordinals: int | None) -> int | None:
    return max((ordinal for ordinal in ordinals if ordinal is not None), default=None)


def _floor_of(header: Header | None, months: list[int]) -> int:
    return min(months) if header is None else min(header.first_month, *months)
