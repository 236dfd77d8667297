"""The feed of the fault tests: records of every kind that upstreams send, right and wrong; the same seed gives the same feed.

Time in the feed runs through seven months, so that months end and history settles on the way. Most customers do little,
some are hot. Offsets mean nothing here: a record gets one where it is sent.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from schemas import codec, topics
from schemas.amounts import MICRO_PER_CREDIT
from schemas.catalog import Catalog, parse_catalog
from schemas.checks import ACCEPTANCE_WINDOW
from schemas.events import (
    CHANNELS,
    LINE_KINDS,
    NAMED_KINDS,
    TOPICS_OF_TYPE,
    Activity,
    Booking,
    CampaignDefined,
    CampaignSend,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    CustomerEvent,
    DailyTopUp,
    Event,
    LineItem,
    NameGiven,
    Other,
    Selector,
    Session,
    TimeAdvanced,
    key_of,
)
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MILLISECOND, parse_instant
from schemas.reading import hop_header
from schemas.records import Place, RawRecord
from tests.support.world_changes import contradiction_of, copy_of, early_of, invalid_of, undecodable_of, wrong_key_of

CATALOG_TEXT = """
[credit_types.coins]
[credit_types.hours]
[credit_types.messages]
[credit_types.usd]
[organizations.lisbon-desks]
time_zone = "Europe/Lisbon"
[organizations.auckland-care]
time_zone = "Pacific/Auckland"
[organizations.kolkata-salons]
time_zone = "Asia/Kolkata"
[organizations.boston-cloud]
time_zone = "America/New_York"
"""
CATALOG: Catalog = parse_catalog(CATALOG_TEXT)
ORGANIZATIONS = ("lisbon-desks", "auckland-care", "kolkata-salons", "boston-cloud", "nowhere-in-the-catalog")

CUSTOMER_COUNT = 2_500
HOT_COUNT = 25
BEGINS_AT = parse_instant("2025-01-06T08:00:00Z") or 0
DAYS = 210
SETTLES_AFTER_DAYS = 120
"""From this day on some ticks say from when on the topic partitions accept."""

_TICK_EVERY = 1_000
_HOT_SHARE = 0.2
_LATE_SHARE = 0.05
_COPY_SHARE = 0.04
_REPLAY_SHARE = 0.03
_REMEMBERED_MAX = 400
_CAMPAIGN_COUNT = 12


class Customer(NamedTuple):
    """Whose events these are, and the credit type that most of them are about."""

    organization_id: str
    customer_id: str
    credit_type: str


class _Known(NamedTuple):
    """What a customer has done so far, to be reversed, voided or contradicted later."""

    grants: list[CreditGranted]
    consumption: list[CreditConsumed]


def make_feed(*, seed: int, record_count: int, partition_count: int) -> list[RawRecord]:
    """Make exactly so many records, in the order in which they are to be sent."""
    maker = _Maker(seed, record_count=record_count, partition_count=partition_count)
    records: list[RawRecord] = []
    for record in maker.records():
        records.append(record)
        if len(records) == record_count:
            break
    return records


class _Maker:
    """Draws what happens, one event after another, while time goes on."""

    def __init__(self, seed: int, *, record_count: int, partition_count: int) -> None:
        self._random = Random(seed)  # noqa: S311 - the same records for the same seed
        self._partition_count = partition_count
        self._step = DAYS * MICROSECONDS_PER_DAY // record_count // MICROSECONDS_PER_MILLISECOND * MICROSECONDS_PER_MILLISECOND
        self._now = BEGINS_AT
        self._number = 0
        self._customers = [_customer(number) for number in range(CUSTOMER_COUNT)]
        self._known = {customer: _Known([], []) for customer in self._customers}
        self._sent: list[tuple[RawRecord, CustomerEvent]] = []

    def records(self) -> Iterator[RawRecord]:
        """Give records without an end."""
        for number in range(_CAMPAIGN_COUNT):
            yield self._record(self._campaign(number))
        yield from self._ticks(accept_from=None)
        while True:
            self._now += self._step
            self._number += 1
            yield from self._happening()
            if self._number % _TICK_EVERY == 0:
                yield from self._ticks(accept_from=self._accept_from())

    def _happening(self) -> Iterator[RawRecord]:
        random = self._random
        if self._sent and random.random() < _REPLAY_SHARE:
            yield random.choice(self._sent)[0]
        elif self._sent and random.random() < _COPY_SHARE:
            yield self._again(random.choice(self._sent)[1])
        elif random.random() < 0.03:
            yield self._record(random.choice((self._name, self._definition))())
        else:
            yield self._first(self._customer_event())

    def _again(self, event: CustomerEvent) -> RawRecord:
        """Give another delivery of an event: a copy that was recorded anew, or a contradiction."""
        random, instants = self._random, [self._now - MICROSECONDS_PER_HOUR, self._now]
        return self._record(random.choice((copy_of, contradiction_of))(random, event, instants))

    def _first(self, event: CustomerEvent) -> RawRecord:
        """Give the first delivery of an event, on which something may go wrong."""
        record = self._record(event)
        wrong = self._random.random()
        for share, spoil in _SPOILING:
            wrong -= share
            if wrong < 0:
                return spoil(self._random, record, event, self._partition_count)
        self._remember(record, event)
        return record

    def _remember(self, record: RawRecord, event: CustomerEvent) -> None:
        known = self._known[_customer_of(event, self._customers)]
        if isinstance(event, CreditGranted):
            known.grants.append(event)
        elif isinstance(event, CreditConsumed):
            known.consumption.append(event)
        self._sent.append((record, event))
        del self._sent[:-_REMEMBERED_MAX]

    def _customer_event(self) -> CustomerEvent:
        random = self._random
        customer = random.choice(self._customers[:HOT_COUNT] if random.random() < _HOT_SHARE else self._customers)
        known = self._known[customer]
        if not known.grants and random.random() < 0.5:
            return self._grant(customer)
        [make] = random.choices(
            (self._grant, self._consumption, self._send, self._reversal, self._void), weights=(12, 64, 12, 8, 4)
        )
        return make(customer)

    def _common(self, customer: Customer) -> tuple[str, str, str, int, int, str | None]:
        """Give the fields that all events of a customer have; some occurred long before they are told, some lie ahead."""
        random = self._random
        if random.random() < _LATE_SHARE:
            occurred_at = self._now - random.randrange(20, 150) * MICROSECONDS_PER_DAY
        else:
            occurred_at = self._now + random.randrange(-72, 48) * MICROSECONDS_PER_HOUR
        actor = random.choice((None, "front desk", "job"))
        return f"e{self._number}", customer.organization_id, customer.customer_id, occurred_at, self._now, actor

    def _grant(self, customer: Customer) -> CreditGranted:
        random, common = self._random, self._common(customer)
        effective_at = common[3] + random.choice((0, 0, 0, 40)) * MICROSECONDS_PER_DAY
        ends = random.choice((None, effective_at + random.randrange(3, 150) * MICROSECONDS_PER_DAY))
        is_unlimited = random.random() < 0.04
        has_cost = random.random() < 0.2
        credit_type = "euros" if random.random() < 0.01 else customer.credit_type
        return CreditGranted(
            *common,
            grant_id=f"g{self._number}",
            credit_type=credit_type,
            name=random.choice(("Welcome", "Top-up", "Plan")),
            cadence=random.choice(("ONCE", "ONCE", "MONTHLY")),
            amount_micro=None if is_unlimited else random.randrange(1, 80) * MICRO_PER_CREDIT // 4,
            priority=random.choice((50, 50, 10, 90)),
            effective_at=effective_at,
            expires_at=ends,
            scope=random.choice(((), (), (Selector("ADDON", None),))) if credit_type == "usd" else (),
            unit_cost_micro=random.randrange(1_000_000) if has_cost else None,
            currency="EUR" if has_cost else None,
        )

    def _consumption(self, customer: Customer) -> CreditConsumed:
        random, common = self._random, self._common(customer)
        credit_type = "euros" if random.random() < 0.01 else customer.credit_type
        amount_micro = random.randrange(1, 4_000_000)
        return CreditConsumed(*common, credit_type, amount_micro, _activity(random, customer, self._number), None, None)

    def _send(self, customer: Customer) -> CreditConsumed:
        random, common = self._random, self._common(customer)
        campaign_id, center_id = f"k{random.randrange(_CAMPAIGN_COUNT)}", f"center-{random.randrange(3)}"
        activity = CampaignSend(campaign_id, center_id, random.choice(CHANNELS), "gift", random.randrange(9))
        return CreditConsumed(*common, "messages", random.randrange(1, 9) * MICRO_PER_CREDIT, activity, None, None)

    def _reversal(self, customer: Customer) -> CustomerEvent:
        random, consumption = self._random, self._known[customer].consumption
        if not consumption:
            return self._consumption(customer)
        taken = random.choice(consumption)
        is_wrong = random.random() < 0.05
        amount_micro = random.choice((None, taken.amount_micro // 2 + 1, taken.amount_micro * 2))
        consumed_at = taken.occurred_at + is_wrong
        return ConsumptionReversed(*self._common(customer), taken.event_id, consumed_at, amount_micro, None)

    def _void(self, customer: Customer) -> CustomerEvent:
        random, grants = self._random, self._known[customer].grants
        grant_id = random.choice(grants).grant_id if grants and random.random() < 0.9 else f"none-{self._number}"
        return CreditVoided(*self._common(customer), grant_id, random.choice((None, "moved away")))

    def _campaign(self, number: int) -> CampaignDefined:
        random = self._random
        return CampaignDefined(
            *(f"d{self._number}-{number}", random.choice(ORGANIZATIONS), self._now, self._now, None),
            *(f"k{number}", f"Campaign {self._number}", "SCHEDULED", "CENTER", None, random.randrange(99), "SMS", "gift"),
            status=random.choice(("LIVE", "PROCESSED", "PAUSED")),
        )

    def _definition(self) -> CampaignDefined:
        return self._campaign(self._random.randrange(_CAMPAIGN_COUNT))

    def _name(self) -> NameGiven:
        customer, kind = self._random.choice(self._customers), self._random.choice(NAMED_KINDS)
        fields = (f"n{self._number}", customer.organization_id, self._now, self._now, None)
        return NameGiven(*fields, kind, customer.customer_id, f"Name {self._number}")

    def _accept_from(self) -> int | None:
        """Give from when on a tick lets accept: from a certain day on, and not in every tick."""
        settles = self._now > BEGINS_AT + SETTLES_AFTER_DAYS * MICROSECONDS_PER_DAY and self._random.random() < 0.7
        return self._now - self._now % MICROSECONDS_PER_DAY - ACCEPTANCE_WINDOW if settles else None

    def _ticks(self, *, accept_from: int | None) -> Iterator[RawRecord]:
        event = TimeAdvanced(self._now, accept_from)
        for topic in topics.CLOCKED_TOPICS:
            for partition in range(self._partition_count):
                yield RawRecord(topic, partition, 0, self._now, None, codec.encode(event), ())

    def _record(self, event: Event) -> RawRecord:
        key = key_of(event) or b""
        partition = topics.partition_of(key, partition_count=self._partition_count)
        return RawRecord(TOPICS_OF_TYPE[type(event)][0], partition, 0, self._now, key, codec.encode(event), ())


def _customer(number: int) -> Customer:
    credit_type = ("coins", "hours", "messages", "usd")[number // len(ORGANIZATIONS) % 4]
    return Customer(ORGANIZATIONS[number % len(ORGANIZATIONS)], f"c{number}", credit_type)


def _customer_of(event: CustomerEvent, customers: Sequence[Customer]) -> Customer:
    return customers[int(event.customer_id[1:])]


def _activity(random: Random, customer: Customer, number: int) -> Activity:
    if customer.credit_type == "usd":
        return LineItem(f"inv{number // 100}", f"{number}", random.choice(LINE_KINDS), random.choice(("gpu", "disk")))
    return random.choice(
        (
            Booking(f"b{number}", None, "room 7"),
            Session(f"s{number}", "Ada", customer.customer_id, "speech", random.randrange(10, 90)),
            DailyTopUp(f"d{number}", "Ada", customer.customer_id, "tablet"),
            Other("Café"),
        )
    )


Spoil = Callable[[Random, RawRecord, CustomerEvent, int], RawRecord]


def _misroute(random: Random, record: RawRecord, _event: CustomerEvent, partition_count: int) -> RawRecord:
    """Put a sound record where its key does not belong."""
    return record._replace(partition=_elsewhere(random, record, partition_count))


def _hop_twice(random: Random, record: RawRecord, _event: CustomerEvent, partition_count: int) -> RawRecord:
    """Put a record that was sent on once already, from a place that no other record names, where it does not belong either."""
    first_place = Place(record.topic, record.partition, random.randrange(10**9, 10**12))
    return record._replace(partition=_elsewhere(random, record, partition_count), headers=(hop_header(first_place),))


def _elsewhere(random: Random, record: RawRecord, partition_count: int) -> int:
    return random.choice([number for number in range(partition_count) if number != record.partition])


_SPOILING: tuple[tuple[float, Spoil], ...] = (
    (0.02, _misroute),
    (0.003, _hop_twice),
    (0.01, lambda random, record, _event, _count: undecodable_of(random, record)),
    (0.004, lambda random, record, _event, _count: record._replace(value=random.randbytes(40))),
    (0.01, lambda random, record, event, _: record._replace(value=codec.encode(invalid_of(random, event, record.timestamp)))),
    (0.006, lambda random, record, _event, _count: wrong_key_of(random, record)),
    (0.003, lambda _random, record, _event, _count: record._replace(topic=topics.NAMES)),
    (0.01, lambda _random, record, event, _count: early_of(event, record)),
)
"""How often what goes wrong on the way of an event."""
