"""Months and days where clocks do odd things at midnight, held against the plain definition (4.3)."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from projections.calendar import calendar_of
from schemas.catalog import load_zone
from schemas.instants import from_datetime

MINUTES_BEFORE, MINUTES_AFTER = 26 * 60, 26 * 60

ODD_NIGHTS = [
    ("America/Sao_Paulo", "2018-11-04T03:00", "clocks jump over midnight"),
    ("America/Sao_Paulo", "2018-02-18T02:00", "clocks fall back to the day before at midnight"),
    ("America/St_Johns", "2009-11-01T02:31", "clocks fall back over midnight a minute after it, at a month's start"),
    ("America/Havana", "2015-11-01T05:00", "a midnight is lived through twice, at a month's start"),
    ("Pacific/Apia", "2011-12-30T10:00", "a whole day is left out"),
    ("Pacific/Kwajalein", "1993-08-21T12:00", "a whole day is left out"),
    ("Asia/Kathmandu", "1985-12-31T18:30", "clocks jump by a quarter of an hour at a month's and year's start"),
    ("America/Nuuk", "2026-03-29T01:00", "clocks jump from before midnight to midnight"),
    ("Asia/Singapore", "1981-12-31T16:00", "clocks jump to midnight at a year's start"),
    ("Africa/Monrovia", "1972-01-07T00:44", "an offset with seconds is given up"),
    ("Europe/Lisbon", "2026-03-29T01:00", "an ordinary change in the early morning"),
]


@pytest.mark.parametrize(("zone_name", "around", "what"), ODD_NIGHTS, ids=[f"{zone} {day}" for zone, day, _ in ODD_NIGHTS])
def test_a_day_begins_at_the_first_instant_of_its_date(zone_name, around, what):
    """Minute by minute: the day is the latest local date that was reached by then, and the month is that date's month."""
    zone, calendar = load_zone(zone_name), calendar_of(zone_name)
    begin = datetime.fromisoformat(around).replace(tzinfo=UTC) - timedelta(minutes=MINUTES_BEFORE)
    reached = (begin - timedelta(days=2)).astimezone(zone).date()
    offsets = set()
    for minute in range(MINUTES_BEFORE + MINUTES_AFTER):
        moment = begin + timedelta(minutes=minute)
        local = moment.astimezone(zone)
        offsets.add(local.utcoffset())
        reached = max(reached, local.date())
        instant = from_datetime(moment)
        assert calendar.day_of(instant) == reached.isoformat(), what
        month = calendar.month_of(instant)
        assert month.label == f"{reached:%Y-%m}", what
        assert month.start <= instant < month.end
    assert len(offsets) > 1, "the clock changes in these nights"


def test_months_follow_each_other_without_a_gap():
    """Each month ends where the next begins, over two centuries of a zone with changes at midnight."""
    calendar = calendar_of("America/Sao_Paulo")
    months = list(calendar.months(calendar.month(1970 * 12), calendar.month(2199 * 12 + 11)))
    assert all(one.end == following.start for one, following in pairwise(months))
    assert len(months) == 230 * 12
