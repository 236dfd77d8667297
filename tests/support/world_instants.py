"""The instants of a generated world: few, and such that ties and month ends are frequent.

An era is a zone and a month from which on something happens to its clocks; a world lives in the eight months from there.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.catalog import load_zone
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, from_datetime, to_datetime

MONTHS = 8
_HALF_AN_HOUR = MICROSECONDS_PER_HOUR // 2


class Era(NamedTuple):
    """A zone and the first of the eight months in which a world lives."""

    zone_name: str
    year: int
    month: int


ERAS = (
    Era("UTC", 2026, 1),
    Era("Europe/Lisbon", 2026, 2),
    Era("Europe/Lisbon", 2025, 8),
    Era("America/New_York", 2026, 1),
    Era("America/New_York", 2025, 9),
    Era("Pacific/Apia", 2011, 10),  # has no 30 December
    Era("America/Sao_Paulo", 2018, 9),  # 4 November has no midnight
    Era("America/Sao_Paulo", 1999, 8),  # 3 October has no midnight, 27 February has two
    Era("America/Asuncion", 2023, 8),  # October has no first midnight
    Era("America/Havana", 2015, 9),  # November has two first midnights
    Era("America/St_Johns", 2009, 9),  # a minute after November begins, clocks show October again
    Era("Asia/Kathmandu", 1985, 11),  # 1986 began a quarter of an hour late
)
ZONES = tuple(dict.fromkeys(era.zone_name for era in ERAS))


class Grid(NamedTuple):
    """The instants of an era in one zone, each in order: months' starts, changes of the clocks, noons."""

    month_starts: tuple[int, ...]
    clock_changes: tuple[int, ...]
    noons: tuple[int, ...]


@lru_cache(maxsize=256)
def grid_of(era: Era, zone_name: str) -> Grid:
    """Give the grid of an era as it looks in a zone, which may be another one than the era's own."""
    zone = load_zone(zone_name)
    firsts = [divmod(era.year * 12 + era.month - 1 + index, 12) for index in range(MONTHS + 1)]
    month_starts = tuple(from_datetime(datetime(year, month + 1, 1, tzinfo=zone)) for year, month in firsts)
    noons = [from_datetime(datetime(year, month + 1, day, 12, tzinfo=zone)) for year, month in firsts[:-1] for day in (9, 21)]
    hours = range(month_starts[0], month_starts[-1], MICROSECONDS_PER_HOUR)
    offsets = [to_datetime(hour).astimezone(zone).utcoffset() or timedelta() for hour in hours]
    turning = [index for index in range(1, len(hours)) if offsets[index] != offsets[index - 1]]
    changes = [_change(zone, hours[index - 1], hours[index]) for index in turning]
    return Grid(month_starts, tuple(changes), tuple(noons))


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """Give the whole minute at which the offset changes within an hour."""
    offset = to_datetime(after).astimezone(zone).utcoffset()
    minutes = range(before, after + 1, MICROSECONDS_PER_HOUR // 60)
    return next(minute for minute in minutes if to_datetime(minute).astimezone(zone).utcoffset() == offset)


def instants_of(random: Random, era: Era, zone_names: list[str]) -> list[int]:
    """Draw the ten or so instants at which everything in a world happens, in order."""
    found: set[int] = set()
    for zone_name in zone_names:
        grid = grid_of(era, zone_name)
        found.update(random.sample(grid.noons, 3))
        near_a_change = [start for start in grid.month_starts for change in grid.clock_changes if _is_near(start, change)]
        found.update(change + random.choice((0, _HALF_AN_HOUR, -1)) for change in grid.clock_changes[:1])
        for turn in (*random.sample(grid.month_starts[1:-1], 2), *near_a_change[:1]):
            found.add(turn)
            found.add(turn + random.choice((0, -1, 1)))
    return sorted(found)


def walls_of(random: Random, era: Era, count: int) -> list[int]:
    """Draw the instants up to which the parts of a world's story were written down, in order; whole milliseconds."""
    noons = grid_of(era, era.zone_name).noons
    return sorted(random.sample(noons[5:], count))


def _is_near(month_start: int, change: int) -> bool:
    return abs(month_start - change) <= 31 * MICROSECONDS_PER_DAY
