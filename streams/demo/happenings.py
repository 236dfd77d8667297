"""What happens in the demo feed, one thing after another: each method draws one record and says what becomes of it."""

import random
from itertools import accumulate

from schemas.amounts import MICRO_PER_CREDIT
from schemas.events import CreditConsumed, CreditGranted, CustomerEvent, MasterEvent, key_of
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from streams.demo import events, records
from streams.demo.activities import use_of
from streams.demo.customers import CAMPAIGNS, CENTERS, COWORKING, ORGANIZATIONS, Customer
from streams.demo.known import Known, Sent
from streams.demo.outcomes import Outcome
from streams.demo.records import Drafted, encoded_again, remembered_until
from streams.kafka.emit import Outgoing

_UNLIMITED_TYPES = ("hours", "messages", "sessions")
_UNLIMITED_EVERY = 9
_AHEAD_SHARE = 0.05
_EARLY_DAYS = (401, 450)


class Happenings:
    """Draws what happens at `now`; nothing that is accepted has an instant before `floor` (both UTC microseconds)."""

    def __init__(
        self, chance: random.Random, customers: list[Customer], *, begins_at: int, accept_from: int, partition_count: int
    ) -> None:
        self.now = begins_at
        self.floor = begins_at
        self.number = 0
        self._chance = chance
        self._customers = customers
        self._cumulative = list(accumulate(customer.weight for customer in customers))
        self._accept_from = accept_from
        self._partition_count = partition_count
        self._known = Known(chance)

    def opening(self) -> list[Drafted]:
        """Give names, campaigns, and a plan, a pack and a first use of every customer."""
        drafted = [self._master(event) for event in self._master_data()]
        for place, customer in enumerate(self._customers):
            is_unlimited = customer.credit_type in _UNLIMITED_TYPES and place % _UNLIMITED_EVERY == 1
            plan = events.plan(customer, self._next(), at=self.now, is_unlimited=is_unlimited)
            drafted += [self._granted(plan, may_be_voided=False), self._packed(customer), self._used(customer)]
        return drafted

    def use(self) -> Drafted:
        """Let a customer use credits."""
        return self._used(self._someone())

    def pack(self) -> Drafted:
        """Let a customer buy a pack."""
        return self._packed(self._someone())

    def goodwill(self) -> Drafted:
        """Give a customer credits that are valid from some days ago on."""
        grant = events.goodwill(self._chance, self._someone(), self._next(), at=self.now, effective_from=self.floor)
        return self._granted(grant, may_be_voided=False)

    def reversal(self) -> Drafted:
        """Take a use back, in whole or by half."""
        use = self._to_take_back()
        if use is None:
            return self.use()
        amount_micro = self._chance.choice((None, max(1, use.amount_micro // 2)))
        return self._accepted(events.reversal(use, self._next(), amount_micro=amount_micro, at=self.now))

    def void(self) -> Drafted:
        """End a grant."""
        grant = self._known.void(effective_before=self.now)
        if grant is None:
            return self.use()
        return self._accepted(events.void(grant, self._next(), occurred_at=self.now, recorded_at=self.now))

    def name(self) -> Drafted:
        """Say anew what a customer is called."""
        customer = self._someone()
        called = f"{customer.name} {self._chance.choice(('Group', 'Ltd', 'and Sons'))}"
        named = events.Named(customer.organization_id, "CUSTOMER", customer.customer_id, called)
        return self._master(events.name(named, self._next(), at=self.now))

    def campaign(self) -> Drafted:
        """Define a campaign anew."""
        status = self._chance.choice(("LIVE", "PAUSED", "PROCESSED"))
        return self._master(events.campaign(self._chance.choice(CAMPAIGNS), self._next(), status=status, at=self.now))

    def late_use(self) -> Drafted:
        """Tell of a use days after it was."""
        earliest = max(self.floor, self.now - 40 * MICROSECONDS_PER_DAY)
        latest = self.now - 3 * MICROSECONDS_PER_DAY // 2
        occurred_at = earliest + int((latest - earliest) * self._chance.random())
        return self._accepted(self._use_at(occurred_at), outcome=Outcome.LATE)

    def late_void(self) -> Drafted:
        """Tell of the end of a grant days after it was; a void is never too late."""
        days = 2 + self._chance.randrange(70)
        ended_at = self.now - days * MICROSECONDS_PER_DAY
        grant = self._known.void(effective_before=ended_at)
        if grant is None:
            return self.late_use()
        event = events.void(grant, self._next(), occurred_at=ended_at, recorded_at=self.now)
        return self._accepted(event, outcome=Outcome.LATE)

    def misrouted(self) -> Drafted:
        """Send a use to a foreign partition."""
        event = self._use_now()
        outgoing = records.misrouted(self._chance, self._sound(event), partition_count=self._partition_count)
        return Drafted(outgoing, Outcome.MISROUTED, remembered_until(event))

    def void_without_grant(self) -> Drafted:
        """End a grant that nobody made."""
        grant = events.pack(self._chance, self._someone(), self._next(), at=self.now)
        event = events.void(grant, self.number, occurred_at=self.now, recorded_at=self.now)
        return self._accepted(event, outcome=Outcome.VOID_WITHOUT_GRANT)

    def reversal_without_consumption(self) -> Drafted:
        """Take back what nobody used."""
        event = events.reversal(self._use_now(), self.number, amount_micro=None, at=self.now)
        return self._accepted(event, outcome=Outcome.REVERSAL_WITHOUT_CONSUMPTION)

    def reversal_exceeds_consumption(self) -> Drafted:
        """Take back more than was used."""
        use = self._to_take_back()
        if use is None:
            return self.reversal_without_consumption()
        event = events.reversal(use, self._next(), amount_micro=use.amount_micro * 3, at=self.now)
        return self._accepted(event, outcome=Outcome.REVERSAL_EXCEEDS_CONSUMPTION)

    def unknown_credit_type(self) -> Drafted:
        """Use credits that the catalog does not list."""
        return self._accepted(self._use_now()._replace(credit_type="stamps"), outcome=Outcome.UNKNOWN_CREDIT_TYPE)

    def unlimited_not_allowed(self) -> Drafted:
        """Grant without limit what the catalog allows only with one."""
        coworker = self._chance.choice([customer for customer in self._customers if customer.credit_type == "coins"])
        grant = events.pack(self._chance, coworker, self._next(), at=self.now)._replace(amount_micro=None)
        return self._accepted(grant, outcome=Outcome.UNLIMITED_NOT_ALLOWED)

    def copy(self) -> Drafted:
        """Send one of the last events once more: the same bytes, or recorded anew."""
        sent = self._known.any_of_last(floor=self.floor)
        again = sent.outgoing
        if self._chance.random() < 0.5:
            again = encoded_again(sent.outgoing, sent.event._replace(recorded_at=self.now))
        return Drafted(again, Outcome.DUPLICATE, remembered_until(sent.event))

    def event_conflict(self) -> Drafted:
        """Tell one of the last uses once more, with another amount."""
        return self._contradicted(self._known.use_of_last(), Outcome.EVENT_CONFLICT)

    def grant_conflict(self) -> Drafted:
        """Tell a grant once more, with another amount."""
        return self._contradicted(self._chance.choice(self._known.grants), Outcome.GRANT_CONFLICT)

    def undecodable(self) -> Drafted:
        """Send bytes that nobody reads."""
        return Drafted(records.undecodable(self._chance, self._sound(self._use_now())), Outcome.UNDECODABLE)

    def invalid(self) -> Drafted:
        """Send a use or a grant that breaks a rule."""
        event = self._chance.choice(
            (self._use_now(), events.pack(self._chance, self._someone(), self._next(), at=self.now))
        )._replace(recorded_at=self.now)
        return Drafted(records.invalid(self._chance, event, partition_count=self._partition_count), Outcome.INVALID)

    def wrong_key(self) -> Drafted:
        """Send a use under the key of another customer."""
        event = self._use_now()
        foreign = key_of(event._replace(customer_id=f"{event.customer_id}-old")) or b""
        outgoing = records.wrong_key(self._sound(event), key=foreign, partition_count=self._partition_count)
        return Drafted(outgoing, Outcome.WRONG_KEY)

    def too_early(self) -> Drafted:
        """Tell of a use that is more than 400 days ahead."""
        occurred_at = self.now + self._chance.randrange(*_EARLY_DAYS) * MICROSECONDS_PER_DAY
        outgoing = records.early(self._use_now(), occurred_at=occurred_at, partition_count=self._partition_count)
        return Drafted(outgoing, Outcome.TOO_EARLY)

    def too_late_use(self) -> Drafted:
        """Tell of a use from before the time that is open."""
        occurred_at = self._accept_from - self._chance.randrange(1, 40) * MICROSECONDS_PER_DAY
        return Drafted(self._sound(self._use_at(occurred_at)), Outcome.TOO_LATE)

    def too_late_copy(self) -> Drafted:
        """Send once more what is so old that the ledger no longer knows it."""
        return Drafted(self._known.forgotten_use(accept_from=self._accept_from).outgoing, Outcome.TOO_LATE)

    def too_late_grant(self) -> Drafted:
        """Grant something that is to be valid from before the time that is open."""
        grant = events.pack(self._chance, self._someone(), self._next(), at=self.now)
        return Drafted(self._sound(grant._replace(effective_at=self._accept_from - MICROSECONDS_PER_DAY)), Outcome.TOO_LATE)

    def too_late_reversal(self) -> Drafted:
        """Take back a use from before the time that is open."""
        use = self._known.forgotten_use(accept_from=self._accept_from).event
        return Drafted(self._sound(events.reversal(use, self._next(), amount_micro=None, at=self.now)), Outcome.TOO_LATE)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _someone(self) -> Customer:
        [customer] = self._chance.choices(self._customers, cum_weights=self._cumulative)
        return customer

    def _master_data(self) -> list[MasterEvent]:
        named = [
            events.Named(organization_id, "CENTER", center_id, center_id.replace("-", " ").title())
            for organization_id in ORGANIZATIONS
            for center_id in CENTERS[organization_id]
        ]
        named += [events.Named(one.organization_id, "CUSTOMER", one.customer_id, one.name) for one in self._customers]
        return [
            *(events.name(one, self._next(), at=self.now) for one in named),
            *(events.campaign(campaign_id, self._next(), status="LIVE", at=self.now) for campaign_id in CAMPAIGNS),
        ]

    def _sound(self, event: CustomerEvent | MasterEvent) -> Outgoing:
        return records.sound(event, partition_count=self._partition_count)

    def _master(self, event: MasterEvent) -> Drafted:
        return Drafted(self._sound(event), Outcome.NAMES_AND_CAMPAIGNS)

    def _accepted(self, event: CustomerEvent, *, outcome: Outcome = Outcome.ACCEPTED) -> Drafted:
        """Give the record of an event that is accepted where it lies; it may be sent once more later."""
        outgoing = self._sound(event)
        self._known.keep(event, outgoing)
        return Drafted(outgoing, outcome, remembered_until(event))

    def _granted(self, grant: CreditGranted, *, may_be_voided: bool) -> Drafted:
        drafted = self._accepted(grant)
        self._known.keep_grant(grant, drafted.outgoing, may_be_voided=may_be_voided)
        return drafted

    def _packed(self, customer: Customer) -> Drafted:
        pack = events.pack(self._chance, customer, self._next(), at=self.now)
        return self._granted(pack, may_be_voided=True)

    def _used(self, customer: Customer) -> Drafted:
        use = self._use_now(customer)
        drafted = self._accepted(use)
        self._known.keep_use(use, drafted.outgoing)
        return drafted

    def _use_now(self, customer: Customer | None = None) -> CreditConsumed:
        """Draw a use that is told the same day; of rooms also one that is booked ahead."""
        someone = customer or self._someone()
        is_ahead = someone.organization_id == COWORKING and self._chance.random() < _AHEAD_SHARE
        hours = self._chance.randrange(24, 14 * 24) if is_ahead else -self._chance.randrange(5)
        return self._use_at(max(self.floor, self.now + hours * MICROSECONDS_PER_HOUR), someone)

    def _use_at(self, occurred_at: int, customer: Customer | None = None) -> CreditConsumed:
        someone, number = customer or self._someone(), self._next()
        used = use_of(self._chance, someone, number)
        return events.consumption(someone, used, number, occurred_at=occurred_at, recorded_at=self.now)

    def _to_take_back(self) -> CreditConsumed | None:
        return self._known.take_back(earliest=self.floor, latest=self.now)

    def _contradicted(self, sent: Sent[CreditConsumed] | Sent[CreditGranted], outcome: Outcome) -> Drafted:
        event = sent.event
        other = event._replace(amount_micro=(event.amount_micro or 0) + 5 * MICRO_PER_CREDIT, recorded_at=self.now)
        return Drafted(encoded_again(sent.outgoing, other), outcome, remembered_until(event))
