"""The clock: what the worker says, when, and to whom."""

from schemas import codec
from schemas.checks import fault_of
from schemas.instants import parse_instant
from streams.worker.clock import time_advanced
from streams.worker.lag import LagClock

NOW = parse_instant("2026-05-15T13:00:00.000123Z")


def test_without_settlement_only_the_clock_moves():
    """Until an operator opens settlement, history of any age is accepted."""
    assert time_advanced(now=NOW, is_settling=False) == (NOW, None)


def test_with_settlement_whole_days_are_counted_back():
    """What lies 62 days before the day of the clock, and later, is accepted."""
    event = time_advanced(now=NOW, is_settling=True)
    assert event == (NOW, parse_instant("2026-03-14T00:00:00Z"))
    assert fault_of(event, record_timestamp=NOW) is None
    assert codec.decode(codec.encode(event)) == event


def test_a_lag_is_as_old_as_the_first_sighting_of_what_is_not_applied():
    """An end that grows while nothing is applied does not make the lag younger."""
    lag = LagClock()
    assert lag.take(end=10, position=10, now_seconds=0) == 0
    assert lag.take(end=20, position=10, now_seconds=5) == 0
    assert lag.take(end=30, position=10, now_seconds=9) == 4
    assert lag.take(end=30, position=20, now_seconds=10) == 1
    assert lag.take(end=30, position=30, now_seconds=11) == 0
    assert lag.take(end=31, position=30, now_seconds=20) == 0
