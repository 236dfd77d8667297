"""The books of one partition number: batches of records in, changed rows out.

The path of one batch reads top to bottom in `Books.apply`. Whatever was accepted lies in the state; what follows is derived
from the earliest change on, and only what differs is given out, so that the rows that a reader has after any batches are those
that follow from the state (docs/ledger.md 4.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from projections.calendar import Calendar, calendar_of
from projections.campaign_usage import count_sends
from projections.derivation import derive_account
from projections.intake import Accepted, Intake
from projections.invariants import check_rows
from projections.layout_2 import take_layout_2
from projections.live_grants import LIVE_GRANTS_MAX
from projections.pieces import PIECES, Pieces
from projections.rows import Change
from projections.settlement import do_due, find_due
from projections.state import State
from projections.times import Times, time_place, times_of
from schemas.catalog import Catalog
from schemas.records import Place, ReadRecord


class Applied(NamedTuple):
    """What one batch did: changed rows, records to be sent on to their own partition, and how many got which verdict.

    The counts and the reroutes add up to the records of the batch.
    """

    changes: tuple[Change, ...]
    reroutes: tuple[ReadRecord, ...]
    accepted: int
    duplicates: int
    refused: int


class Books:
    """The fold of one partition number over a state; it keeps nothing outside that state but the catalog.

    `live_grants_max` is the limit of docs/ledger.md 3.11; only tests make it smaller.
    """

    def __init__(
        self, state: State, *, catalog: Catalog, live_grants_max: int = LIVE_GRANTS_MAX, pieces: Pieces = PIECES
    ) -> None:
        self._state = state
        self._catalog = catalog
        self._live_grants_max = live_grants_max
        self._pieces = pieces

    def times(self) -> Times:
        """Give the clock and the boundary of the partition number (docs/ledger.md 2.3)."""
        return times_of(self._state)

    def apply(self, records: Sequence[ReadRecord]) -> Applied:
        """Accept a batch and derive all that follows; the records of each topic partition come in the order of its log.

        Guarantees that the rows given out so far are the same for any cutting into batches and any interleaving of topics;
        only the places that they name as their source may differ (docs/ledger.md 8.1).
        """
        accepted = self.accept(records)
        changes = [
            *self.dead_letter_changes(accepted),
            *self.balance_changes(accepted),
            *self.campaign_changes(accepted),
        ]
        while self.has_due():
            changes += self.due_changes()
        return Applied(tuple(changes), accepted.reroutes, accepted.accepted, accepted.duplicates, len(accepted.refused))

    def accept(self, records: Sequence[ReadRecord]) -> Accepted:
        """Give each record of a batch its verdict and keep what was accepted; its rows follow from what is returned.

        All three kinds of changes are to be taken before the next batch is accepted, and before anything due is done.
        """
        intake = self.intake()
        for record in records:
            intake.take(record)
        return intake.accepted()

    def intake(self) -> "Intake":
        """Give what accepts a batch record by record: `accept` in small steps."""
        return Intake(self._state, self._catalog, live_grants_max=self._live_grants_max)

    def balance_changes(self, accepted: Accepted) -> Iterator[Change]:
        """Give what changed of ledger, allocations, grants, lots, months and conflicts, and the master data; keeps balances.

        Raises InvariantViolation, naming account and record, where rows break a law of conservation.
        """
        yield from accepted.facts
        times = self.times()
        for account, touched in accepted.accounts.items():
            calendar = self._calendar(account.organization_id)
            yield from _checked(
                derive_account(self._state, account, touched, times=times, calendar=calendar, pieces=self._pieces)
            )

    def campaign_changes(self, accepted: Accepted) -> Iterator[Change]:
        """Give what changed of the campaign counters, and keep them."""
        for account, sends in accepted.sends.items():
            calendar = self._calendar(account.organization_id)
            for row, deleted in count_sends(self._state, account, sends.changes, calendar=calendar):
                yield Change(row, sends.place, deleted)

    def dead_letter_changes(self, accepted: Accepted) -> Iterator[Change]:
        """Give a row for each refused record, with everything that it carried (docs/ledger.md 3.6)."""
        for row in accepted.refused:
            yield Change(row=row, source=Place(row.topic, row.partition, row.offset), deleted=False)

    def has_due(self) -> bool:
        """Tell whether anything is left to do: accounts to be derived further, months that began, or were settled."""
        return bool(find_due(self._state, self.times(), limit=1))

    def due_changes(self) -> Iterator[Change]:
        """Do one piece of what is due, and give the rows that changed."""
        times = self.times()
        place = time_place(self._state)
        for key, owner in find_due(self._state, times, limit=self._pieces.due_accounts):
            yield from _checked(
                do_due(self._state, key, owner, place=place, times=times, catalog=self._catalog, pieces=self._pieces)
            )

    def upgrade(self) -> None:
        """Bring a state of the layout before this one up to it, all at once; its rows are published, and stay as they are."""
        intake = self.intake()
        for stored in take_layout_2(self._state):
            intake.keep(stored)
        accepted = intake.accepted()
        for changes in (self.balance_changes(accepted), self.campaign_changes(accepted)):
            _exhaust(changes)
        while self.has_due():
            _exhaust(self.due_changes())

    def _calendar(self, organization_id: str) -> Calendar:
        return calendar_of(self._catalog.zone_name(organization_id))


def _exhaust(changes: Iterable[Change]) -> None:
    for _ in changes:
        pass


def _checked(changes: Iterable[Change]) -> Iterator[Change]:
    for change in changes:
        if not change.deleted:
            check_rows((change.row,), place=change.source)
        yield change
