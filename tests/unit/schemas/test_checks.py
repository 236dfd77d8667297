"""The leaves and rules that every event passes, at their edges (docs/ledger.md 1.1 to 1.8)."""

import pytest

from schemas import checks
from schemas.checks import Fault, fault_of
from schemas.events import Booking, CampaignSend, CreditConsumed, CreditGranted, Selector, TimeAdvanced
from schemas.instants import INSTANT_LIMIT, MICROSECONDS_PER_DAY

AT = 1_780_000_000_000_000
GRANT = CreditGranted("e1", "o1", "c1", AT, AT, None, "g1", "coins", "n", "ONCE", 7, 50, AT, None, (), None, None)
CONSUMPTION = CreditConsumed("e1", "o1", "c1", AT, AT, None, "coins", 7, Booking("b1", None, None), None, None)


@pytest.mark.parametrize(
    ("leaf", "good", "bad"),
    [
        (
            checks.check_id,
            ("a", "x" * 128, " ", "é", "\N{MUSICAL SYMBOL G CLEF}" * 128),
            ("", "x" * 129, "a|b", "\n", "\x7f", "\x9f", "\ud800"),
        ),
        (checks.check_text, ("a", "x" * 256, "|", "\x00"), ("", "x" * 257, "\udfff")),
        (checks.check_note, ("", "x" * 256), ("x" * 257, "\ud800")),
        (checks.check_instant, (0, INSTANT_LIMIT - 1), (-1, INSTANT_LIMIT)),
        (checks.check_amount, (1, 10**18 - 1), (0, -1, 10**18)),
        (checks.check_money, (0, 10**18 - 1), (-1, 10**18)),
        (checks.check_currency, ("EUR", "XXX"), ("", "eur", "EURO", "EUR\n", "ÄÖÜ")),
        (checks.check_count, (0, 10**12 - 1), (-1, 10**12)),
        (checks.check_priority, (1, 100), (0, 101)),
        (checks.check_cadence, ("ONCE", "MONTHLY"), ("", "once", "WEEKLY")),
        (checks.check_channel, ("EMAIL", "SMS", "WHATSAPP"), ("MAIL",)),
        (checks.check_line_kind, ("USAGE_METER", "ADDON", "FIXED_FEE", "LICENSE"), ("METER",)),
        (checks.check_campaign_type, ("ALWAYS_ON", "SCHEDULED"), ("ONCE",)),
        (checks.check_created_from, ("CENTER", "ZONE", "ORGANIZATION"), ("CUSTOMER",)),
        (checks.check_campaign_status, ("LIVE", "PROCESSED", "PAUSED"), ("DEAD",)),
        (checks.check_named_kind, ("CUSTOMER", "CENTER", "ZONE"), ("ORGANIZATION",)),
        (checks.check_scope, ((), (Selector("ADDON", None),)), ((Selector("X", None),), (Selector("ADDON", ""),))),
    ],
)
def test_a_leaf_knows_its_edges(leaf, good, bad):
    """Just inside there is no fault, just outside there is a sentence."""
    assert [value for value in good if leaf(value) is not None] == []
    assert [value for value in bad if not leaf(value)] == []


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (GRANT, None),
        (GRANT._replace(name="", currency="EUR", event_id=""), "event_id"),
        (GRANT._replace(name="", grant_id=""), "grant_id"),
        (GRANT._replace(recorded_at=AT + 3_600_000_000), None),
        (GRANT._replace(recorded_at=AT + 3_600_000_001, actor="a" * 257), "recorded_at"),
        (GRANT._replace(amount_micro=None), None),
        (GRANT._replace(expires_at=AT), "expires_at"),
        (GRANT._replace(expires_at=AT + 1), None),
        (GRANT._replace(unit_cost_micro=0), "currency"),
        (GRANT._replace(currency="EUR"), "unit_cost"),
        (GRANT._replace(unit_cost_micro=0, currency="EUR"), None),
        (CONSUMPTION._replace(currency="EUR"), "cost"),
        (CONSUMPTION._replace(cost_micro=1), "currency"),
        (CONSUMPTION._replace(activity=Booking("", "", None), cost_micro=-1), "activity.booking_id"),
        (CONSUMPTION._replace(activity=CampaignSend("k", "z", "SMS", "", -1)), "activity.credit_source"),
        (CONSUMPTION._replace(amount_micro=0, activity=Booking("", None, None)), "amount"),
        (TimeAdvanced(AT + 3_600_000_000, None), None),
        (TimeAdvanced(AT + 3_600_000_001, -1), "as_of"),
        (TimeAdvanced(AT, AT - 62 * MICROSECONDS_PER_DAY), None),
        (TimeAdvanced(AT, AT - 62 * MICROSECONDS_PER_DAY + 1), "accept_from"),
    ],
)
def test_the_first_fault_of_an_event_is_given(event, field):
    """Leaves and rules are asked in the order of the fields."""
    fault = fault_of(event, record_timestamp=AT)
    assert (None if fault is None else fault.field) == field
    assert fault is None or (isinstance(fault, Fault) and fault.detail)
