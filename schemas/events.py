"""The events as plain, immutable records: what the rest of the system works with once a record has been read.

Rule: docs/ledger.md 1.4 to 1.11. Instants are UTC microseconds, amounts micro-credits, defaults are filled in, a scope is
sorted and free of repeats. A record of these types has passed `schemas.checks`. The order of the fields is the order in
which faults are named (docs/ledger.md 8.4).
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas import topics

ONCE = "ONCE"
MONTHLY = "MONTHLY"
CADENCES = (ONCE, MONTHLY)
CHANNELS = ("EMAIL", "SMS", "WHATSAPP")
LINE_KINDS = ("USAGE_METER", "ADDON", "FIXED_FEE", "LICENSE")
CAMPAIGN_TYPES = ("ALWAYS_ON", "SCHEDULED")
CREATED_FROM = ("CENTER", "ZONE", "ORGANIZATION")
CAMPAIGN_STATUSES = ("LIVE", "PROCESSED", "PAUSED")
NAMED_KINDS = ("CUSTOMER", "CENTER", "ZONE")

DEFAULT_PRIORITY = 50


class Selector(NamedTuple):
    """One entry of a grant's scope: a kind of invoice line, or one item of that kind (docs/ledger.md 4.9)."""

    kind: str
    item: str | None = None


def sorted_scope(selectors: Iterable[Selector]) -> tuple[Selector, ...]:
    """Give a scope in its one order, without repeats: by kind, then any item before a named one, then item."""
    return tuple(sorted(set(selectors), key=lambda selector: (selector.kind, selector.item is not None, selector.item or "")))


class Booking(NamedTuple):
    """The use of a room or desk by a booking."""

    booking_id: str
    member_id: str | None = None
    resource: str | None = None


class CampaignSend(NamedTuple):
    """Messages of a campaign sent from one center through one channel; `processed` counts those sent."""

    campaign_id: str
    center_id: str
    channel: str
    credit_source: str
    processed: int


class Session(NamedTuple):
    """A session that a member of staff gave to a client, in minutes."""

    session_id: str
    staff: str
    client: str
    program: str
    minutes: int


class DailyTopUp(NamedTuple):
    """One day's charge for a device that a client uses."""

    device_id: str
    staff: str
    client: str
    program: str


class LineItem(NamedTuple):
    """One line of an invoice."""

    invoice_id: str
    line_id: str
    kind: str
    item: str


class Other(NamedTuple):
    """Any other activity, named by a label."""

    label: str


Activity = Booking | CampaignSend | Session | DailyTopUp | LineItem | Other
ACTIVITY_TYPES: dict[str, type[Activity]] = {
    kind.__name__: kind for kind in (Booking, CampaignSend, Session, DailyTopUp, LineItem, Other)
}


class CreditGranted(NamedTuple):
    """A promise of credits to an account (docs/ledger.md 1.5); `amount_micro` None means unlimited."""

    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    grant_id: str
    credit_type: str
    name: str
    cadence: str
    amount_micro: int | None
    priority: int
    effective_at: int
    expires_at: int | None
    scope: tuple[Selector, ...]
    unit_cost_micro: int | None
    currency: str | None


class CreditVoided(NamedTuple):
    """The irreversible end of a grant (docs/ledger.md 1.6)."""

    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    grant_id: str
    reason: str | None


class CreditConsumed(NamedTuple):
    """The use of credits by an activity (docs/ledger.md 1.7)."""

    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    credit_type: str
    amount_micro: int
    activity: Activity
    cost_micro: int | None
    currency: str | None


class ConsumptionReversed(NamedTuple):
    """Takes a consumption back, in whole (`amount_micro` None) or in part (docs/ledger.md 1.8)."""

    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    consumption_event_id: str
    consumed_at: int
    amount_micro: int | None
    reason: str | None


class CampaignDefined(NamedTuple):
    """Master data of a campaign; the last in the log stands (docs/ledger.md 1.9)."""

    event_id: str
    organization_id: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    campaign_id: str
    name: str
    campaign_type: str
    created_from: str
    created_from_id: str | None
    targeted: int
    channel: str
    credit_source: str
    status: str


class NameGiven(NamedTuple):
    """Master data: what a customer, center or zone is called; the last in the log stands (docs/ledger.md 1.10)."""

    event_id: str
    organization_id: str
    occurred_at: int
    recorded_at: int
    actor: str | None
    kind: str
    named_id: str
    name: str


class TimeAdvanced(NamedTuple):
    """Time as an event: how far the clock is, and from when on the topic partition accepts (docs/ledger.md 2.1)."""

    as_of: int
    accept_from: int | None


CustomerEvent = CreditGranted | CreditVoided | CreditConsumed | ConsumptionReversed
MasterEvent = CampaignDefined | NameGiven
Event = CustomerEvent | MasterEvent | TimeAdvanced

EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        CreditGranted,
        CreditVoided,
        CreditConsumed,
        ConsumptionReversed,
        CampaignDefined,
        NameGiven,
        TimeAdvanced,
    )
}

TOPICS_OF_TYPE: dict[type[Event], tuple[str, ...]] = {
    CreditGranted: (topics.GRANTS,),
    CreditVoided: (topics.VOIDS,),
    CreditConsumed: (topics.CONSUMPTION,),
    ConsumptionReversed: (topics.CONSUMPTION,),
    CampaignDefined: (topics.CAMPAIGNS,),
    NameGiven: (topics.NAMES,),
    TimeAdvanced: topics.CLOCKED_TOPICS,
}


def key_of(event: Event) -> bytes | None:
    """Give the record key that an event's content demands (docs/ledger.md 1.4); None for TimeAdvanced."""
    match event:
        case TimeAdvanced():
            return None
        case CampaignDefined():
            return f"{event.organization_id}|{event.campaign_id}".encode()
        case NameGiven():
            return f"{event.organization_id}|{event.kind}|{event.named_id}".encode()
        case _:
            return f"{event.organization_id}|{event.customer_id}".encode()
