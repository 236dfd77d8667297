"""A command that goes on without its terminal: started in a session of its own, waited for until it says that it is ready.

Until then it writes to the terminal it was started from, so that progress and what is wrong are seen there. Both ends are
here: `start_detached` in the process that returns to the shell, `leave_terminal` in the one that stays.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from streams.embedded.signals import signals_put_off

_READY = b"ready"


def start_detached(command: Sequence[str], *, option: str) -> int:
    """Start a command and wait until it is ready, which gives 0, or has ended, which gives its exit status.

    It is told by `option`, as in --option=7, to which file descriptor it is to say so. An interrupt ends it.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, contextlib.ExitStack() as in_trouble:
        with signals_put_off():
            try:
                process = subprocess.Popen(  # noqa: S603 -- this program itself, with arguments that it was given
                    [*command, f"{option}={writing}"], stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=[writing]
                )
            finally:
                os.close(writing)
            in_trouble.callback(_end, process)
        status = 0 if pipe.read() == _READY else process.wait()
        in_trouble.pop_all()
    return status


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def leave_terminal(descriptor: int, *, log: Path) -> None:
    """Say that all is ready to whoever started this process detached; what it writes from now on goes into a log."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    with contextlib.suppress(BrokenPipeError):  # whoever waited may be gone
        os.write(descriptor, _READY)
    os.close(descriptor)
