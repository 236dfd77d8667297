"""Events built from a few readable words, for tests: `grant("g1", "100", "2026-03-01")` is a whole CreditGranted.

Instants are told as a day (its first instant in UTC), as RFC 3339, or as microseconds; amounts as decimal strings; money with
its currency, as `"1.25 EUR"`. What a test does not say has a plain default: organization o1, customer c1, coins. `records`
puts events into the log.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from schemas import topics
from schemas.amounts import UNLIMITED, parse_amount
from schemas.catalog import Catalog, CreditType, Organization
from schemas.codec import encode
from schemas.events import (
    DEFAULT_PRIORITY,
    MONTHLY,
    ONCE,
    TOPICS_OF_TYPE,
    Activity,
    CampaignDefined,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    Event,
    NameGiven,
    Other,
    Selector,
    TimeAdvanced,
    key_of,
    sorted_scope,
)
from schemas.instants import parse_instant
from schemas.records import Place, RawRecord, ReadRecord, Reroute
from schemas.refusals import Refusal

Instant = str | int
Content = Event | Refusal | Reroute

CREDIT_TYPES = MappingProxyType(
    {
        "coins": CreditType("coins", allows_unlimited=False, unit="coin", scale=2),
        "hours": CreditType("hours", allows_unlimited=True, unit="hour", scale=2),
        "usd": CreditType("usd", allows_unlimited=True, unit="usd", scale=2),
    }
)


def catalog(*, zone_name: str = "UTC") -> Catalog:
    """Give a catalog of coins (never unlimited), hours and usd, with organization o1 in a time zone."""
    return Catalog(CREDIT_TYPES, MappingProxyType({"o1": Organization(zone_name, None)}))


def at(instant: Instant) -> int:
    """Give an instant in UTC microseconds: `2026-03-01`, `2026-03-01T10:00:00Z`, or microseconds as they are."""
    if isinstance(instant, int):
        return instant
    microseconds = parse_instant(instant if "T" in instant else f"{instant}T00:00:00Z")
    assert microseconds is not None, f"{instant!r} is no instant"
    return microseconds


def micro(amount: str) -> int:
    """Give an amount in micro-credits: `12.5` is 12500000."""
    amount_micro = parse_amount(amount)
    assert amount_micro is not None, f"{amount!r} is no amount"
    return amount_micro


def grant(
    grant_id: str = "g1",
    amount: str = "100",
    occurred_at: Instant = "2026-03-01",
    *,
    effective_at: Instant | None = None,
    expires_at: Instant | None = None,
    cadence: str = ONCE,
    priority: int = DEFAULT_PRIORITY,
    scope: Iterable[str] = (),
    unit_cost: str | None = None,
    credit_type: str = "coins",
    name: str | None = None,
    organization_id: str = "o1",
    customer_id: str = "c1",
    event_id: str | None = None,
    recorded_at: Instant | None = None,
    actor: str | None = None,
) -> CreditGranted:
    """Build a grant; `amount` may be `unlimited`.

    A selector of the scope is a kind, or a kind and an item as `USAGE_METER/disk`.
    """
    unit_cost_micro, currency = _money(unit_cost)
    return CreditGranted(
        event_id=f"event-of-{grant_id}" if event_id is None else event_id,
        organization_id=organization_id,
        customer_id=customer_id,
        occurred_at=at(occurred_at),
        recorded_at=at(occurred_at if recorded_at is None else recorded_at),
        actor=actor,
        grant_id=grant_id,
        credit_type=credit_type,
        name=f"Grant {grant_id}" if name is None else name,
        cadence=cadence,
        amount_micro=None if amount == UNLIMITED else micro(amount),
        priority=priority,
        effective_at=at(occurred_at if effective_at is None else effective_at),
        expires_at=None if expires_at is None else at(expires_at),
        scope=sorted_scope(_selector(selector) for selector in scope),
        unit_cost_micro=unit_cost_micro,
        currency=currency,
    )


def monthly(grant_id: str = "m1", amount: str = "40", occurred_at: Instant = "2026-03-01", **fields) -> CreditGranted:
    """Build a MONTHLY grant; the fields are those of `grant`."""
    return grant(grant_id, amount, occurred_at, cadence=MONTHLY, **fields)


def void(
    grant_id: str = "g1",
    occurred_at: Instant = "2026-03-20",
    *,
    event_id: str | None = None,
    organization_id: str = "o1",
    customer_id: str = "c1",
    recorded_at: Instant | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> CreditVoided:
    """Build the void of a grant."""
    return CreditVoided(
        event_id=f"void-of-{grant_id}" if event_id is None else event_id,
        organization_id=organization_id,
        customer_id=customer_id,
        occurred_at=at(occurred_at),
        recorded_at=at(occurred_at if recorded_at is None else recorded_at),
        actor=actor,
        grant_id=grant_id,
        reason=reason,
    )


def consume(
    event_id: str = "e1",
    amount: str = "10",
    occurred_at: Instant = "2026-03-10",
    *,
    activity: Activity | None = None,
    cost: str | None = None,
    credit_type: str = "coins",
    organization_id: str = "o1",
    customer_id: str = "c1",
    recorded_at: Instant | None = None,
    actor: str | None = None,
) -> CreditConsumed:
    """Build a consumption, by an `Other` activity where none is told."""
    cost_micro, currency = _money(cost)
    return CreditConsumed(
        event_id=event_id,
        organization_id=organization_id,
        customer_id=customer_id,
        occurred_at=at(occurred_at),
        recorded_at=at(occurred_at if recorded_at is None else recorded_at),
        actor=actor,
        credit_type=credit_type,
        amount_micro=micro(amount),
        activity=Other("something") if activity is None else activity,
        cost_micro=cost_micro,
        currency=currency,
    )


def reverse(
    consumption: CreditConsumed | tuple[str, Instant],
    amount: str | None = None,
    occurred_at: Instant = "2026-03-25",
    *,
    event_id: str | None = None,
    organization_id: str = "o1",
    customer_id: str = "c1",
    recorded_at: Instant | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> ConsumptionReversed:
    """Build the reversal of a consumption, or of what an event id and its `occurred_at` name; no amount takes all back."""
    if isinstance(consumption, CreditConsumed):
        organization_id, customer_id = consumption.organization_id, consumption.customer_id
        consumption_event_id, consumed_at = consumption.event_id, consumption.occurred_at
    else:
        consumption_event_id, consumed_at = consumption[0], at(consumption[1])
    return ConsumptionReversed(
        event_id=f"reversal-of-{consumption_event_id}" if event_id is None else event_id,
        organization_id=organization_id,
        customer_id=customer_id,
        occurred_at=at(occurred_at),
        recorded_at=at(occurred_at if recorded_at is None else recorded_at),
        actor=actor,
        consumption_event_id=consumption_event_id,
        consumed_at=consumed_at,
        amount_micro=None if amount is None else micro(amount),
        reason=reason,
    )


def campaign(
    campaign_id: str = "spring",
    name: str = "Spring",
    occurred_at: Instant = "2026-03-01",
    *,
    campaign_type: str = "SCHEDULED",
    created_from: str = "CENTER",
    created_from_id: str | None = None,
    targeted: int = 100,
    channel: str = "EMAIL",
    credit_source: str = "PLAN",
    status: str = "LIVE",
    organization_id: str = "o1",
    event_id: str | None = None,
    recorded_at: Instant | None = None,
    actor: str | None = None,
) -> CampaignDefined:
    """Build the definition of a campaign."""
    return CampaignDefined(
        event_id=f"event-of-{campaign_id}" if event_id is None else event_id,
        organization_id=organization_id,
        occurred_at=at(occurred_at),
        recorded_at=at(occurred_at if recorded_at is None else recorded_at),
        actor=actor,
        campaign_id=campaign_id,
        name=name,
        campaign_type=campaign_type,
        created_from=created_from,
        created_from_id=created_from_id,
        targeted=targeted,
        channel=channel,
        credit_source=credit_source,
        status=status,
    )


def name(
    named_id: str = "c1",
    given: str = "Customer One",
    occurred_at: Instant = "2026-03-01",
    *,
    kind: str = "CUSTOMER",
    organization_id: str = "o1",
    event_id: str | None = None,
    recorded_at: Instant | None = None,
    actor: str | None = None,
) -> NameGiven:
    """Build the naming of a customer, center or zone."""
    return NameGiven(
        event_id=f"name-of-{named_id}" if event_id is None else event_id,
        organization_id=organization_id,
        occurred_at=at(occurred_at),
        recorded_at=at(occurred_at if recorded_at is None else recorded_at),
        actor=actor,
        kind=kind,
        named_id=named_id,
        name=given,
    )


def time_advanced(as_of: Instant, accept_from: Instant | None = None) -> TimeAdvanced:
    """Build the time told to a topic partition."""
    return TimeAdvanced(at(as_of), None if accept_from is None else at(accept_from))


class Placed(NamedTuple):
    """What a record says, and where and when it lies in the log where that is not the default of `records`."""

    content: Content
    topic: str | None
    partition: int
    timestamp: int | None
    first_place: Place | None


def placed(
    content: Content,
    *,
    topic: str | None = None,
    partition: int = 0,
    timestamp: Instant | None = None,
    first_place: Place | None = None,
) -> Placed:
    """Say where and when a record lies; a refusal or reroute needs a topic, since it has no event that tells one."""
    return Placed(content, topic, partition, None if timestamp is None else at(timestamp), first_place)


def records(*contents: Content | Placed) -> list[ReadRecord]:
    """Put events into the log, one after the other.

    Each lies on the topic of its event and on partition 0, stamped with its `recorded_at` (a TimeAdvanced with its `as_of`),
    unless it was `placed`; offsets count from 0 in each topic partition. A TimeAdvanced without a topic stands for one in
    each of the three clocked topics. `raw` holds the bytes of the event; of a refusal or reroute none.
    """
    next_offsets: dict[tuple[str, int], int] = {}
    log: list[ReadRecord] = []
    for entry in contents:
        told = entry if isinstance(entry, Placed) else placed(entry)
        for topic in _topics_of(told):
            offset = next_offsets.get((topic, told.partition), 0)
            next_offsets[topic, told.partition] = offset + 1
            log.append(_record(told, Place(topic, told.partition, offset)))
    return log


def _topics_of(told: Placed) -> tuple[str, ...]:
    if told.topic is not None:
        return (told.topic,)
    assert not isinstance(told.content, Refusal | Reroute), "a refusal or reroute needs a topic"
    return topics.CLOCKED_TOPICS if isinstance(told.content, TimeAdvanced) else TOPICS_OF_TYPE[type(told.content)][:1]


def _record(told: Placed, place: Place) -> ReadRecord:
    content = told.content
    if isinstance(content, Refusal | Reroute):
        timestamp, key, value = 0, None, b""
    else:
        timestamp = content.as_of if isinstance(content, TimeAdvanced) else content.recorded_at
        key, value = key_of(content), encode(content)
    timestamp = timestamp if told.timestamp is None else told.timestamp
    raw = RawRecord(*place, timestamp, key, value, ())
    return ReadRecord(place, told.first_place or place, timestamp, content, raw)


def _money(text: str | None) -> tuple[int | None, str | None]:
    """Read money with its currency, as `1.25 EUR`."""
    if text is None:
        return None, None
    amount, currency = text.split()
    return micro(amount), currency


def _selector(text: str) -> Selector:
    kind, _, item = text.partition("/")
    return Selector(kind, item or None)
