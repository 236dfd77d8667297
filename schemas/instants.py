"""Instants as whole UTC microseconds since 1970 (docs/ledger.md 1.2)."""

import re
from datetime import UTC, datetime, timedelta

MICROSECONDS_PER_MILLISECOND = 1_000
MICROSECONDS_PER_SECOND = 1_000_000
MICROSECONDS_PER_HOUR = 3_600 * MICROSECONDS_PER_SECOND
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_UTC = EPOCH.replace(tzinfo=None)
FIRST_INSTANT = 0
INSTANT_LIMIT = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
"""Every instant of an event is at least `FIRST_INSTANT` and below this."""

_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?)([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parse_instant(text: str) -> int | None:
    """Read an RFC 3339 instant with an offset and at most 6 digits of a second.

    Returns UTC microseconds since 1970 (may be negative), or None where the text is no such instant.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    day, time, offset = match.groups()
    whole, _, fraction = time.partition(".")
    try:
        local = datetime.fromisoformat(f"{day}T{whole}+00:00")
    except ValueError:  # a day that is in no calendar, such as 30 February
        return None
    microseconds = (local - EPOCH) // timedelta(seconds=1) * MICROSECONDS_PER_SECOND
    return microseconds + int(fraction.ljust(6, "0")) - _offset_microseconds(offset)


def _offset_microseconds(offset: str) -> int:
    if offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    sign = -1 if offset[0] == "-" else 1
    return sign * (hours * 60 + minutes) * 60 * MICROSECONDS_PER_SECOND


def format_instant(instant: int) -> str:
    """Write UTC microseconds as RFC 3339 with `Z` and no trailing zeros (docs/ledger.md 8.2)."""
    text = (_EPOCH_UTC + timedelta(microseconds=instant)).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def to_datetime(instant: int) -> datetime:
    """Turn UTC microseconds into an aware datetime in UTC, exactly."""
    return EPOCH + timedelta(microseconds=instant)


def from_datetime(moment: datetime) -> int:
    """Turn an aware datetime into UTC microseconds, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_milliseconds(timestamp_milliseconds: int) -> int:
    """Turn a Kafka record's timestamp (milliseconds) into UTC microseconds."""
    return timestamp_milliseconds * MICROSECONDS_PER_MILLISECOND
