"""Months and days of a time zone, to the microsecond, where clocks make it hard (docs/ledger.md 4.3)."""

from datetime import date

import pytest

from plain_model.months import Calendar, Month
from tests.support.building import at

BEGINNINGS = [
    # The clocks stay at UTC+0 in winter and go to UTC+1 on 29 March 2026.
    ("Europe/Lisbon", Month(2026, 3), "2026-03-01T00:00:00Z"),
    ("Europe/Lisbon", Month(2026, 4), "2026-03-31T23:00:00Z"),
    # The night from 30 September to 1 October 2000 had no midnight: at 00:00, UTC-4, the clocks went to 01:00, UTC-3.
    ("America/Asuncion", Month(2000, 10), "2000-10-01T04:00:00Z"),
    # On 1 November 2020 the clocks showed 00:00 to 01:00 twice; the month begins with the first, at UTC-4.
    ("America/Havana", Month(2020, 11), "2020-11-01T04:00:00Z"),
    # On 1 November 2009, at 00:01, the clocks went back to 23:01 of October; November had begun, at UTC-2:30.
    ("America/St_Johns", Month(2009, 11), "2009-11-01T02:30:00Z"),
    # 30 December 2011 never was: 31 December follows the 29th, from UTC-10 to UTC+14; the month after begins at UTC+14.
    ("Pacific/Apia", Month(2011, 12), "2011-12-01T10:00:00Z"),
    ("Pacific/Apia", Month(2012, 1), "2011-12-31T10:00:00Z"),
]


@pytest.mark.parametrize(("zone_name", "month", "beginning"), BEGINNINGS)
def test_a_month_begins_at_its_first_instant(zone_name, month, beginning):
    """The first instant of a month is the first whose local date lies in it; the microsecond before is not in it."""
    calendar = Calendar(zone_name)
    assert calendar.interval_of(month).start == at(beginning)
    assert calendar.month_of(at(beginning)) == month
    assert calendar.month_of(at(beginning) - 1).following() == month


def test_a_month_ends_where_the_next_begins():
    """Months leave no gap, across a year's end too."""
    calendar = Calendar("America/Sao_Paulo")
    month = Month(2017, 9)
    while month < Month(2019, 4):
        assert calendar.interval_of(month).end == calendar.interval_of(month.following()).start
        month = month.following()


def test_the_hour_lived_through_again_stays_in_the_month_that_had_begun():
    """At 02:31 UTC on 1 November 2009 the clocks of St. John's went back into October; the month did not."""
    calendar = Calendar("America/St_Johns")
    assert calendar.month_of(at("2009-11-01T02:45:00Z")) == Month(2009, 11)
    assert calendar.day_of(at("2009-11-01T02:45:00Z")) == date(2009, 11, 1)


@pytest.mark.parametrize(
    ("zone_name", "instant", "day"),
    [
        # On 15 October 2017 the day began at 01:00, since 00:00 to 01:00 was skipped: UTC-3 before, UTC-2 after.
        ("America/Sao_Paulo", "2017-10-15T02:59:59.999999Z", date(2017, 10, 14)),
        ("America/Sao_Paulo", "2017-10-15T03:00:00Z", date(2017, 10, 15)),
        # On 17 February 2018 the last hour was lived through twice: the 18th begins at UTC-3, an hour later.
        ("America/Sao_Paulo", "2018-02-18T02:59:59.999999Z", date(2018, 2, 17)),
        ("America/Sao_Paulo", "2018-02-18T03:00:00Z", date(2018, 2, 18)),
        # On 25 October 2026 the clocks of the Azores show 00:00 to 01:00 twice, at UTC+0 and then at UTC-1.
        ("Atlantic/Azores", "2026-10-24T23:59:59.999999Z", date(2026, 10, 24)),
        ("Atlantic/Azores", "2026-10-25T00:00:00Z", date(2026, 10, 25)),
        ("Atlantic/Azores", "2026-10-25T01:30:00Z", date(2026, 10, 25)),
        # The day after 29 December 2011 is the 31st.
        ("Pacific/Apia", "2011-12-30T09:59:59.999999Z", date(2011, 12, 29)),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", date(2011, 12, 31)),
    ],
)
def test_a_day_is_the_local_one(zone_name, instant, day):
    """A day begins at the first instant whose local date it is, though its midnight come twice or never."""
    assert Calendar(zone_name).day_of(at(instant)) == day
