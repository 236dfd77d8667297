"""The lock of a data folder: one stack at a time, and who holds it.

The kernel releases the lock however the holder ends. Whoever only wants to know asks `holder_of`, which takes no lock and
so disturbs nobody.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import SettingsError
from streams.embedded.identity import Identity, own_identity

_NAME = "stack.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a data folder, which must exist; raises `SettingsError` where another running process has it."""
    with (folder / _NAME).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = holder_of(folder)
            who = "a running process" if holder is None else f"the running process {holder.pid}"
            raise SettingsError(
                f"the data folder {folder} is in use by {who}; stop it, or choose another folder with --data"
            ) from error
        lock.truncate(0)
        lock.write("{} {}".format(*own_identity()))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def holder_of(folder: Path) -> Identity | None:
    """Give the running process that holds the lock of a data folder, or None where there is none, or no such folder."""
    try:
        pid, _, began = (folder / _NAME).read_text(encoding="utf-8").partition(" ")
        holder = Identity(int(pid), began)
    except (OSError, ValueError):
        return None
    return holder if holder.runs() else None
