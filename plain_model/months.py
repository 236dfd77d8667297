"""The months and days of a time zone as intervals of UTC instants (docs/ledger.md 4.3).

A month or day begins at the first instant whose local date lies in it, and ends where the next one begins. Where clocks are
set back over midnight, the hour that is lived through again belongs to the day that had already begun; a day that a zone
skipped has no instant.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from schemas.catalog import load_zone
from schemas.instants import (
    EPOCH,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    MICROSECONDS_PER_SECOND,
    from_datetime,
    to_datetime,
)

_STEP = MICROSECONDS_PER_HOUR // 4
"""No zone changes its offset twice within a quarter of an hour."""

_CALENDARS_KEPT = 64
"""How many zones' calendars are kept from one derivation to the next; what they say never changes."""


class Month(NamedTuple):
    """A calendar month, `number` from 1 to 12; months compare in their order."""

    year: int
    number: int

    def following(self) -> "Month":
        """Give the month after this one."""
        return Month(self.year + 1, 1) if self.number == 12 else Month(self.year, self.number + 1)

    def text(self) -> str:
        """Write the month as in `2026-03` (docs/ledger.md 8.2)."""
        return f"{self.year:04d}-{self.number:02d}"


class Interval(NamedTuple):
    """All instants from `start` up to `end`, exclusive; UTC microseconds."""

    start: int
    end: int

    def contains(self, instant: int) -> bool:
        """Say whether the instant lies in the interval."""
        return self.start <= instant < self.end


class Calendar:
    """The months and days of one time zone; what was found once is kept."""

    def __init__(self, zone_name: str) -> None:
        self._zone = load_zone(zone_name)
        self._first_instants: dict[date, int] = {}

    def month_of(self, instant: int) -> Month:
        """Give the month in whose interval an instant (UTC microseconds) lies."""
        today = self._local(instant)
        month = Month(today.year, today.month)
        while self.interval_of(month).end <= instant:
            month = month.following()
        return month

    def day_of(self, instant: int) -> date:
        """Give the local day in whose interval an instant (UTC microseconds) lies."""
        day = self._local(instant).date()
        while self._first_instant(day + timedelta(days=1)) <= instant:
            day += timedelta(days=1)
        return day

    def interval_of(self, month: Month) -> Interval:
        """Give the interval of a month."""
        following = month.following()
        return Interval(
            self._first_instant(date(month.year, month.number, 1)),
            self._first_instant(date(following.year, following.number, 1)),
        )

    def _local(self, instant: int) -> datetime:
        """Give what the clocks of the zone show, without the zone."""
        return to_datetime(instant).astimezone(self._zone).replace(tzinfo=None)

    def _offset(self, instant: int) -> int:
        return from_datetime(self._local(instant).replace(tzinfo=EPOCH.tzinfo)) - instant

    def _first_instant(self, day: date) -> int:
        """Give the first instant whose local date is `day` or later."""
        if day not in self._first_instants:
            self._first_instants[day] = self._find_first_instant(day)
        return self._first_instants[day]

    def _find_first_instant(self, day: date) -> int:
        """Try every instant at which the local date can turn: midnight by any offset of that time, and the clock changes.

        Offsets are less than a day, so that both lie within a day of midnight in UTC.
        """
        midnight = datetime.combine(day, time.min)
        midnight_in_utc = from_datetime(midnight.replace(tzinfo=EPOCH.tzinfo))
        samples = range(midnight_in_utc - MICROSECONDS_PER_DAY, midnight_in_utc + MICROSECONDS_PER_DAY + _STEP, _STEP)
        offsets = [self._offset(sample) for sample in samples]
        candidates = {midnight_in_utc - offset for offset in offsets}
        for sample, offset, next_offset in zip(samples, offsets, offsets[1:], strict=False):
            if offset != next_offset:
                candidates.add(self._clock_change(after=sample, up_to=sample + _STEP))
        return min(candidate for candidate in candidates if self._local(candidate) >= midnight)

    def _clock_change(self, *, after: int, up_to: int) -> int:
        """Give the whole second at which the offset changes, by halving the interval in which it does."""
        before = self._offset(after)
        while up_to - after > MICROSECONDS_PER_SECOND:
            middle = after + (up_to - after) // (2 * MICROSECONDS_PER_SECOND) * MICROSECONDS_PER_SECOND
            if self._offset(middle) == before:
                after = middle
            else:
                up_to = middle
        return up_to


@lru_cache(maxsize=_CALENDARS_KEPT)
def calendar_of(zone_name: str) -> Calendar:
    """Give the calendar of a zone by its IANA name.

    Raises SettingsError where the time zone database has no such zone.
    """
    return Calendar(zone_name)
