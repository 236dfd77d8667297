"""How much each caller may ask a second."""

from streams.api.limits import Limits


class Clock:
    """A clock that stands until it is set."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_a_caller_may_ask_as_much_a_second_as_the_rate_says():
    """A second's worth at once, then no more until it has come again; others are not held up."""
    clock = Clock()
    limits = Limits(3, clock=clock)
    assert [limits.seconds_to_wait("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limits.seconds_to_wait("b") == 0
    clock.seconds = 1 / 3
    assert [limits.seconds_to_wait("a") for _ in range(2)] == [0, 1]
    clock.seconds = 100.0
    assert [limits.seconds_to_wait("a") for _ in range(4)] == [0, 0, 0, 1]


def test_a_request_with_many_events_is_taken_and_paid_off():
    """It makes the next one wait as long as it was too large; that wait is then enough."""
    clock = Clock()
    limits = Limits(10, clock=clock)
    assert limits.seconds_to_wait("a") == 0
    limits.charge("a", 44)
    seconds = limits.seconds_to_wait("a")
    assert seconds == 4
    clock.seconds = 3.4
    assert limits.seconds_to_wait("a") == 1
    clock.seconds = float(seconds)
    assert limits.seconds_to_wait("a") == 0


def test_0_is_no_limit():
    """An operator who counts elsewhere."""
    limits = Limits(0, clock=Clock())
    limits.charge("a", 10**9)
    assert {limits.seconds_to_wait("a") for _ in range(1000)} == {0}
