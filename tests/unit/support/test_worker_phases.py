"""What a worker was doing is read off its log, also when the log ends in the middle."""

import pytest

from tests.support.worker_phases import FollowedLog, InFlight, WorkerPhases

BEFORE = "2026-11-25 01:09:40,908 DEBUG streams.worker.partition: "


def phases_after(*lines: str) -> WorkerPhases:
    phases = WorkerPhases()
    for line in lines:
        phases.take(BEFORE + line)
    return phases


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], set()),
        (["rebalance begins"], {InFlight.REBALANCE}),
        (["rebalance begins", "rebalance ended, holding [0, 1]"], set()),
        (["partition number 3: fencing"], {InFlight.FENCING}),
        (["partition number 3: fencing", "partition number 3: restoring"], {InFlight.RESTORE}),
        (["partition number 3: restoring", "partition number 3: open"], set()),
        (["partition number 3: commit 17 begins"], {InFlight.COMMIT}),
        (["partition number 3: commit 17 begins", "partition number 3: commit 17 ended"], set()),
        (["partition number 3: commit 17 begins", "partition number 3: closed"], set()),
        (["partition number 3: commit 17 begins", "partition number 3: gone; it is opened anew in 0.5 s"], set()),
        (["partition number 3: commit 17 begins", "partition number 3 is parked: a law"], set()),
        (["partition number 3: commit 1 begins", "partition number 13: restoring"], {InFlight.COMMIT, InFlight.RESTORE}),
        (["partition number 3: restored from 7 records in 0.10 s"], set()),
    ],
)
def test_what_is_under_way_follows_from_the_lines(lines, expected):
    """Each thing is under way from its first line to its last."""
    assert phases_after(*lines).in_flight() == expected


def test_numbers_are_open_from_their_opening_to_their_end():
    """A number with a commit under way is open; one that is fenced or closed is not."""
    opened = [f"partition number {number}: open" for number in range(4)]
    phases = phases_after(
        *opened,
        "partition number 1: commit 2 begins",
        "partition number 2: closed",
        "partition number 3: lost; it is opened anew in 1.0 s",
    )
    assert phases.open_numbers == {0, 1}
    assert phases.committing_numbers == {1}
    assert phases.opened_count == 4


def test_a_log_is_followed_by_whole_lines(tmp_path):
    """A line that is half written counts when its other half has come."""
    path = tmp_path / "worker.log"
    path.write_text("a warning\n" + BEFORE + "partition number 5: commit 9 beg", encoding="utf-8")
    log = FollowedLog(path)
    assert log.read_on().in_flight() == set()
    with path.open("a", encoding="utf-8") as file:
        file.write("ins\n")
    assert log.wait_for_any(InFlight.COMMIT, seconds=0)
    assert not log.wait_for_any(InFlight.RESTORE, seconds=0)
