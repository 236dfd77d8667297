"""Amounts and instants are read exactly or not at all, and written in one shortest way (docs/ledger.md 1.2, 1.3, 8.2)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import divide_half_even, format_micro, format_pico, parse_amount
from schemas.instants import INSTANT_LIMIT, format_instant, from_datetime, from_milliseconds, parse_instant, to_datetime


@pytest.mark.parametrize(
    ("text", "amount_micro"),
    [
        ("1", 10**6),
        ("0", 0),
        ("12.5", 12_500_000),
        ("0.000001", 1),
        ("007", 7_000_000),
        ("1.500000", 1_500_000),
        ("9" * 64, int("9" * 64) * 10**6),
    ],
)
def test_plain_decimals_are_read(text, amount_micro):
    """Digits, and at most 6 after the point."""
    assert parse_amount(text) == amount_micro


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1 ", "1\n", "0.0000001", "NaN", "Infinity", "1_000", "٣", "9" * 65],
)
def test_what_is_no_plain_decimal_is_not_read(text):
    """No sign, no exponent, no other alphabet's digits, nothing around it."""
    assert parse_amount(text) is None


@given(st.integers(0, 10**24))
def test_amounts_come_back(amount_micro):
    """What is written is read as the same, without a zero too many."""
    text = format_micro(amount_micro)
    assert parse_amount(text) == amount_micro
    assert "." not in text or text[-1] not in "0."


def test_negative_figures_have_their_sign():
    """Figures may be differences."""
    assert (format_micro(-1), format_micro(-2_500_000), format_pico(-1)) == ("-0.000001", "-2.5", "-0.000000000001")


@given(st.integers(-(10**9), 10**9), st.integers(1, 1000))
def test_halves_go_to_the_even(numerator, denominator):
    """Exactly as Python's own rounding of fractions."""
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.000001z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("2026-03-01T10:00:00.25Z", 1_772_359_200_250_000),
        ("2199-12-31T23:59:59.999999Z", INSTANT_LIMIT - 1),
        ("2200-01-01T00:00:00Z", INSTANT_LIMIT),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000_000),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
    ],
)
def test_instants_with_an_offset_are_read(text, instant):
    """Offsets are taken off exactly; the range is for the checks to judge."""
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-01",
        "2026-03-01T10:00:00",
        "2026-03-01 10:00:00Z",
        "2026-03-01T10:00Z",
        "2026-03-01T10:00:00.Z",
        "2026-03-01T10:00:00.1234567Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "2026-02-30T00:00:00Z",
        "2026-03-01T10:00:00+0100",
        "2026-03-01T10:00:00+24:00",
        "2026-03-01T10:00:00Z\n",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-03-01T10:00:00Z",
        "20260301T100000Z",
    ],
)
def test_what_is_no_instant_is_not_read(text):
    """No offset, no such day, more than 6 digits, or another form."""
    assert parse_instant(text) is None


@given(st.integers(0, INSTANT_LIMIT - 1))
def test_instants_come_back(instant):
    """As text with Z and as datetime in UTC, to the microsecond."""
    text = format_instant(instant)
    assert text.endswith("Z")
    assert parse_instant(text) == instant
    assert from_datetime(to_datetime(instant)) == instant


def test_milliseconds_become_microseconds():
    """Kafka's timestamps are milliseconds."""
    assert from_milliseconds(1_772_359_200_250) == 1_772_359_200_250_000
