"""The first instants of local days and months, from which all calendars here are made (docs/ledger.md 4.3)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from schemas.instants import MICROSECONDS_PER_DAY, from_datetime, to_datetime


def first_instant(day: date, *, zone: ZoneInfo) -> int:
    """Find the first UTC instant whose local date is `day` or, where a zone skipped that day, later; in microseconds."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = from_datetime(midnight)
    if to_datetime(instant).astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    return _end_of_gap(day, before=instant, zone=zone)


def _end_of_gap(day: date, *, before: int, zone: ZoneInfo) -> int:
    """Find by halving the instant at which clocks jumped over this day's midnight; it lies within the day before."""
    low, high = before - MICROSECONDS_PER_DAY, before
    while high - low > 1:
        middle = (low + high) // 2
        if to_datetime(middle).astimezone(zone).date() >= day:
            high = middle
        else:
            low = middle
    return high
