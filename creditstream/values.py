"""What an upstream product has in hand, as the JSON form wants it: amounts and instants that are exact, or a sentence.

Rule: docs/ledger.md 1.2 and 1.3. Only what Python says ambiguously is refused here (a float, a datetime without time zone);
what a field may say is checked with the whole event.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from schemas.amounts import UNLIMITED
from schemas.errors import InvalidEvent
from schemas.events import ACTIVITY_TYPES, Activity, Selector
from schemas.instants import format_instant, from_datetime

Amount = Decimal | int | str
"""An exact amount: a Decimal, a whole number, or a text such as `12.5`; never a float."""
Moment = datetime | str
"""An instant: a datetime with a time zone, or an RFC 3339 text with an offset."""


def amount_text(field: str, amount: Amount) -> str:
    """Write an amount as a decimal text; raises InvalidEvent for a float, for what is negative, and for what is no number."""
    if isinstance(amount, float):
        raise InvalidEvent(field, "must not be a float, which holds most decimal fractions inexactly; give a Decimal or a text")
    if isinstance(amount, str):
        return amount
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise InvalidEvent(field, f"must be a Decimal, a whole number or a decimal text, not a {type(amount).__name__}")
    number = Decimal(amount)
    if not number.is_finite():
        raise InvalidEvent(field, f"must be a number, not {number}")
    if number < 0:
        raise InvalidEvent(field, "must not be negative")
    return _plain(number)


def limit_text(field: str, amount: Amount) -> str:
    """Write the amount of a grant, which may be `unlimited`; raises as `amount_text` does."""
    return UNLIMITED if amount == UNLIMITED else amount_text(field, amount)


def moment_text(field: str, moment: Moment) -> str:
    """Write an instant as an RFC 3339 text; raises InvalidEvent for a datetime without time zone, and for what is none."""
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, datetime):
        raise InvalidEvent(field, f"must be a datetime with a time zone or an RFC 3339 text, not a {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise InvalidEvent(field, "must have a time zone: a datetime without one names no instant")
    return format_instant(from_datetime(moment))


def activity_object(activity: Activity) -> dict[str, object]:
    """Write an activity in its JSON form; raises InvalidEvent for what is no activity."""
    if type(activity) not in ACTIVITY_TYPES.values():
        raise InvalidEvent("activity", f"must be one of {', '.join(ACTIVITY_TYPES)}")
    return {"type": type(activity).__name__, **activity._asdict()}


def scope_list(scope: Iterable[Selector]) -> list[dict[str, object]]:
    """Write a scope in its JSON form; raises InvalidEvent for what is no list of selectors."""
    selectors = list(scope)
    if not all(isinstance(selector, Selector) for selector in selectors):
        raise InvalidEvent("scope", 'must be a list of selectors such as Selector("ADDON") or Selector("USAGE_METER", "sms")')
    return [selector._asdict() for selector in selectors]


def _plain(number: Decimal) -> str:
    """Write a number in plain digits, without the zeros after the point that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
