"""The operators' word on settlement, and the clocks that the ends of the logs tell."""

import json

import pytest

from schemas.errors import TransientError
from schemas.events import TimeAdvanced
from schemas.instants import parse_instant
from schemas.topics import CONSUMPTION, GRANTS, VOIDS
from streams.kafka.clocks import NumberClock, clock_of
from streams.kafka.control import Owner, Settlement, owner_of, owner_record, settlement_of, value_of

SINCE = parse_instant("2026-05-15T12:00:00.5Z")


@pytest.mark.parametrize("is_open", [True, False])
def test_a_word_is_readable_and_read_back(is_open):
    """Any Kafka tool shows what was said, since when and by whom."""
    settlement = Settlement(is_open, SINCE, "ana@ops-1")
    value = value_of(settlement)
    assert json.loads(value) == {
        "settlement": "open" if is_open else "hold",
        "since": "2026-05-15T12:00:00.5Z",
        "by": "ana@ops-1",
    }
    assert settlement_of(value) == settlement


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"open",
        b'{"settlement": "opened", "since": "2026-05-15T12:00:00Z", "by": "a"}',
        b'{"settlement": "open", "since": "noon", "by": "a"}',
        b'{"settlement": "open", "since": 1, "by": "a"}',
        b'{"settlement": "open"}',
    ],
)
def test_a_word_that_cannot_be_understood_is_an_outage(value):
    """Nobody knows then whether history settles; the sentence says how it is said anew."""
    with pytest.raises(
        TransientError, match=r"^the last word in credits\.control cannot be understood .*'credits clock open' or"
    ):
        settlement_of(value)


def test_a_workers_word_on_what_it_holds_is_readable_and_read_back():
    """It lies beside the operators' word, under a key of its own for each partition number."""
    record = owner_record(Owner(3, "http://worker-1:18080"))
    assert (record.topic, record.key) == ("credits.control", b"owner|3")
    assert json.loads(record.value) == {"address": "http://worker-1:18080"}
    assert owner_of(record.key, record.value) == Owner(3, "http://worker-1:18080")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"clock", b'{"address": "http://a:1"}'),
        (None, b'{"address": "http://a:1"}'),
        (b"owner|x", b'{"address": "http://a:1"}'),
        (b"owner|", b'{"address": "http://a:1"}'),
        (b"owner|3", None),
        (b"owner|3", b"\xff"),
        (b"owner|3", b'{"address": 7}'),
    ],
)
def test_whatever_else_is_said_there_is_passed_over(key, value):
    """The operators' word, and what a later release may say."""
    assert owner_of(key, value) is None


def test_the_clock_is_the_greatest_and_the_boundary_the_least():
    """Each topic's own instants only move forward, so that a stale repeat at the end of its log says nothing."""
    said = {
        GRANTS: [TimeAdvanced(100, 50), TimeAdvanced(90, 40), TimeAdvanced(101, None)],
        VOIDS: [TimeAdvanced(95, 45)],
        CONSUMPTION: [TimeAdvanced(99, 49)],
    }
    assert clock_of(7, said) == NumberClock(7, clock=101, boundary=45)


def test_what_is_not_told_is_not_found():
    """A boundary needs all three topics, a clock one of them."""
    assert clock_of(0, {}) == NumberClock(0, None, None)
    assert clock_of(0, {GRANTS: [TimeAdvanced(100, 50)], VOIDS: [TimeAdvanced(95, 45)]}) == NumberClock(0, 100, None)
    said = {GRANTS: [TimeAdvanced(100, 50)], VOIDS: [TimeAdvanced(95, 45)], CONSUMPTION: [TimeAdvanced(99, None)]}
    assert clock_of(0, said) == NumberClock(0, 100, None)
