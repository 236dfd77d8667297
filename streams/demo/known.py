"""What the demo feed has sent so far, so that it can be sent twice, taken back, voided or contradicted.

Only records that are accepted where they lie are known: those that are sent on come back at a place of their own.
"""

import random
from bisect import bisect_left
from typing import Generic, NamedTuple, TypeVar

from schemas.events import CreditConsumed, CreditGranted, CustomerEvent
from streams.demo.records import remembered_until
from streams.kafka.emit import Outgoing

_LAST = 300
"""Sent twice, taken back and contradicted is one of so many last events."""

_Event_co = TypeVar("_Event_co", bound=CustomerEvent, covariant=True)


class Sent(NamedTuple, Generic[_Event_co]):
    """An event that was sent, and its record."""

    event: _Event_co
    outgoing: Outgoing


class Known:
    """The events that were sent, in the order in which they were recorded."""

    def __init__(self, chance: random.Random) -> None:
        self.grants: list[Sent[CreditGranted]] = []
        self._chance = chance
        self._sent: list[Sent[CustomerEvent]] = []
        self._uses: list[Sent[CreditConsumed]] = []
        self._not_taken_back: list[CreditConsumed] = []
        self._not_voided: list[CreditGranted] = []

    def keep(self, event: CustomerEvent, outgoing: Outgoing) -> None:
        """Keep an event that was accepted; it may be sent a second time."""
        self._sent.append(Sent(event, outgoing))

    def keep_use(self, use: CreditConsumed, outgoing: Outgoing) -> None:
        """Keep a use; it may be taken back, and contradicted."""
        self._uses.append(Sent(use, outgoing))
        self._not_taken_back.append(use)

    def keep_grant(self, grant: CreditGranted, outgoing: Outgoing, *, may_be_voided: bool) -> None:
        """Keep a grant; it may be contradicted, and voided where that is wanted."""
        self.grants.append(Sent(grant, outgoing))
        self._not_voided += [grant] * may_be_voided

    def any_of_last(self, *, floor: int) -> Sent[CustomerEvent]:
        """Give one of the last events, of which the ledger knows that it was there when `floor` is the first open instant."""
        last = ((sent, remembered_until(sent.event)) for sent in self._sent[-_LAST:])
        return self._chance.choice([sent for sent, until in last if until is None or until >= floor])

    def use_of_last(self) -> Sent[CreditConsumed]:
        """Give one of the last uses."""
        return self._chance.choice(self._uses[-_LAST:])

    def forgotten_use(self, *, accept_from: int) -> Sent[CreditConsumed]:
        """Give a use that occurred and was recorded before `accept_from`."""
        recorded_before = bisect_left(self._uses, accept_from, key=lambda sent: sent.event.recorded_at)
        return self._chance.choice([sent for sent in self._uses[:recorded_before] if sent.event.occurred_at < accept_from])

    def take_back(self, *, earliest: int, latest: int) -> CreditConsumed | None:
        """Give one of the last uses between two instants, each only once; None where there is none."""
        first = max(0, len(self._not_taken_back) - _LAST)
        places = [
            place for place, use in enumerate(self._not_taken_back[first:], first) if earliest <= use.occurred_at <= latest
        ]
        return self._not_taken_back.pop(self._chance.choice(places)) if places else None

    def void(self, *, effective_before: int) -> CreditGranted | None:
        """Give a grant that took effect before an instant, each only once; None where there is none."""
        places = [place for place, grant in enumerate(self._not_voided) if grant.effective_at < effective_before]
        return self._not_voided.pop(self._chance.choice(places)) if places else None
