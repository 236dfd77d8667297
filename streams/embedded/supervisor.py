"""The supervisor: a part that ends by itself, or is killed, is started again, after a pause that grows while it keeps ending.

It takes over the parts of a stack once all are ready; until then a part that ends stops the start (`Stack.check`). What it
sees and does is logged in a line each and written down for `credits status`. It runs in the process that holds the lock of
the data folder, and in its main thread.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from streams.embedded.identity import own_identity
from streams.embedded.processes import Child
from streams.embedded.stack import Part, Stack
from streams.embedded.state import PartState, StackState, write_state

_LOOK_SECONDS = 0.2
_PAUSE_SECONDS_MAX = 30
_SETTLED_SECONDS = 60
"""A part that has lived so long has made up for its earlier endings."""

_log = logging.getLogger("streams.embedded.supervisor")


def pause_seconds(endings: int) -> int:
    """Give how long to wait before a part is started again that has ended so often with less than a minute of life each."""
    return min(1 << min(endings - 1, _PAUSE_SECONDS_MAX), _PAUSE_SECONDS_MAX)


@dataclass
class _Watched:
    """A part, and what the supervisor knows of it; instants are those of a monotonic clock, in seconds."""

    part: Part
    state: PartState
    started: float
    due: float | None = None


class Supervisor:
    """Watches over the parts of a stack, all of which run when it is made."""

    def __init__(self, stack: Stack, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack = stack
        self._clock = clock
        self._watched = {
            part.name: _Watched(part, _begun(part, stack.processes.child_of(part.name)), started=clock())
            for part in stack.parts.values()
        }
        self._is_written = True
        self._write()

    def watch(self) -> None:
        """Watch until a signal ends this process the ordinary way, or an interrupt does."""
        never = threading.Event()
        while not never.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Take note of what has ended, and start again what is due; what the disk does not take now is tried next time."""
        endings = self._stack.processes.take_ended()
        for child, how in endings:
            self._take_ending(self._watched[child.name], how)
        due = [watched for watched in self._watched.values() if watched.due is not None and watched.due <= self._clock()]
        for watched in due:
            self._start_again(watched)
        if endings or due or not self._is_written:
            self._write()

    def _take_ending(self, watched: _Watched, how: str) -> None:
        now = self._clock()
        before, life_seconds = watched.state, now - watched.started
        endings = 1 if life_seconds >= _SETTLED_SECONDS else before.endings + 1
        pause = pause_seconds(endings)
        watched.due = now + pause
        watched.state = replace(before, pid=None, since=datetime.now(UTC), endings=endings, ending=how)
        _log.warning("%s ended by itself (%s) after %.0f s; it is started again in %d s", before.name, how, life_seconds, pause)

    def _start_again(self, watched: _Watched) -> None:
        before = watched.state
        try:
            child = self._stack.start_part(watched.part)
        except OSError as error:
            watched.due = self._clock() + _PAUSE_SECONDS_MAX
            _log.warning("%s cannot be started (%s); this is tried again in %d s", before.name, error, _PAUSE_SECONDS_MAX)
            return
        watched.started, watched.due = self._clock(), None
        watched.state = replace(before, pid=child.process.pid, since=child.since, restarts=before.restarts + 1)
        _log.warning("%s is started again, as process %d", before.name, child.process.pid)

    def _write(self) -> None:
        states = [watched.state for watched in self._watched.values()]
        try:
            write_state(self._stack.data_folder, StackState(own_identity(), states, self._stack.elsewhere.used()))
        except OSError as error:
            if self._is_written:
                _log.warning("what 'credits status' shows cannot be written (%s); this is tried again", error)
            self._is_written = False
        else:
            self._is_written = True


def _begun(part: Part, child: Child) -> PartState:
    return PartState(part.name, part.address, pid=child.process.pid, since=child.since)
