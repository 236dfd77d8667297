"""Months and days of one time zone, by first instants (docs/ledger.md 4.3).

A month (a day) begins at the first instant whose local date lies in it, and lasts until the next one begins. So every
instant lies in one month, also in an hour that a zone lives through twice, and a month's label never depends on SQL.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.catalog import load_zone
from schemas.instants import to_datetime
from schemas.local_days import first_instant


class Month(NamedTuple):
    """One calendar month: its ordinal (months since year 0), its interval [start, end) in UTC microseconds, as `2026-03`."""

    ordinal: int
    start: int
    end: int
    label: str


class _Day(NamedTuple):
    """One local day: its interval [start, end) in UTC microseconds, as `2026-03-14`."""

    start: int
    end: int
    label: str


class Calendar:
    """The months and days of one time zone; what was computed once is kept."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._month_starts: dict[int, int] = {}
        self._day_starts: dict[date, int] = {}
        self._months: dict[int, Month] = {}
        self._found = Month(0, 0, 0, "")
        self._found_day = _Day(0, 0, "")

    def month(self, ordinal: int) -> Month:
        """Give the month with this ordinal."""
        found = self._months.get(ordinal)
        if found is None:
            year, month = divmod(ordinal, 12)
            label = f"{year:04d}-{month + 1:02d}"
            found = Month(ordinal, self._month_start(ordinal), self._month_start(ordinal + 1), label)
            self._months[ordinal] = found
        return found

    def month_of(self, instant: int) -> Month:
        """Give the month that contains an instant."""
        if self._found.start <= instant < self._found.end:
            # The next instant that is asked about lies in the same month as a rule.
            return self._found
        local = to_datetime(instant).astimezone(self._zone)
        found = self.month(local.year * 12 + local.month - 1)
        # In an hour lived through twice the local date may step back over a month's first instant.
        self._found = found if instant < found.end else self.month(found.ordinal + 1)
        return self._found

    def months(self, first: Month, last: Month) -> Iterator[Month]:
        """Give the months from the first to the last, both included."""
        return (self.month(ordinal) for ordinal in range(first.ordinal, last.ordinal + 1))

    def day_of(self, instant: int) -> str:
        """Give the local day that contains an instant, as `2026-03-14`."""
        if not self._found_day.start <= instant < self._found_day.end:
            local = to_datetime(instant).astimezone(self._zone).date()
            if self._day_start(local + timedelta(days=1)) <= instant:
                local += timedelta(days=1)
            self._found_day = _Day(self._day_start(local), self._day_start(local + timedelta(days=1)), local.isoformat())
        return self._found_day.label

    def _month_start(self, ordinal: int) -> int:
        if ordinal not in self._month_starts:
            year, month = divmod(ordinal, 12)
            self._month_starts[ordinal] = first_instant(date(year, month + 1, 1), zone=self._zone)
        return self._month_starts[ordinal]

    def _day_start(self, day: date) -> int:
        if day not in self._day_starts:
            self._day_starts[day] = first_instant(day, zone=self._zone)
        return self._day_starts[day]


@lru_cache(maxsize=1024)
def calendar_of(zone_name: str) -> Calendar:
    """Give the calendar of a time zone by its IANA name; made once a process.

    Raises SettingsError where there is no such zone.
    """
    return Calendar(load_zone(zone_name))
