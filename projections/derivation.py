"""What follows for one account from what a batch brought it: payments, lots, months (docs/ledger.md 4 and 5).

Only what comes after the earliest change is derived anew, and only as long as it comes out otherwise than before: the newest
use of credits costs what the account has of live lots, a late one what lies after it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

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
from projections.burn_down import burn_order, pay
from projections.calendar import Calendar
from projections.costs import cost_of
from projections.kept_form import write_kept
from projections.keys import AccountKey
from projections.lots import Lot, LotKey, issue
from projections.rows import AllocationRow, Change, PaidPart, Row, SnapshotRow
from projections.snapshot import Consumed, consumed_by, consumed_in, snapshots_of
from projections.state import State
from projections.stored import keep_use, read_grant, read_uses, voids_of_grant
from projections.times import Times
from projections.usage import Allocation, ConsumptionIdentity, Paid, Use
from schemas.events import MONTHLY, CreditGranted
from schemas.records import Place


class GrantChange(NamedTuple):
    """A grant that is new, or whose void is; instants at which the void that stands takes effect, None: no void."""

    grant: CreditGranted
    is_new: bool
    voided_before: int | None
    voided_at: int | None


@dataclass(slots=True)
class Touched:
    """What a batch brought an account: consumption that is new or of another net size, and grants; `place` is a record's."""

    place: Place
    uses: dict[ConsumptionIdentity, Use] = field(default_factory=dict)
    grants: dict[str, GrantChange] = field(default_factory=dict)

    def take_grant(self, change: GrantChange) -> None:
        """Take a grant that is new or voided; of several changes of one grant the first tells what was before."""
        known = self.grants.get(change.grant.grant_id)
        if known is not None:
            change = change._replace(is_new=known.is_new, voided_before=known.voided_before)
        self.grants[change.grant.grant_id] = change


def derive_account(
    state: State, account: AccountKey, touched: Touched, *, times: Times, calendar: Calendar
) -> Iterator[Change]:
    """Derive what follows for an account, keep it in the state, and give the rows that are other than before.

    With nothing touched the account is brought up to the clock.
    """
    rows = _Derivation(state, account, touched, times=times, calendar=calendar).run()
    return (Change(row, touched.place, deleted) for row, deleted in rows)


class _Derivation:
    """One account while it is derived."""

    def __init__(self, state: State, account: AccountKey, touched: Touched, *, times: Times, calendar: Calendar) -> None:
        self._state = state
        self._account = account
        self._touched = touched
        self._calendar = calendar
        self._clock_month = None if times.clock is None else calendar.month_of(times.clock).ordinal
        self._before = read_header(state, account)
        self._header = msgspec.structs.replace(self._before) if self._before is not None else None
        self._lots: dict[LotKey, Lot] = {}
        self._loaded: dict[LotKey, Lot] = {}
        self._consumed: dict[int, Consumed] = {}
        self._is_withdrawn = False
        self._last_use_month: int | None = None

    def run(self) -> Iterator[tuple[Row, bool]]:
        """Derive, keep, and give each changed row with whether it is deleted."""
        issued_month, last_month = self._issued_month(), self._last_month_wanted()
        first_month = self._first_month_moved(issued_month, last_month)
        self._load_lots(first_month)
        yield from self._void_lots()
        start = self._issue_lots(issued_month, last_month)
        yield from self._burn_down(start)
        last_month = self._last_month_reached(last_month)
        self._withdraw_lots(last_month)
        yield from self._keep_lots()
        yield from self._keep_months(first_month, last_month, issued_month)
        self._keep_header(last_month)

    def _issued_month(self) -> int | None:
        """Give the last month for which monthly grants have issued their lots; None where that is none."""
        header = self._before
        if header is None or header.clock_due == 0:
            return None
        if header.clock_due is not None:
            return self._calendar.month_of(header.clock_due).ordinal - 1
        return _latest(self._clock_month, header.last_use_month)

    def _last_month_wanted(self) -> int | None:
        """Give the later of the clock's month and the last with consumption, before any is found to be reversed."""
        uses = [self._month_of(use.event.occurred_at) for use in self._touched.uses.values() if use.net_micro > 0]
        known = None if self._before is None else self._before.last_use_month
        return _latest(self._clock_month, known, *uses)

    def _first_month_moved(self, issued_month: int | None, last_month: int | None) -> int:
        """Give the first month of which anything may come out otherwise than before."""
        months = [self._month_of(occurred_at) for occurred_at, _ in self._touched.uses]
        for change in self._touched.grants.values():
            if change.is_new:
                months.append(self._month_of(change.grant.effective_at))
            if change.voided_at is not None:
                months.append(self._month_of(change.voided_at))
        if last_month is None:
            months.append(0 if self._before is None else self._before.first_month)
        else:
            months.append(last_month + 1 if issued_month is None else min(issued_month, last_month) + 1)
        if issued_month is None and self._before is not None:
            months.append(self._before.first_month)
        if any(use.net_micro == 0 for use in self._touched.uses.values()):
            # The last month may move back, as far as the clock's.
            floor = self._clock_month if self._clock_month is not None else _floor_of(self._before, months)
            months.append(floor + 1 if self._clock_month is not None else floor)
        return min(months)

    def _load_lots(self, first_month: int) -> None:
        ending_from = self._calendar.month(first_month).start if first_month > 0 else 0
        for _, lot in read_lots(self._state, self._account, ending_from=ending_from):
            self._loaded[lot.key] = lot
            self._lots[lot.key] = msgspec.structs.replace(lot)

    def _void_lots(self) -> Iterator[tuple[Row, bool]]:
        """Let lots end with their voids; a lot that is spent for good is published with its new end here."""
        for grant_id, change in self._touched.grants.items():
            voided_at = change.voided_at
            if change.is_new or voided_at is None:
                continue
            for lot in [lot for lot in self._lots.values() if lot.grant_id == grant_id]:
                if lot.start >= voided_at:
                    del self._lots[lot.key]
                    self._is_withdrawn = True
                elif voided_at < end_or_never(lot.end):
                    lot.end = voided_at
            if change.grant.cadence == MONTHLY:
                self._keep_promise(change)
            else:
                yield from self._void_spent_lot(change, voided_at)

    def _void_spent_lot(self, change: GrantChange, voided_at: int) -> Iterator[tuple[Row, bool]]:
        grant = change.grant
        end = grant.expires_at
        if change.voided_before is not None and change.voided_before < end_or_never(end):
            end = change.voided_before
        key = keys.of_lot(keys.SPENT_LOT, self._account.key, end=end, start=grant.effective_at, grant_id=grant.grant_id)
        value = self._state.get(key)
        if value is None or end_or_never(end) <= voided_at:
            return
        lot = decode_lot(value)
        lot.end = voided_at
        self._state.delete(key)
        self._state.put(lot_key(self._account, lot, letter=keys.SPENT_LOT), write_kept(lot))
        self._is_withdrawn = True
        yield lot_row(self._account, lot), False

    def _issue_lots(self, issued_month: int | None, last_month: int | None) -> ConsumptionIdentity | None:
        """Issue the lots of new grants, and those of new months; gives the place from which consumption is to be derived."""
        starts: list[ConsumptionIdentity] = list(self._touched.uses)
        for change in self._touched.grants.values():
            if change.is_new:
                issued = self._add_lots(change.grant, change.voided_at, first_month=None, last_month=last_month)
                starts += issued
                # One that was voided before it began leaves nothing open.
                self._is_withdrawn = self._is_withdrawn or not issued
                if change.grant.cadence == MONTHLY:
                    self._keep_promise(change)
            elif change.voided_at is not None:
                starts.append((change.voided_at, ""))
        if last_month is not None and (issued_month is None or issued_month < last_month) and self._before is not None:
            for grant_id, _ in list(promises(self._state, self._account)):
                if grant_id in self._touched.grants and self._touched.grants[grant_id].is_new:
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
            self._is_withdrawn = True
            self._state.delete(key)
        else:
            self._state.put(key, write_kept(Promise(grant.effective_at, end)))

    def _burn_down(self, start: ConsumptionIdentity | None) -> Iterator[tuple[Row, bool]]:
        newest = None if self._before is None else self._before.newest
        if start is None or (not self._touched.uses and (newest is None or newest < start)):
            return
        if newest is None or newest < start:
            uses = [self._touched.uses[identity] for identity in sorted(self._touched.uses)]
        else:
            uses = list(read_uses(self._state, self._account, start))
        walk = _Walk(self._lots, self._loaded, uses)
        for use, allocation in walk.run():
            month = self._month_of(use.event.occurred_at)
            consumed = self._consumed_in(month)
            if use.allocation is not None:
                consumed = consumed.plus(consumed_by(use.allocation, walk.all_lots), sign=-1)
            self._consumed[month] = consumed.plus(consumed_by(allocation, walk.all_lots))
            keep_use(self._state, use._replace(allocation=allocation))
            yield self._allocation_row(use, allocation), False

    def _allocation_row(self, use: Use, allocation: Allocation) -> AllocationRow:
        event = use.event
        return AllocationRow(
            organization_id=event.organization_id,
            customer_id=event.customer_id,
            occurred_at=event.occurred_at,
            event_id=event.event_id,
            credit_type=event.credit_type,
            month=self._calendar.month_of(event.occurred_at).label,
            amount_micro=event.amount_micro,
            reversed_micro=use.reversed_micro,
            overage_micro=allocation.overage_micro,
            cost=cost_of(use, allocation, self._lots),
            paid_by=tuple(PaidPart(*part) for part in allocation.paid),
        )

    def _consumed_in(self, ordinal: int) -> Consumed:
        if ordinal not in self._consumed:
            self._consumed[ordinal] = consumed_in(self._month_row(ordinal))
        return self._consumed[ordinal]

    def _month_row(self, ordinal: int) -> SnapshotRow | None:
        return read_month(self._state, self._account, self._calendar.month(ordinal).label)

    def _last_month_reached(self, last_month: int | None) -> int | None:
        """Give the later of the clock's month and the last with consumption, now that all is derived."""
        last_use = _latest(None if self._before is None else self._before.last_use_month, *self._consumed)
        first = min([*self._consumed, last_use or 0] if self._before is None else [*self._consumed, self._before.first_month])
        while last_use is not None and self._consumed_in(last_use).uses == 0:
            last_use = last_use - 1 if last_use > first else None
        self._last_use_month = last_use
        return last_month if last_month == self._clock_month else _latest(self._clock_month, last_use)

    def _withdraw_lots(self, last_month: int | None) -> None:
        """Take back monthly lots of months behind the last, of which nothing is used."""
        for lot in list(self._lots.values()):
            if lot.cadence == MONTHLY and (last_month is None or self._month_of(lot.start) > last_month):
                del self._lots[lot.key]
                self._is_withdrawn = True

    def _keep_lots(self) -> Iterator[tuple[Row, bool]]:
        for lot_id in sorted(self._loaded.keys() - self._lots.keys()):
            lot = self._loaded[lot_id]
            self._state.delete(lot_key(self._account, lot))
            yield lot_row(self._account, lot), True
        for lot_id, lot in self._lots.items():
            before = self._loaded.get(lot_id)
            if before == lot:
                continue
            if before is not None and before.end != lot.end:
                self._state.delete(lot_key(self._account, before))
            self._state.put(lot_key(self._account, lot), write_kept(lot))
            yield lot_row(self._account, lot), False

    def _keep_months(self, first: int, last: int | None, issued_month: int | None) -> Iterator[tuple[Row, bool]]:
        known_last = None if self._before is None else _latest(self._clock_month, self._before.last_use_month, issued_month)
        highest = _latest(last, known_last)
        if highest is None:
            return
        first = max(first, self._lowest_month())
        before = {ordinal: row for ordinal in range(first, highest + 1) if (row := self._month_row(ordinal)) is not None}
        after: Mapping[int, SnapshotRow] = {}
        if last is not None:
            months = snapshots_of(
                self._account,
                self._lots.values(),
                {ordinal: self._consumed.get(ordinal) or consumed_in(row) for ordinal, row in before.items()} | self._consumed,
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
        found = [*self._consumed, *([self._month_of(min(starts))] if starts else [])]
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
            if any(change.grant.cadence == MONTHLY for change in self._touched.grants.values()):
                header.promise_end = latest_promise_end(self._state, self._account)
            header.last_use_month = self._last_use_month
            header.newest = max([*self._touched.uses, *([header.newest] if header.newest is not None else [])], default=None)
            ends = [end_or_never(lot.end) for lot in self._lots.values()]
            if header.promise_end is not None:
                ends.append(header.promise_end)
            last_end = -1 if last_month is None else self._calendar.month(last_month).end
            header.clock_due = max(0, last_end) if any(end > last_end for end in ends) else None
        keep_header(self._state, self._account, header, before=self._before, calendar=self._calendar)

    def _header_now(self) -> Header | None:
        """Give the header with the first month that has anything open; None where nothing has."""
        header = self._header
        if self._is_withdrawn:
            first_month = first_open_month(self._state, self._account, self._calendar)
            if first_month is None:
                return None
        else:
            instants = [occurred_at for occurred_at, _ in self._touched.uses]
            instants += [change.grant.effective_at for change in self._touched.grants.values() if change.is_new]
            if header is not None and not instants:
                return header
            if not instants:
                return None
            first_month = self._month_of(min(instants))
            if header is not None:
                first_month = min(first_month, header.first_month)
        if header is None:
            return Header(first_month)
        header.first_month = first_month
        return header

    def _month_of(self, instant: int) -> int:
        return self._calendar.month_of(instant).ordinal


class _Walk:
    """The burn-down of an account's consumption from a place on, beside what it was before.

    `rest` is what a limited lot has left at this place, `rest_before` what it had when the consumption from here on was last
    derived; where they are alike for all lots that are still to come, so are the payments.
    """

    def __init__(self, lots: dict[LotKey, Lot], loaded: dict[LotKey, Lot], uses: list[Use]) -> None:
        self.all_lots: dict[LotKey, Lot] = loaded | lots
        self._lots = lots
        self._uses = uses
        used_later: dict[LotKey, int] = {}
        for use in uses:
            for part in use.allocation.paid if use.allocation is not None else ():
                used_later[part.lot_key] = used_later.get(part.lot_key, 0) + part.amount_micro
        self._rest = {
            lot_id: lot.amount_micro - lot.used_micro + used_later.get(lot_id, 0)
            for lot_id, lot in lots.items()
            if lot.amount_micro is not None
        }
        self._is_other = self._lots.keys() != loaded.keys() or any(lot.end != loaded[key].end for key, lot in lots.items())
        self._moved: dict[LotKey, int] = {}

    def run(self) -> Iterator[tuple[Use, Allocation]]:
        """Give each use whose payment comes out otherwise than it was, with its new payment; `used_micro` of lots follows."""
        open_count = sum(not use.is_derived for use in self._uses)
        waiting = sorted(self._lots.values(), key=lambda lot: (lot.start, lot.grant_id), reverse=True)
        live: list[Lot] = []
        for use in self._uses:
            if open_count == 0 and not self._is_other and not any(self._moved.values()):
                return
            instant = use.event.occurred_at
            while waiting and waiting[-1].start <= instant:
                live.append(waiting.pop())
            live = [lot for lot in live if lot.is_valid_at(instant) and (lot.amount_micro is None or self._rest[lot.key] > 0)]
            payments, overage_micro = pay(
                use.net_micro, burn_order(live, use.event), rest_micro=lambda lot: self._rest[lot.key]
            )
            allocation = Allocation(tuple(Paid(lot.grant_id, lot.start, paid) for lot, paid in payments), overage_micro)
            open_count -= not use.is_derived
            self._take(use, allocation)
            if allocation != use.allocation:
                yield use, allocation

    def _take(self, use: Use, allocation: Allocation) -> None:
        for part in use.allocation.paid if use.allocation is not None else ():
            self._move(part.lot_key, -part.amount_micro)
        for part in allocation.paid:
            self._move(part.lot_key, part.amount_micro)
            if part.lot_key in self._rest:
                self._rest[part.lot_key] -= part.amount_micro

    def _move(self, lot_id: LotKey, amount_micro: int) -> None:
        self._moved[lot_id] = self._moved.get(lot_id, 0) + amount_micro
        lot = self._lots.get(lot_id)
        if lot is not None:
            lot.used_micro += amount_micro


def _latest(*ordinals: int | None) -> int | None:
    return max((ordinal for ordinal in ordinals if ordinal is not None), default=None)


def _floor_of(header: Header | None, months: list[int]) -> int:
    return min(months) if header is None else min(header.first_month, *months)
