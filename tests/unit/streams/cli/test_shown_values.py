"""How values are written for people."""

from datetime import UTC, datetime
from decimal import Decimal

from streams.cli.reports import shown
from streams.cli.tables import printable, shown_instant


def test_amounts_are_shown_without_needless_zeros():
    """No exponent, no trailing zeros, whatever the size."""
    assert shown(Decimal("12.500000")) == "12.5"
    assert shown(Decimal("1000.000000")) == "1000"
    assert shown(Decimal("0.000000")) == "0"
    assert shown(Decimal("0.000001")) == "0.000001"
    assert shown(Decimal(10**30)) == "1" + "0" * 30


def test_other_values_are_shown_as_people_write_them():
    """Nothing for null, lists with commas, instants with a space."""
    assert shown(None) == ""
    assert shown(["a", "b"]) == "a, b"
    assert shown(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01 12:00:00+00:00"
    assert shown_instant("2026-03-01T00:00:00Z") == "2026-03-01"
    assert shown_instant("2026-03-01T00:00:01.5Z") == "2026-03-01 00:00:01.5"


def test_no_text_acts_on_the_terminal():
    """Control characters are written out; letters of all scripts stay."""
    assert printable("Sodré 125 \u2713") == "Sodré 125 \u2713"
    assert printable("a\x1b[2J\nb\u202e") == "a\\x1b[2J\\nb\\u202e"
