"""What ends is started again, after a pause that grows while it keeps ending, and all of it is written down."""

import logging
import os
import signal
import sys
import time
from datetime import timedelta

import pytest

from streams.embedded.addresses import Address, Kind
from streams.embedded.identity import own_identity
from streams.embedded.ports import HOST
from streams.embedded.processes import Processes
from streams.embedded.settings import EmbeddedSettings
from streams.embedded.stack import Part, Stack
from streams.embedded.state import read_state
from streams.embedded.supervisor import Supervisor, pause_seconds

FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")
BRIEF = (sys.executable, "-c", "raise SystemExit(3)")
SECONDS = 30


class Clock:
    """A monotonic clock that goes on when it is told to."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def supervised(tmp_path, clock):
    """Give a function that starts parts of these commands and gives their stack and supervisor."""
    with Processes(tmp_path) as processes:

        def start(**commands):
            stack = Stack(EmbeddedSettings(), tmp_path, os.environ, processes)
            for name, command in commands.items():
                stack.start_part(Part(name, command, {}, Address(Kind.SERVICE, HOST, 1)))
            return stack, Supervisor(stack, clock=clock)

        yield start


def seen(stack, name):
    """Give what is written down of a part."""
    parts = read_state(stack.data_folder, supervisor=own_identity()).parts
    return next(part for part in parts if part.name == name)


def look_until(supervisor, stack, name, *, runs):
    """Look until it is written down that a part runs, or does not."""
    deadline = time.monotonic() + SECONDS
    while (seen(stack, name).pid is not None) != runs:
        assert time.monotonic() < deadline
        supervisor.look()
        time.sleep(0.01)
    return seen(stack, name)


def test_pauses_double_up_to_half_a_minute():
    """From one second on; however often it ends, never more than thirty."""
    assert [pause_seconds(endings) for endings in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pause_seconds(1_000_000) == 30


def test_a_part_that_is_killed_is_started_again_and_the_others_stay(supervised, clock, caplog):
    """A second after its end it runs anew; the log has a line for the end and one for the start."""
    caplog.set_level(logging.INFO)
    stack, supervisor = supervised(killed=FOREVER, other=FOREVER)
    before, other = seen(stack, "killed"), seen(stack, "other")
    assert (before.restarts, before.endings, before.ending) == (0, 0, "")
    os.kill(before.pid, signal.SIGKILL)
    ended = look_until(supervisor, stack, "killed", runs=False)
    assert (ended.restarts, ended.endings, ended.ending) == (0, 1, "signal SIGKILL")
    clock.seconds += 0.9
    supervisor.look()
    assert seen(stack, "killed").pid is None
    clock.seconds += 0.2
    supervisor.look()
    again = seen(stack, "killed")
    assert again.pid not in (None, before.pid)
    assert (again.restarts, again.endings, again.ending) == (1, 1, "signal SIGKILL")
    assert again.since >= before.since
    assert seen(stack, "other") == other
    assert caplog.messages == [
        "killed ended by itself (signal SIGKILL) after 0 s; it is started again in 1 s",
        f"killed is started again, as process {again.pid}",
    ]


def test_a_part_that_keeps_ending_is_told_from_one_that_ended_once(supervised, clock):
    """Each time it waits longer; the third ending within a minute of life each makes it one that keeps ending."""
    stack, supervisor = supervised(restless=BRIEF)
    pauses = []
    for endings in (1, 2, 3):
        state = look_until(supervisor, stack, "restless", runs=False)
        assert (state.endings, state.ending) == (endings, "exit code 3")
        assert state.keeps_ending(state.since) == (endings == 3)
        begun = clock.seconds
        while seen(stack, "restless").pid is None:
            clock.seconds += 0.25
            supervisor.look()
        pauses.append(clock.seconds - begun)
    assert pauses == [1, 2, 4]
    running = seen(stack, "restless")
    assert running.keeps_ending(running.since + timedelta(seconds=9))
    assert not running.keeps_ending(running.since + timedelta(seconds=10))


def test_a_minute_of_life_makes_up_for_earlier_endings(supervised, clock):
    """The pause begins with a second again, and the count of restarts stays."""
    stack, supervisor = supervised(killed=FOREVER)
    for life_seconds, endings in ((1, 1), (1, 2), (60, 1)):
        clock.seconds += life_seconds
        os.kill(seen(stack, "killed").pid, signal.SIGKILL)
        assert look_until(supervisor, stack, "killed", runs=False).endings == endings
        clock.seconds += 5
        look_until(supervisor, stack, "killed", runs=True)
    assert seen(stack, "killed").restarts == 3


def test_a_part_that_cannot_be_started_is_tried_again_later(supervised, clock, caplog, tmp_path):
    """A program that is gone, or a disk that is full, does not end the supervisor."""
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    stack, supervisor = supervised(gone=(str(program), *FOREVER[1:]))
    program.unlink()
    os.kill(seen(stack, "gone").pid, signal.SIGKILL)
    look_until(supervisor, stack, "gone", runs=False)
    clock.seconds += 1
    supervisor.look()
    assert "gone cannot be started" in caplog.messages[-1]
    assert seen(stack, "gone").pid is None
    program.symlink_to(sys.executable)
    clock.seconds += 29
    supervisor.look()
    assert seen(stack, "gone").pid is None
    clock.seconds += 1
    supervisor.look()
    assert seen(stack, "gone").pid is not None


def test_a_state_that_cannot_be_written_is_said_once_and_written_later(supervised, caplog, tmp_path):
    """While the disk takes nothing, parts are watched all the same."""
    stack, supervisor = supervised(killed=FOREVER)
    (tmp_path / "state.half").mkdir()
    os.kill(seen(stack, "killed").pid, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while "cannot be written" not in caplog.text:
        assert time.monotonic() < deadline
        supervisor.look()
    supervisor.look()
    assert caplog.text.count("cannot be written") == 1
    (tmp_path / "state.half").rmdir()
    supervisor.look()
    assert seen(stack, "killed").pid is None
