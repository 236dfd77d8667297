"""A command that goes on without its terminal is waited for until it is ready, or has ended."""

import os
import signal
import subprocess
import sys

import pytest

from streams.embedded.detached import start_detached
from streams.embedded.identity import began

PROGRAM = """
import os, sys, time
from pathlib import Path
from streams.embedded.detached import leave_terminal
log, how, option = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
print("at the terminal", os.getpid(), flush=True)
if how == "fail":
    sys.exit(7)
if how == "hang":
    time.sleep(600)
leave_terminal(int(option.removeprefix("--ready=")), log=log)
print("after it", os.getsid(0), flush=True)
time.sleep(600)
"""
STARTER = """
import sys
from streams.embedded.detached import start_detached
sys.exit(start_detached([sys.executable, "-c", *sys.argv[1:]], option="--ready"))
"""


def command(log, how):
    return [sys.executable, "-c", STARTER, PROGRAM, str(log), how]


def test_it_is_left_running_in_a_session_of_its_own(tmp_path):
    """What it says until it is ready is seen where it was started; the rest goes into its log."""
    log = tmp_path / "log"
    # The pipe is closed by the one that stays as well: else this would wait for ever.
    ended = subprocess.run(command(log, "stay"), stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ended.returncode == 0
    pid = int(ended.stdout.removeprefix("at the terminal "))
    try:
        while not (said := log.read_text()):
            assert began(pid) is not None
        assert said == f"after it {pid}\n"
    finally:
        os.kill(pid, signal.SIGKILL)


def test_one_that_ends_before_it_is_ready_gives_its_status(tmp_path):
    """Whoever started it ends with the same status."""
    ended = subprocess.run(command(tmp_path / "log", "fail"), stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ended.returncode == 7
    assert not (tmp_path / "log").exists()


def test_an_interrupt_ends_both(tmp_path):
    """Ctrl-C reaches the one at the terminal, which ends the other."""
    with subprocess.Popen(command(tmp_path / "log", "hang"), stdout=subprocess.PIPE, text=True) as starter:
        pid = int(starter.stdout.readline().removeprefix("at the terminal "))
        starter.send_signal(signal.SIGINT)
        assert starter.wait(60) != 0
    assert began(pid) is None


def test_a_command_that_cannot_be_started_is_no_ready_one():
    """The error is the system's."""
    with pytest.raises(FileNotFoundError):
        start_detached(["/no/such/program"], option="--ready")
