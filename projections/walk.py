"""The burn-down of an account's consumption from a place on, as far as it may come out otherwise than before.

Whatever a lot has paid more or less than before matters only where it runs out. A chunk of consumption is passed over by its
sums where nothing in it is to be derived, no lot came, went or ends otherwise, and each lot that has more or less left than it
had neither ran out in it nor does so now. By the same law a walk ends where that is so for all that is left.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from projections.account import end_or_never
from projections.burn_down import burn_order, pay
from projections.chunks import Chunk, added, close_chunk, closes_chunk, keep_chunk, paid_by_lot, read_chunks
from projections.keys import AccountKey
from projections.lots import Lot, LotKey
from projections.pieces import Pieces
from projections.progress import UsesToDerive
from projections.state import State
from projections.stored import KeptUse, keep_use, read_kept_uses
from projections.usage import FIRST, LAST, Allocation, ConsumptionIdentity, Paid, Use, place_behind

_RUNS_A_STEP = 4
_LIVE_LOTS_A_USE = 16
_PASSED_A_USE = 8
_CHUNKS_A_USE = 4
"""As many lots are looked at, uses passed over, and chunks passed over in about the time in which one use is paid."""


class Step(NamedTuple):
    """One use whose payment comes out otherwise than it was, and its new payment."""

    use: Use
    allocation: Allocation


class Walk:
    """A walk along the consumption of an account; `used_micro` of `lots` follows it.

    `rest` is what a limited lot has left at the place where the walk is; `moved` what each lot has paid more before that place
    than it had; `changed` the intervals in which lots came, went or end otherwise; `newest` is the last use that was derived
    before (None: none was). After a walk `cursor` tells where to go on; None where all is derived.
    """

    def __init__(  # noqa: PLR0913 - everything that a payment depends on
        self,
        state: State,
        account: AccountKey,
        lots: Mapping[LotKey, Lot],
        *,
        to_derive: UsesToDerive,
        moved: Mapping[LotKey, int],
        changed: Iterable[tuple[int, int]],
        newest: ConsumptionIdentity | None,
        pieces: Pieces,
    ) -> None:
        self.moved = dict(moved)
        self.cursor: ConsumptionIdentity | None = None
        self._state = state
        self._account = account
        self._lots = lots
        self._to_derive = to_derive
        self._changed = list(changed)
        self._newest = newest
        self._pieces = pieces
        self._rest: dict[LotKey, int] = {}
        self._live: list[Lot] = []
        self._to_come = sorted(lots.values(), key=lambda lot: (lot.start, lot.grant_id), reverse=True)
        self._paid_more: dict[LotKey, int] = {}
        self._cost = 0.0

    def along_new(self, uses: Iterable[Use]) -> Iterator[Step]:
        """Derive uses behind which, and between which, no other lies."""
        self._rest = {key: lot.rest_micro for key, lot in self._lots.items() if lot.amount_micro is not None}
        for use in uses:
            yield self._pay(use)
            if closes_chunk(use.event.event_id, chunk_uses=self._pieces.chunk_uses):
                [chunk] = read_chunks(self._state, self._account, use.identity)
                close_chunk(self._state, self._account, chunk, use.identity)

    def along_all(self, start: ConsumptionIdentity) -> Iterator[Step]:
        """Derive from a place on all that may come out otherwise."""
        chunks = read_chunks(self._state, self._account, start)
        self._find_rests(start, chunks)
        for number, chunk in enumerate(chunks):
            begin = place_behind(chunk.begin) if number else start
            if self._is_over(begin[0]):
                return
            if self._cost >= self._pieces.step_uses:
                self.cursor = begin
                return
            if number and chunk.paid is not None and self._may_be_passed(chunk.begin[0], chunk.end, chunk.paid):
                self._pass(chunk.paid, cost=1 / _CHUNKS_A_USE)
                continue
            yield from self._along(read_kept_uses(self._state, self._account, begin, until=chunk.end), chunk)
            if self.cursor is not None:
                return

    def _find_rests(self, start: ConsumptionIdentity, chunks: list[Chunk]) -> None:
        """Find what lots have left where the walk begins: what they hold, but for what was paid before."""
        later: dict[LotKey, int] = {}
        for number, chunk in enumerate(chunks):
            paid = chunk.paid
            if paid is None or number == 0:
                begin = place_behind(chunk.begin) if number else start
                until = FIRST if self._newest is None else min(chunk.end, self._newest)
                paid = paid_by_lot(read_kept_uses(self._state, self._account, begin, until=until)) if begin <= until else {}
            for lot_key, micro in paid.items():
                later[lot_key] = later.get(lot_key, 0) + micro
        self._rest = {
            key: lot.rest_micro + later.get(key, 0) for key, lot in self._lots.items() if lot.amount_micro is not None
        }

    def _along(self, uses: Iterable[KeptUse], chunk: Chunk) -> Iterator[Step]:
        """Derive the uses of a chunk; those between two that are to be derived are passed over together where they may be."""
        for run in self._runs(uses):
            if self._is_over(run[0].identity[0]):
                break
            if self._cost >= self._pieces.step_uses:
                self.cursor = run[0].identity
                break
            paid = paid_by_lot(run)
            if self._may_be_passed(run[0].identity[0], run[-1].identity, paid):
                self._pass(paid, cost=len(run) / _PASSED_A_USE)
                continue
            for kept in run:
                if kept.allocation is None and self._to_derive.next() != kept.identity:
                    continue  # it waits for the next pass
                step = self._derive(kept)
                if step is None:
                    continue
                yield step
                if kept.allocation is None and closes_chunk(kept.identity[1], chunk_uses=self._pieces.chunk_uses):
                    chunk = close_chunk(self._state, self._account, self._with_sums(chunk), kept.identity)
        if self._paid_more and chunk.paid is not None:
            keep_chunk(self._state, self._account, self._with_sums(chunk))
        self._paid_more = {}

    def _runs(self, uses: Iterable[KeptUse]) -> Iterator[list[KeptUse]]:
        """Divide uses into those that are to be derived, one by one, and those between them, not too many at a time."""
        run: list[KeptUse] = []
        run_uses_max = max(1, self._pieces.step_uses // _RUNS_A_STEP)
        for kept in uses:
            is_to_derive = kept.identity == self._to_derive.next()
            if run and (is_to_derive or len(run) >= run_uses_max):
                yield run
                run = []
            run.append(kept)
            if is_to_derive:
                yield run
                run = []
        if run:
            yield run

    def _derive(self, kept: KeptUse) -> Step | None:
        """Derive a use; gives its payment where it comes out otherwise."""
        is_to_derive = self._to_derive.next() == kept.identity
        step = self._pay(kept.use(), counts=is_to_derive)
        if is_to_derive:
            self._to_derive.take()
        return None if step.allocation == kept.allocation else step

    def _pass(self, paid: Mapping[LotKey, int], *, cost: float) -> None:
        """Pass over uses for which lots paid so much."""
        self._cost += cost
        for lot_key in self._rest.keys() & paid.keys():
            self._rest[lot_key] -= paid[lot_key]

    def _with_sums(self, chunk: Chunk) -> Chunk:
        """Give a chunk with what was moved in it so far."""
        moved, self._paid_more = self._paid_more, {}
        return chunk if chunk.paid is None else chunk._replace(paid=added(chunk.paid, moved))

    def _pay(self, use: Use, *, counts: bool = True) -> Step:
        """Let the lots pay for a use; one that does not count yet in its present size counts in the one it was derived for."""
        instant = use.event.occurred_at
        while self._to_come and self._to_come[-1].start <= instant:
            self._live.append(self._to_come.pop())
        self._live = [
            lot for lot in self._live if lot.is_valid_at(instant) and (lot.amount_micro is None or self._rest[lot.key] > 0)
        ]
        self._cost += 1 + len(self._live) / _LIVE_LOTS_A_USE
        net_micro = use.net_micro if counts or use.allocation is None else use.allocation.net_micro
        payments, overage_micro = pay(net_micro, burn_order(self._live, use.event), rest_micro=lambda lot: self._rest[lot.key])
        allocation = Allocation(tuple(Paid(lot.grant_id, lot.start, paid) for lot, paid in payments), overage_micro)
        for part in allocation.paid:
            if part.lot_key in self._rest:
                self._rest[part.lot_key] -= part.amount_micro
        if allocation != use.allocation:
            for part in use.paid:
                self._move(part.lot_key, -part.amount_micro)
            for part in allocation.paid:
                self._move(part.lot_key, part.amount_micro)
            keep_use(self._state, use._replace(allocation=allocation))
        return Step(use, allocation)

    def _move(self, lot_key: LotKey, micro: int) -> None:
        self.moved[lot_key] = self.moved.get(lot_key, 0) + micro
        self._paid_more[lot_key] = self._paid_more.get(lot_key, 0) + micro
        lot = self._lots.get(lot_key)
        if lot is not None:
            lot.used_micro += micro

    def _is_over(self, instant: int) -> bool:
        """Tell whether all that is left comes out as before; what lots have left in the end follows from all that they paid."""
        return self._comes_out_as_before(instant, LAST, rest_after=lambda lot: lot.rest_micro)

    def _may_be_passed(self, first: int, last: ConsumptionIdentity, paid: Mapping[LotKey, int]) -> bool:
        """Tell whether uses from an instant up to a place come out as before, for which lots paid so much."""
        return self._comes_out_as_before(first, last, rest_after=lambda lot: self._rest[lot.key] - paid.get(lot.key, 0))

    def _comes_out_as_before(self, first: int, last: ConsumptionIdentity, *, rest_after: Callable[[Lot], int]) -> bool:
        """Tell whether nothing in an interval is to be derived, no lot is another, and none runs out otherwise than before.

        `rest_after` tells what a lot has left behind it if its payments stay; a lot that had something left there was never
        short in it.
        """
        next_to_derive = self._to_derive.next()
        if next_to_derive is not None and next_to_derive <= last:
            return False
        if any(start <= last[0] and first < end for start, end in self._changed):
            return False
        for lot_key, moved_micro in self.moved.items():
            lot = self._lots.get(lot_key)
            if lot is None or lot.amount_micro is None or moved_micro == 0:
                continue
            if lot.start > last[0] or end_or_never(lot.end) <= first:
                continue
            rest_micro = rest_after(lot)
            if rest_micro < 0 or rest_micro + moved_micro <= 0:
                return False
        return True
