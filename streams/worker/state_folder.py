"""The folder of a worker's local stores: of one worker alone.

A stopped worker that comes to life again must not stand in the way of the one that took its partition numbers over, so no two
share their stores. The kernel releases the lock however the worker ends.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import SettingsError


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder, which is made where it is missing.

    Raises SettingsError where another worker has it, or where it cannot be made.
    """
    with contextlib.ExitStack() as entered:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = entered.enter_context((folder / "worker.lock").open("a", encoding="utf-8"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"CREDITS_STATE_FOLDER is {folder}, where another worker keeps its state; give each worker a folder of its own"
            ) from error
        except OSError as error:
            raise SettingsError(f"CREDITS_STATE_FOLDER is {folder}, which cannot be used: {error.strerror}") from error
        yield
