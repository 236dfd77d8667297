"""Children are watched and ended, and only they: a process that merely has the same number is left alone."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from schemas.errors import SettingsError, TransientError
from streams.embedded import kept_files
from streams.embedded import processes as under_test
from streams.embedded.identity import began
from streams.embedded.processes import Noted, Processes, read_notes, tail

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def left_behind():
    """Give a process that nobody of this test's ends."""
    with subprocess.Popen(FOREVER, start_new_session=True) as process:
        yield process
        process.kill()


def note(folder, *notes):
    (folder / "processes.json").write_text(json.dumps([each._asdict() for each in notes]))


def test_a_process_that_was_left_behind_is_ended(tmp_path, left_behind):
    """It is known by its number and the instant it began."""
    note(tmp_path, Noted("left", left_behind.pid, began(left_behind.pid), 1))
    with Processes(tmp_path):
        assert left_behind.wait(30) < 0


@pytest.mark.parametrize("began", ["", "another run of the machine 17"])
def test_a_process_of_the_same_number_is_left_alone(tmp_path, left_behind, began):
    """Numbers are used again; one whose beginning is another, or was not noted, is not ours."""
    note(tmp_path, Noted("namesake", left_behind.pid, began, 1))
    with Processes(tmp_path):
        assert left_behind.poll() is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"name": "x"}]'])
def test_notes_that_cannot_be_read_say_nothing(tmp_path, text):
    """A broken note never stops a start."""
    (tmp_path / "processes.json").write_text(text)
    with Processes(tmp_path):
        assert json.loads((tmp_path / "processes.json").read_text()) == []


def test_children_are_ended_with_what_they_started(tmp_path):
    """Leaving the context ends a child, the children of its own, and also one that does not listen to SIGTERM."""
    deaf = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    grandchild = f"child = subprocess.Popen({FOREVER!r}); print(child.pid, flush=True); time.sleep(600)"
    under = pytest.MonkeyPatch()
    under.setattr(under_test, "STOP_SECONDS", 0.3)
    with Processes(tmp_path) as processes:
        child = processes.start("deaf", [sys.executable, "-c", deaf + grandchild], environment=os.environ, folder=tmp_path)
        while not (said := child.log.read_text().strip()):
            processes.check()
    under.undo()
    assert child.process.returncode == -9
    assert began(int(said)) is None


def test_what_others_rest_on_is_ended_last(tmp_path):
    """Whatever the order of the starts, also when it was started again meanwhile."""
    upper = (
        "import os, signal, sys, time\n"
        "def leave(number, frame):\n"
        "    os.kill(int(open(sys.argv[1]).read()), 0)\n"
        "    sys.exit('the lower one still runs')\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    number = tmp_path / "number"
    with Processes(tmp_path) as processes:
        child = processes.start("upper", [sys.executable, "-c", upper, number], environment=os.environ, folder=tmp_path)
        lower = processes.start("lower", FOREVER, environment=os.environ, folder=tmp_path, tier=0)
        number.write_text(str(lower.process.pid))
        while "ready" not in child.log.read_text():
            processes.check()
        assert [noted.name for noted in read_notes(tmp_path)] == ["lower", "upper"]
    assert child.log.read_text() == "ready\nthe lower one still runs\n"
    assert lower.process.returncode == -signal.SIGTERM


def test_those_of_one_tier_are_ended_together(tmp_path, monkeypatch):
    """Three that do not listen to SIGTERM cost the patience for one."""
    monkeypatch.setattr(under_test, "STOP_SECONDS", 2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    with Processes(tmp_path) as processes:
        children = [
            processes.start(name, [sys.executable, "-c", deaf], environment=os.environ, folder=tmp_path)
            for name in ("one", "two", "three")
        ]
        while not all("ready" in child.log.read_text() for child in children):
            processes.check()
        begun = time.monotonic()
    assert [child.process.returncode for child in children] == [-signal.SIGKILL] * 3
    assert 2 <= time.monotonic() - begun < 6


def test_a_folder_is_used_by_one_at_a_time(tmp_path):
    """The sentence names the folder and the process that holds it; afterwards the folder is free again."""
    with Processes(tmp_path), pytest.raises(SettingsError, match=f"in use by the running process {os.getpid()}; stop it"):
        Processes(tmp_path).__enter__()
    with Processes(tmp_path):
        pass


def test_a_child_that_ended_is_told_of_with_the_end_of_its_log(tmp_path):
    """Name, exit code and the last lines; once it was stopped on purpose it is no trouble."""
    with Processes(tmp_path) as processes:
        program = "for line in range(100): print('line', line)\nraise SystemExit(7)"
        child = processes.start("brief", [sys.executable, "-c", program], environment=os.environ, folder=tmp_path)
        child.process.wait(30)
        with pytest.raises(
            TransientError, match=r"(?s)brief ended by itself \(exit code 7\); its log .*ends:\n  line 88\n.*99$"
        ):
            processes.check()
        processes.stop("brief")
        processes.check()


def test_a_log_does_not_grow_for_ever(tmp_path, monkeypatch):
    """A long log becomes the one before at the next start of that child; the end of a long log is short."""
    monkeypatch.setattr(kept_files, "_LOG_BYTES_KEPT", 10)
    for _ in range(2):
        with Processes(tmp_path) as processes:
            command = [sys.executable, "-c", "print('x' * 100_000)"]
            child = processes.start("long", command, environment=os.environ, folder=tmp_path)
            child.process.wait(30)
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["long.log", "long.log.1"]
    assert len(tail(child.log)) < 20_000
