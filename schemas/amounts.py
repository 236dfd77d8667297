"""Amounts as whole numbers of 10^-6 (`_micro`) and costs as whole numbers of 10^-12 (`_pico`).

Rule: docs/ledger.md 1.3. No float ever touches an amount; arithmetic is Python's exact integers throughout.
"""

import re

MICRO_PER_CREDIT = 10**6
PICO_PER_MICRO = 10**6
AMOUNT_LIMIT_MICRO = 10**12 * MICRO_PER_CREDIT
"""Every single amount is below this; sums are not, and need more than 64 bits."""

UNLIMITED = "unlimited"
"""How an amount without limit is written; inside it is None."""

LONGEST_TEXT = 64
_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]{1,6}))?", re.ASCII)


def parse_amount(text: str) -> int | None:
    """Read a plain decimal string such as `12.5`.

    Returns the amount in micro-credits, or None where the text is no plain decimal with at most 6 digits after the point.
    Guarantees nothing of its size: `schemas.checks` does that.
    """
    if len(text) > LONGEST_TEXT:
        return None
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    whole, fraction = match.groups()
    return int(whole) * MICRO_PER_CREDIT + int((fraction or "").ljust(6, "0"))


def format_micro(amount_micro: int) -> str:
    """Write micro-credits as the shortest decimal string: 12500000 as `12.5`, 0 as `0` (docs/ledger.md 8.2)."""
    return _format(amount_micro, digits=6)


def format_pico(amount_pico: int) -> str:
    """Write a cost in units of 10^-12 as the shortest decimal string (docs/ledger.md 4.12)."""
    return _format(amount_pico, digits=12)


def _format(units: int, *, digits: int) -> str:
    whole, fraction = divmod(abs(units), 10**digits)
    sign = "-" if units < 0 else ""
    if not fraction:
        return f"{sign}{whole}"
    decimals = f"{fraction:0{digits}d}".rstrip("0")
    return f"{sign}{whole}.{decimals}"


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide two whole numbers (denominator above 0) and round half to even, as finance rounds (docs/ledger.md 4.12)."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient
