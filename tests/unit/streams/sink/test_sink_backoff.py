"""The pauses of the sink: from half a second to half a minute, and never in step."""

from streams.sink.backoff import Backoff


def test_pauses_grow_and_are_bounded():
    """Each is drawn from a span whose end doubles; a success begins anew."""
    spans: list[tuple[float, float]] = []

    def greatest(least: float, most: float) -> float:
        spans.append((least, most))
        return most

    backoff = Backoff(greatest)
    assert [backoff.next_seconds() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert spans[:3] == [(0.5, 0.5), (0.5, 1), (1, 2)]
    assert spans[-1] == (15, 30)
    backoff.reset()
    assert backoff.next_seconds() == 0.5


def test_two_sinks_are_not_in_step():
    """By default chance decides, inside the spans."""
    drawn = []
    for _ in range(8):
        backoff = Backoff()
        drawn.append([backoff.next_seconds() for _ in range(7)])
    assert len({pauses[-1] for pauses in drawn}) > 1
    assert all(0.5 <= seconds <= 30 for pauses in drawn for seconds in pauses)
