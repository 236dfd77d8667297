"""Events made by the client library: what it takes, what it fills in, and the sentence for everything that it does not take."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

import creditstream as cs
from schemas.catalog import load_zone
from schemas.codec import decode, encode
from schemas.instants import parse_instant, to_datetime

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
INSTANT = parse_instant("2026-03-10T12:00:00Z")
COMMON = {"event_id": "e1", "organization_id": "o1", "customer_id": "c1", "occurred_at": AT, "recorded_at": AT}
GRANT = {**COMMON, "grant_id": "g1", "credit_type": "coins", "name": "gift", "cadence": cs.ONCE, "amount": "100"}
CONSUMPTION = {**COMMON, "credit_type": "coins", "amount": "1", "activity": cs.Booking("b1")}
REVERSAL = {**COMMON, "consumption_event_id": "e0", "consumed_at": AT}
VOID = {**COMMON, "grant_id": "g1"}
NAME = {"event_id": "n1", "organization_id": "o1", "occurred_at": AT, "kind": "CUSTOMER", "named_id": "c1", "name": "Ada"}
CAMPAIGN = {
    "event_id": "k1", "organization_id": "o1", "occurred_at": AT, "campaign_id": "p1", "name": "Spring",
    "campaign_type": "SCHEDULED", "created_from": "CENTER", "targeted": 10, "channel": "SMS", "credit_source": "plan",
    "status": "LIVE",
}  # fmt: skip


@pytest.mark.parametrize("amount", ["12.5", Decimal("12.5"), Decimal("12.50000000"), Decimal("1.25E+1")])
def test_an_exact_amount_is_taken_in_any_form(amount):
    """Texts and Decimals say the same, and zeros that say nothing do not count."""
    assert cs.credit_consumed(**{**CONSUMPTION, "amount": amount}).amount_micro == 12_500_000


def test_a_whole_number_is_an_amount():
    """An int is exact."""
    assert cs.credit_consumed(**{**CONSUMPTION, "amount": 3}).amount_micro == 3_000_000


@pytest.mark.parametrize(
    "moment", [AT, AT.astimezone(timezone(timedelta(hours=-5))), "2026-03-10T12:00:00Z", "2026-03-10T17:30:00+05:30"]
)
def test_an_instant_is_taken_in_any_zone(moment):
    """What counts is the instant, not how it is said."""
    event = cs.credit_voided(**{**VOID, "occurred_at": moment})
    assert event.occurred_at == INSTANT


def test_defaults_are_filled_in():
    """A grant takes effect when it was made, with middle priority, for everything and for ever."""
    event = cs.credit_granted(**GRANT)
    assert (event.effective_at, event.priority, event.expires_at, event.scope, event.amount_micro) == (
        INSTANT, 50, None, (), 100_000_000,
    )  # fmt: skip


def test_an_event_is_recorded_now_unless_it_says_otherwise():
    """`recorded_at` is the wall clock's, and not `occurred_at`."""
    before = datetime.now(UTC)
    event = cs.credit_voided(**{**VOID, "recorded_at": None})
    assert before <= to_datetime(event.recorded_at) <= datetime.now(UTC)
    assert cs.credit_voided(**VOID).recorded_at == INSTANT


def test_a_grant_may_be_unlimited_and_narrow():
    """An amount without limit is none inside; a scope is sorted and free of repeats."""
    scope = [cs.Selector("USAGE_METER", "sms"), cs.Selector("ADDON"), cs.Selector("ADDON")]
    event = cs.credit_granted(**{**GRANT, "amount": cs.UNLIMITED, "scope": scope})
    assert event.amount_micro is None
    assert event.scope == (cs.Selector("ADDON"), cs.Selector("USAGE_METER", "sms"))


def test_each_event_is_written_and_read():
    """What the functions make is what a worker reads."""
    made = [
        cs.credit_granted(**GRANT),
        cs.credit_voided(**VOID),
        cs.credit_consumed(**CONSUMPTION),
        cs.consumption_reversed(**REVERSAL),
        cs.campaign_defined(**CAMPAIGN),
        cs.name_given(**NAME),
    ]
    assert [decode(encode(event)) for event in made] == made


@pytest.mark.parametrize(
    ("make", "fields", "changed", "field", "sentence"),
    [
        (cs.credit_consumed, CONSUMPTION, {"amount": 0.1}, "amount", "must not be a float, which holds"),
        (cs.credit_consumed, CONSUMPTION, {"amount": True}, "amount", "must be a Decimal, a whole number or a decimal text"),
        (cs.credit_consumed, CONSUMPTION, {"amount": Decimal("NaN")}, "amount", "must be a number, not NaN"),
        (cs.credit_consumed, CONSUMPTION, {"amount": Decimal(-1)}, "amount", "must not be negative"),
        (cs.credit_consumed, CONSUMPTION, {"amount": 0}, "amount", "must be above 0 and below"),
        (cs.credit_consumed, CONSUMPTION, {"amount": 10**12}, "amount", "must be above 0 and below"),
        (cs.credit_consumed, CONSUMPTION, {"amount": Decimal("0.0000001")}, "amount", "must be a decimal string"),
        (cs.credit_consumed, CONSUMPTION, {"amount": "1,5"}, "amount", "must be a decimal string"),
        (cs.credit_consumed, CONSUMPTION, {"amount": cs.UNLIMITED}, "amount", "must be a decimal string"),
        (cs.credit_consumed, CONSUMPTION, {"amount": None}, "amount", "must be a Decimal"),
        (cs.credit_consumed, CONSUMPTION, {"cost": 1.5, "currency": "EUR"}, "cost", "must not be a float"),
        (cs.credit_consumed, CONSUMPTION, {"cost": "1.5"}, "currency", "is required where money is given"),
        (cs.credit_consumed, CONSUMPTION, {"activity": {"type": "Booking"}}, "activity", "must be one of Booking"),
        (cs.credit_consumed, CONSUMPTION, {"activity": cs.Booking("")}, "activity.booking_id", "must have 1 to 128"),
        (cs.credit_consumed, CONSUMPTION, {"activity": cs.LineItem("i", "l", "RENT", "x")}, "activity.kind", "must be one of"),
        (cs.credit_consumed, CONSUMPTION, {"customer_id": "a|b"}, "customer_id", "must not contain"),
        (cs.credit_consumed, CONSUMPTION, {"occurred_at": datetime(2026, 3, 10)}, "occurred_at", "must have a time zone"),  # noqa: DTZ001
        (cs.credit_consumed, CONSUMPTION, {"occurred_at": date(2026, 3, 10)}, "occurred_at", "must be a datetime with"),
        (cs.credit_consumed, CONSUMPTION, {"occurred_at": "2026-03-10T12:00:00"}, "occurred_at", "must be an RFC 3339 instant"),
        (cs.credit_consumed, CONSUMPTION, {"occurred_at": 1_780_000_000}, "occurred_at", "must be a datetime with a time zone"),
        (cs.credit_consumed, CONSUMPTION, {"occurred_at": AT.replace(year=2200)}, "occurred_at", "must lie from 1970"),
        (cs.credit_consumed, CONSUMPTION, {"recorded_at": datetime(2026, 3, 10)}, "recorded_at", "must have a time zone"),  # noqa: DTZ001
        (cs.consumption_reversed, REVERSAL, {"amount": 0.5}, "amount", "must not be a float"),
        (cs.consumption_reversed, REVERSAL, {"consumed_at": datetime(2026, 3, 10)}, "consumed_at", "must have a time zone"),  # noqa: DTZ001
        (cs.credit_granted, GRANT, {"amount": 0.1}, "amount", "must not be a float"),
        (cs.credit_granted, GRANT, {"unit_cost": 0.1, "currency": "EUR"}, "unit_cost", "must not be a float"),
        (cs.credit_granted, GRANT, {"cadence": "WEEKLY"}, "cadence", "must be one of ONCE, MONTHLY"),
        (cs.credit_granted, GRANT, {"priority": 101}, "priority", "must be a whole number from 1 to 100"),
        (cs.credit_granted, GRANT, {"expires_at": AT}, "expires_at", "must lie after effective_at"),
        (cs.credit_granted, GRANT, {"effective_at": datetime(2026, 3, 1)}, "effective_at", "must have a time zone"),  # noqa: DTZ001
        (cs.credit_granted, GRANT, {"scope": [("ADDON", None)]}, "scope", "must be a list of selectors"),
        (cs.credit_granted, GRANT, {"scope": "ADDON"}, "scope", "must be a list of selectors"),
        (cs.credit_granted, GRANT, {"scope": [cs.Selector("RENT")]}, "scope", "kind must be one of"),
        (cs.credit_granted, GRANT, {"name": 7}, "name", "must be a text"),
        (cs.credit_voided, VOID, {"grant_id": ""}, "grant_id", "must have 1 to 128 characters"),
        (cs.campaign_defined, CAMPAIGN, {"targeted": "10"}, "targeted", "must be a whole number"),
        (cs.name_given, NAME, {"kind": "PLANET"}, "kind", "must be one of CUSTOMER, CENTER, ZONE"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_a_sentence(make, fields, changed, field, sentence):
    """The field is named, and one sentence says what is wrong with it."""
    with pytest.raises(cs.InvalidEvent) as caught:
        make(**{**fields, **changed})
    assert caught.value.field == field
    assert caught.value.detail.startswith(sentence)
    assert str(caught.value) == f"{field} {caught.value.detail}"


MONTHLY = {
    **{name: value for name, value in GRANT.items() if name != "cadence"},
    "first_month": "2026-03", "last_month": "2026-03", "time_zone": "UTC",
}  # fmt: skip


@pytest.mark.parametrize(
    ("time_zone", "first", "last", "effective_at", "expires_at"),
    [
        ("UTC", "2026-03", "2026-03", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("America/New_York", "2026-03", "2026-03", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"),  # winter, then summer time
        ("Asia/Kathmandu", "1986-01", "1986-01", "1985-12-31T18:30:00Z", "1986-01-31T18:15:00Z"),  # 00:00 to 00:15 never was
        ("America/Havana", "2015-11", "2015-12", "2015-11-01T04:00:00Z", "2016-01-01T05:00:00Z"),  # midnight comes twice
        ("America/Sao_Paulo", "2018-11", "2018-11", "2018-11-01T03:00:00Z", "2018-12-01T02:00:00Z"),
        ("Asia/Singapore", "1982-01", "1982-01", "1981-12-31T16:00:00Z", "1982-01-31T16:00:00Z"),
        ("Pacific/Apia", "2011-12", "2011-12", "2011-12-01T10:00:00Z", "2011-12-31T10:00:00Z"),  # 30 December never was
        ("America/St_Johns", "2009-11", "2009-11", "2009-11-01T02:30:00Z", "2009-12-01T03:30:00Z"),
    ],
)
def test_a_monthly_grant_lasts_from_the_first_month_to_the_last(time_zone, first, last, effective_at, expires_at):
    """Its instants are the first ones whose local dates lie in the first month, and in the one after the last."""
    event = cs.grant_monthly(**{**MONTHLY, "time_zone": time_zone, "first_month": first, "last_month": last})
    assert (event.effective_at, event.expires_at) == (parse_instant(effective_at), parse_instant(expires_at))
    zone = load_zone(time_zone)
    assert f"{to_datetime(event.effective_at).astimezone(zone):%Y-%m}" == first
    assert f"{to_datetime(event.effective_at - 1).astimezone(zone):%Y-%m}" < first
    assert f"{to_datetime(event.expires_at - 1).astimezone(zone):%Y-%m}" == last


def test_a_monthly_grant_may_have_no_end_and_spans_years():
    """The last month is included, across a year's end; without one the grant never ends."""
    assert cs.grant_monthly(**{**MONTHLY, "last_month": None}).expires_at is None
    ended = cs.grant_monthly(**{**MONTHLY, "first_month": "2026-11", "last_month": "2027-12"})
    assert ended.cadence == cs.MONTHLY
    assert ended.expires_at == parse_instant("2028-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"first_month": "2026-3"}, "first_month"),
        ({"first_month": "2026-13"}, "first_month"),
        ({"first_month": "1969-12"}, "first_month"),
        ({"first_month": date(2026, 3, 1)}, "first_month"),
        ({"last_month": "2026-02"}, "last_month"),
        ({"last_month": "2199-12"}, "last_month"),
        ({"last_month": "march"}, "last_month"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"amount": 1.5}, "amount"),
    ],
)
def test_a_month_that_there_is_none_of_is_refused(changed, field):
    """The argument at fault is named."""
    with pytest.raises(cs.InvalidEvent, match=f"^{field} must ") as caught:
        cs.grant_monthly(**{**MONTHLY, **changed})
    assert caught.value.field == field


INVOICE = {"invoice_id": "i1", "organization_id": "o1", "customer_id": "c1", "credit_type": "usd", "invoiced_at": AT}
LINES = [
    cs.InvoiceLine("1", "FIXED_FEE", "platform", "100"),
    cs.InvoiceLine("2", "USAGE_METER", "sms", Decimal("0.75"), cost=3, currency="USD"),
]


def test_an_invoice_is_one_event_a_line():
    """All lie at the invoice's instant, are recorded together, and name invoice, line, kind and item."""
    events = cs.invoice_lines(**INVOICE, lines=LINES)
    assert [event.activity for event in events] == [
        cs.LineItem("i1", "1", "FIXED_FEE", "platform"),
        cs.LineItem("i1", "2", "USAGE_METER", "sms"),
    ]
    assert [(event.amount_micro, event.cost_micro) for event in events] == [(100_000_000, None), (750_000, 3_000_000)]
    assert {event.occurred_at for event in events} == {INSTANT}
    assert len({event.recorded_at for event in events}) == 1


def test_the_id_of_a_line_follows_from_invoice_and_line():
    """Sent again, an invoice says the same ids; another invoice or line another one; and they never change."""
    first, again = (cs.invoice_lines(**INVOICE, lines=LINES) for _ in range(2))
    assert [event.event_id for event in first] == [event.event_id for event in again]
    assert len({cs.line_event_id(*ids) for ids in (("a", "b"), ("b", "a"), ("a", "c"), ("ab", ""), ("a:b", "c"))}) == 5
    assert cs.line_event_id("i1", "1") == "line-a6bdf3b2-8ff9-53e8-8f55-3891174be7da"


def test_a_line_that_stands_twice_or_is_none_is_refused():
    """The line is named."""
    with pytest.raises(cs.InvalidEvent, match=r"^activity.line_id stands twice in the invoice: '1'$"):
        cs.invoice_lines(**INVOICE, lines=[LINES[0], LINES[0]])
    with pytest.raises(cs.InvalidEvent, match=r"^amount must not be a float.* \(line '3'\)$"):
        cs.invoice_lines(**INVOICE, lines=[cs.InvoiceLine("3", "ADDON", "x", 0.1)])
