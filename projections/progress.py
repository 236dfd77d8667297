"""What a state keeps of an account while it is derived step by step: how far it is, and what waits for the next pass.

A pass derives what was there when it began. What comes while it is under way waits, and is derived by the next one, all of it
together; so what is published is always the books of a set of accepted events, and no pass is made longer by what comes later.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from projections import keys
from projections.kept_form import reader_of, write_kept
from projections.keys import AccountKey
from projections.lots import Lot
from projections.snapshot import Consumed
from projections.state import ReadableState, State
from projections.stored import read_grant, voids_of_grant
from projections.usage import ConsumptionIdentity, Use
from schemas.events import CreditGranted
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


class TouchedUses(NamedTuple):
    """The consumption that is to be derived, in short: its first and its last place.

    `last_counting` is the last instant at which something has a net amount; `has_reversed` tells whether something has none.
    """

    first: ConsumptionIdentity
    last: ConsumptionIdentity
    last_counting: int | None
    has_reversed: bool


class Pass(msgspec.Struct, array_like=True):
    """One pass of the derivation of an account: what it began with, and how far it is. Months are ordinals.

    `cursor` is the place from which consumption is still to be derived (None: from nowhere). `moved` is what each lot has paid
    more before that place than it had, `changed` the intervals in which lots came, went or end otherwise, `consumed` what
    months come to so far. `lots_before` are lots as they are published where they are other by now (None: not published);
    `spent` are those that are spent for good and got another end, before and after.
    """

    place: Place
    clock_month: int | None
    issued_month: int | None
    last_month: int | None
    first_month: int
    earliest: int | None
    newest: ConsumptionIdentity | None
    has_monthly: bool
    is_withdrawn: bool
    cursor: ConsumptionIdentity | None
    moved: list[tuple[str, int, int]] = []
    changed: list[tuple[int, int]] = []
    consumed: dict[int, Consumed] = {}
    lots_before: list[tuple[str, int, Lot | None]] = []
    spent: list[tuple[Lot, Lot]] = []


class Waiting(msgspec.Struct, array_like=True):
    """What waits for the next pass: `earliest` is the first instant that it is about, `place` of the record that came last."""

    place: Place
    earliest: int
    uses: TouchedUses | None


class Progress(msgspec.Struct, array_like=True):
    """How far the derivation of an account is: steps done in all, the pass under way, or None between two, and its number."""

    steps: int
    number: int
    under_way: Pass | None
    waiting: Waiting | None


def read_progress(state: ReadableState, account: AccountKey) -> Progress | None:
    """Give how far the derivation of an account is; None for one that is derived to the end."""
    value = state.get(keys.PROGRESS + account.key)
    return None if value is None else _decode_progress(value)


def count_in_progress(state: ReadableState) -> int:
    """Count the accounts that are being derived step by step."""
    return sum(1 for _ in state.scan(keys.TURN))


def keep_progress(state: State, account: AccountKey, progress: Progress) -> None:
    """Keep how far an account is, one step further; it comes to an end where nothing is under way and nothing waits."""
    if progress.steps:
        state.delete(keys.due(keys.TURN, progress.steps, account.key))
    if progress.under_way is None and progress.waiting is None:
        state.delete(keys.PROGRESS + account.key)
        return
    progress.steps += 1
    state.put(keys.due(keys.TURN, progress.steps, account.key), b"")
    state.put(keys.PROGRESS + account.key, write_kept(progress))


def summary_of(uses: Mapping[ConsumptionIdentity, Use]) -> TouchedUses | None:
    """Sum up consumption that is to be derived; None where there is none."""
    if not uses:
        return None
    counting = [use.event.occurred_at for use in uses.values() if use.net_micro > 0]
    return TouchedUses(min(uses), max(uses), max(counting, default=None), len(counting) < len(uses))


def let_wait(state: State, account: AccountKey, progress: Progress, touched: Touched) -> None:
    """Let what a batch brought wait for the next pass."""
    mark_uses(state, account, touched.uses, number=progress.number + 1)
    instants = [occurred_at for occurred_at, _ in touched.uses]
    for grant_id, change in touched.grants.items():
        key = _grant_key(account, grant_id)
        if state.get(key) is None:
            state.put(key, write_kept((change.is_new, change.voided_before)))
        instants.append(change.grant.effective_at if change.is_new or change.voided_at is None else change.voided_at)
    waiting = Waiting(touched.place, min(instants), summary_of(touched.uses))
    known = progress.waiting
    if known is not None:
        waiting.earliest = min(waiting.earliest, known.earliest)
        waiting.uses = _joined(known.uses, waiting.uses)
    progress.waiting = waiting
    state.put(keys.PROGRESS + account.key, write_kept(progress))


def take_grants(state: State, account: AccountKey) -> Iterator[GrantChange]:
    """Take the grants that wait."""
    prefix = keys.all_of(keys.GRANT_TO_DERIVE, account.key)
    for key, value in list(state.scan(prefix)):
        state.delete(key)
        grant_id = key[len(prefix) :].decode()
        stored = read_grant(state, account.customer, grant_id)
        if stored is not None:
            is_new, voided_before = _decode_grant(value)
            voids = voids_of_grant(state, account.customer, grant_id)
            yield GrantChange(stored.event, is_new, voided_before, voids[0].acts_at if voids else None)


def mark_uses(state: State, account: AccountKey, identities: Iterable[ConsumptionIdentity], *, number: int) -> None:
    """Mark consumption that is to be derived by a pass."""
    letter = keys.USAGE_TO_DERIVE[number % 2]
    for identity in identities:
        state.put(keys.at(letter, account.key, *identity), b"")


class UsesToDerive(Protocol):
    """The consumption that a pass is to derive, in its order."""

    def next(self) -> ConsumptionIdentity | None:
        """Give the first that is not derived yet; None where all are."""

    def take(self) -> None:
        """Take the first away: it is derived."""


class UsesInHand:
    """Consumption that is to be derived, in memory."""

    def __init__(self, identities: Iterable[ConsumptionIdentity]) -> None:
        self._left = sorted(identities, reverse=True)

    def next(self) -> ConsumptionIdentity | None:
        """Give the first that is not derived yet."""
        return self._left[-1] if self._left else None

    def take(self) -> None:
        """Take the first away."""
        self._left.pop()

    def left(self) -> list[ConsumptionIdentity]:
        """Give all that are not derived yet."""
        return self._left


class MarkedUses:
    """Consumption that is to be derived, as it is marked in a state."""

    def __init__(self, state: State, account: AccountKey, *, number: int) -> None:
        self._state = state
        prefix = keys.all_of(keys.USAGE_TO_DERIVE[number % 2], account.key)
        self._prefix_length = len(prefix)
        self._keys = (key for key, _ in state.scan(prefix))
        self._first = next(self._keys, None)

    def next(self) -> ConsumptionIdentity | None:
        """Give the first that is not derived yet."""
        return None if self._first is None else keys.identity_at(self._first[self._prefix_length :])

    def take(self) -> None:
        """Take the first away."""
        if self._first is not None:
            self._state.delete(self._first)
        self._first = next(self._keys, None)


def mark_unpublished(state: State, account: AccountKey, identity: ConsumptionIdentity) -> None:
    """Mark consumption whose new payment is not published yet."""
    state.put(keys.at(keys.UNPUBLISHED, account.key, *identity), b"")


def take_unpublished(state: State, account: AccountKey, *, limit: int) -> Iterator[ConsumptionIdentity]:
    """Take consumption whose new payment is not published yet, not more than `limit` of it."""
    prefix = keys.all_of(keys.UNPUBLISHED, account.key)
    for key, _ in list(state.scan(prefix, limit=limit)):
        state.delete(key)
        yield keys.identity_at(key[len(prefix) :])


def _grant_key(account: AccountKey, grant_id: str) -> bytes:
    return keys.of(keys.GRANT_TO_DERIVE, account.key, grant_id.encode())


def _joined(one: TouchedUses | None, two: TouchedUses | None) -> TouchedUses | None:
    if one is None or two is None:
        return one or two
    counting = [instant for instant in (one.last_counting, two.last_counting) if instant is not None]
    return TouchedUses(
        min(one.first, two.first),
        max(one.last, two.last),
        max(counting, default=None),
        one.has_reversed or two.has_reversed,
    )


_decode_progress = reader_of(Progress, what="progress of an account")
_decode_grant = reader_of(tuple[bool, int | None], what="grant that waits")
