"""How the values of views are written: as docs/ledger.md 8.2 says."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from streams.clickhouse.asking import written


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.500000", "12.5"),
        ("1000.000000", "1000"),
        ("0.000000", "0"),
        ("0.000001", "0.000001"),
        ("-0.000000", "0"),
        ("-6.500000", "-6.5"),
        ("1E+3", "1000"),
        ("99999999999999999999999999999999.000001", "99999999999999999999999999999999.000001"),
    ],
)
def test_amounts_are_the_shortest_decimals(amount, text):
    """No exponent, no trailing zeros, and no digit is lost, whatever the size."""
    assert written(Decimal(amount)) == text


def test_other_values():
    """Instants are RFC 3339 with `Z`, null stays null, and what holds values is written part by part."""
    assert written(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00Z"
    assert written(datetime(2026, 3, 1, microsecond=500_000, tzinfo=UTC)) == "2026-03-01T00:00:00.5Z"
    assert [written(value) for value in (None, True, 7, "1.50")] == [None, True, 7, "1.50"]
    assert written([{"currency": "EUR", "cost": Decimal("1.50")}, ("a", None)]) == [
        {"currency": "EUR", "cost": "1.5"},
        ["a", None],
    ]
