"""Who holds a data folder is known by number and beginning, and only while it runs."""

import os
import subprocess
import sys

from streams.embedded.folder_lock import holder_of, locked
from streams.embedded.identity import identity_of, own_identity

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from streams.embedded.folder_lock import locked\n"
    "with locked(Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


def test_the_holder_is_known_while_it_holds(tmp_path):
    """Before and afterwards there is none, nor in a folder that is not there."""
    assert holder_of(tmp_path) is None
    assert holder_of(tmp_path / "missing") is None
    with locked(tmp_path):
        assert holder_of(tmp_path) == own_identity()
        assert holder_of(tmp_path).pid == os.getpid()
    assert holder_of(tmp_path) is None


def test_a_holder_that_was_killed_is_none(tmp_path):
    """The file still names it; a process that does not run holds nothing, and the lock can be had."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert holder_of(tmp_path) == identity_of(process.pid)
        process.kill()
        process.wait(30)
        assert (tmp_path / "stack.lock").read_text().startswith(f"{process.pid} ")
        assert holder_of(tmp_path) is None
    with locked(tmp_path):
        assert holder_of(tmp_path) == own_identity()


def test_a_process_of_the_same_number_holds_nothing(tmp_path):
    """A number alone says nothing: it is used again."""
    for text in (f"{os.getpid()} another run of the machine 17", f"{os.getpid()} ", "", "none"):
        (tmp_path / "stack.lock").write_text(text)
        assert holder_of(tmp_path) is None
