"""The JSON form of events as pydantic models: one for each event and each activity (docs/ledger.md 1.4 to 1.12).

The fields stand in the order of the event's record, which is the order in which faults are named; a test keeps the two equal.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas import events
from schemas.form_fields import Amount, AmountOrUnlimited, EventForm, Instant, RecordForm, Scope


class BookingForm(RecordForm):
    """The use of a room or desk by a booking."""

    record_type = events.Booking
    type: Literal["Booking"]
    booking_id: str
    member_id: str | None = None
    resource: str | None = None


class CampaignSendForm(RecordForm):
    """Messages of a campaign sent from one center through one channel."""

    record_type = events.CampaignSend
    type: Literal["CampaignSend"]
    campaign_id: str
    center_id: str
    channel: str
    credit_source: str
    processed: int


class SessionForm(RecordForm):
    """A session that a member of staff gave to a client."""

    record_type = events.Session
    type: Literal["Session"]
    session_id: str
    staff: str
    client: str
    program: str
    minutes: int


class DailyTopUpForm(RecordForm):
    """One day's charge for a device that a client uses."""

    record_type = events.DailyTopUp
    type: Literal["DailyTopUp"]
    device_id: str
    staff: str
    client: str
    program: str


class LineItemForm(RecordForm):
    """One line of an invoice."""

    record_type = events.LineItem
    type: Literal["LineItem"]
    invoice_id: str
    line_id: str
    kind: str
    item: str


class OtherForm(RecordForm):
    """Any other activity, named by a label."""

    record_type = events.Other
    type: Literal["Other"]
    label: str


ActivityForm = Annotated[
    BookingForm | CampaignSendForm | SessionForm | DailyTopUpForm | LineItemForm | OtherForm, Field(discriminator="type")
]


class CreditGrantedForm(EventForm):
    """A promise of credits to an account."""

    record_type = events.CreditGranted
    type: Literal["CreditGranted"]
    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str | None = None
    grant_id: str
    credit_type: str
    name: str
    cadence: str
    amount: AmountOrUnlimited
    priority: int = events.DEFAULT_PRIORITY
    effective_at: Instant
    expires_at: Instant | None = None
    scope: Scope = Field(default=[])
    unit_cost: Amount | None = None
    currency: str | None = None


class CreditVoidedForm(EventForm):
    """The irreversible end of a grant."""

    record_type = events.CreditVoided
    type: Literal["CreditVoided"]
    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str | None = None
    grant_id: str
    reason: str | None = None


class CreditConsumedForm(EventForm):
    """The use of credits by an activity."""

    record_type = events.CreditConsumed
    type: Literal["CreditConsumed"]
    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str | None = None
    credit_type: str
    amount: Amount
    activity: ActivityForm
    cost: Amount | None = None
    currency: str | None = None


class ConsumptionReversedForm(EventForm):
    """Takes a consumption back, in whole or in part."""

    record_type = events.ConsumptionReversed
    type: Literal["ConsumptionReversed"]
    event_id: str
    organization_id: str
    customer_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str | None = None
    consumption_event_id: str
    consumed_at: Instant
    amount: Amount | None = None
    reason: str | None = None


class CampaignDefinedForm(EventForm):
    """Master data of a campaign."""

    record_type = events.CampaignDefined
    type: Literal["CampaignDefined"]
    event_id: str
    organization_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str | None = None
    campaign_id: str
    name: str
    campaign_type: str
    created_from: str
    created_from_id: str | None = None
    targeted: int
    channel: str
    credit_source: str
    status: str


class NameGivenForm(EventForm):
    """Master data: what a customer, center or zone is called."""

    record_type = events.NameGiven
    type: Literal["NameGiven"]
    event_id: str
    organization_id: str
    occurred_at: Instant
    recorded_at: Instant
    actor: str | None = None
    kind: str
    named_id: str
    name: str


class TimeAdvancedForm(EventForm):
    """Time as an event."""

    record_type = events.TimeAdvanced
    type: Literal["TimeAdvanced"]
    as_of: Instant
    accept_from: Instant | None = None


EVENT_FORMS: dict[str, type[EventForm]] = {
    form.record_type.__name__: form
    for form in (
        CreditGrantedForm,
        CreditVoidedForm,
        CreditConsumedForm,
        ConsumptionReversedForm,
        CampaignDefinedForm,
        NameGivenForm,
        TimeAdvancedForm,
    )
}
"""The form of each type of event, by the event's name."""
