"""Whatever the client library makes is the event that was meant, and comes back from the wire as it was made."""

from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import creditstream
from creditstream.emitter import check_event
from schemas.amounts import UNLIMITED
from schemas.checks import LEAVES
from schemas.codec import decode, encode
from schemas.events import CreditGranted, TimeAdvanced
from schemas.instants import to_datetime
from tests.support.strategies import RECORD_TIMESTAMP, VALID_EVENTS

MAKERS = {
    "CreditGranted": creditstream.credit_granted,
    "CreditVoided": creditstream.credit_voided,
    "CreditConsumed": creditstream.credit_consumed,
    "ConsumptionReversed": creditstream.consumption_reversed,
    "CampaignDefined": creditstream.campaign_defined,
    "NameGiven": creditstream.name_given,
}
SAID = VALID_EVENTS.filter(lambda event: not isinstance(event, TimeAdvanced))
ZONES = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def as_python(name: str, value: Any, zone: timezone) -> Any:
    """Give a field's value as an upstream product has it in hand."""
    if name in ("amount", "unit_cost", "cost"):
        return Decimal(value).scaleb(-6)
    if name.endswith("_at"):
        return to_datetime(value).astimezone(zone)
    return value


@settings(max_examples=300, deadline=None)
@given(event=SAID, zone=ZONES)
def test_an_event_said_in_python_is_the_event_that_was_meant(event, zone):
    """Decimals and datetimes of any zone say amounts and instants exactly; the wire gives the same event back."""
    fields = {
        name: as_python(name, value, zone) for name, value in zip(LEAVES[type(event)], event, strict=True) if value is not None
    }
    if isinstance(event, CreditGranted) and event.amount_micro is None:
        fields["amount"] = UNLIMITED
    made = MAKERS[type(event).__name__](**fields)
    assert made == event
    assert decode(encode(made)) == event
    check_event(made, now=RECORD_TIMESTAMP)
