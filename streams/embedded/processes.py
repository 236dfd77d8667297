"""Child processes that are logged, watched and ended: also those that an earlier run, killed outright, left behind.

Each child leads a process group of its own, so that its children end with it and an interrupt typed at the terminal
reaches only the parent, which ends them in order. The children are noted in a file beside their data; the next start
that finds the data folder unlocked ends what is still running of them.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from schemas.errors import SettingsError, TransientError
from streams.embedded.folder_lock import locked
from streams.embedded.identity import Identity, identity_of
from streams.embedded.kept_files import roll, write_whole
from streams.embedded.signals import signals_put_off

STOP_SECONDS = 15
_POLL_SECONDS = 0.05
_TAIL_LINES = 12
_TAIL_BYTES = 16_384
_NOTES = "processes.json"


@dataclass(frozen=True)
class Child:
    """A running child process: what it is called, the process, the file it logs to, and when it was started (aware UTC).

    Children are ended tier by tier, the highest first: those of one tier rest on those of the tiers below.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    since: datetime
    tier: int

    @property
    def running(self) -> "_Running":
        """Give what is needed to end it."""
        return _Running(self.process.pid, self.tier, self.process.poll)


class Noted(NamedTuple):
    """A child as it is noted for the next start: process id and the instant it began, which tells it from a namesake."""

    name: str
    pid: int
    began: str
    tier: int

    def runs(self) -> bool:
        """Say whether it still runs, and is no other process with the same number."""
        return Identity(self.pid, self.began).runs()

    @property
    def running(self) -> "_Running":
        """Give what is needed to end it: it is nobody's child any more, so its ending is seen by its number alone."""
        return _Running(self.pid, self.tier, lambda: None if self.runs() else 0)


class _Running(NamedTuple):
    """A leader of a process group that is to be ended; `poll` gives None while it runs."""

    pid: int
    tier: int
    poll: Callable[[], int | None]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, if there still is one."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Ending(NamedTuple):
    """A child that has ended by itself, and how, such as `exit code 1` or `signal SIGKILL`."""

    child: Child
    how: str


class Processes:
    """The children of one data folder, which it locks; leaving the context ends them, tier by tier.

    `left_behind` are the names of those that an earlier run had left and that were ended on entering. Raises
    `SettingsError` when another running process holds the folder. Not for use from several threads.
    """

    def __init__(self, data_folder: Path) -> None:
        self.data_folder = data_folder
        self.left_behind: tuple[str, ...] = ()
        self._children: list[Child] = []
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            with contextlib.ExitStack() as held:
                self.data_folder.mkdir(parents=True, exist_ok=True)
                (self.data_folder / "logs").mkdir(exist_ok=True)
                held.enter_context(locked(self.data_folder))
                self.left_behind = _end_left_behind(self.data_folder)
                self._note()
                self._lock = held.pop_all()
        except OSError as error:
            raise SettingsError(
                f"the folder {self.data_folder} cannot be used ({error.strerror}); choose another with --data"
            ) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock, contextlib.ExitStack() as interrupted:
            # A second interrupt while they are being ended means: now.
            for child in self._children:
                interrupted.callback(child.running.send, signal.SIGKILL)
            _end_by_tiers([child.running for child in self._children])
            interrupted.pop_all()
            self._children.clear()
            # On a full disk the old note stays, which names only what no longer runs.
            with contextlib.suppress(OSError):
                self._note()

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, tier: int = 1) -> Child:
        """Start a child in `folder` with exactly this environment; it logs to `logs/<name>.log` in the data folder.

        Raises OSError where it cannot be started, or not be noted; it does not run then.
        """
        log = self.data_folder / "logs" / f"{name}.log"
        roll(log)
        # A signal between the start and the note would leave a child that nobody knows of.
        with signals_put_off(), log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - the commands are built by this package and by its callers' code
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
            child = Child(name, process, log, datetime.now(UTC), tier)
            self._children.append(child)
            try:
                self._note()
            except OSError:
                self._children.remove(child)
                _end([child.running])
                raise
        return child

    def stop(self, name: str) -> None:
        """End one child by name and wait until it is gone."""
        for child in [child for child in self._children if child.name == name]:
            _end([child.running])
            self._children.remove(child)
        self._note()

    def child_of(self, name: str) -> Child:
        """Give the child of this name; raises KeyError where there is none."""
        return {child.name: child for child in self._children}[name]

    def check(self) -> None:
        """Raise `TransientError` with the last lines of its log when a child has ended by itself."""
        for child, how in self._ended():
            raise TransientError(f"{child.name} ended by itself ({how}); its log {child.log} ends:\n{tail(child.log)}")

    def take_ended(self) -> list[Ending]:
        """Give the children that have ended by themselves, and forget them; what they had started is ended with them."""
        endings = self._ended()
        for child, _ in endings:
            _end([child.running])
            self._children.remove(child)
        return endings

    def _ended(self) -> list[Ending]:
        codes = [(child, child.process.poll()) for child in self._children]
        return [Ending(child, _how(code)) for child, code in codes if code is not None]

    def _note(self) -> None:
        """Write the running children down for the next start, in the order in which they would be started."""
        in_order = sorted(self._children, key=lambda child: child.tier)
        notes = [Noted(child.name, *identity_of(child.process.pid), child.tier) for child in in_order]
        write_whole(self.data_folder / _NOTES, json.dumps([note._asdict() for note in notes]).encode())


def read_notes(data_folder: Path) -> list[Noted]:
    """Read what was noted of the children of a data folder; a note that is missing or broken says nothing."""
    try:
        notes = json.loads((data_folder / _NOTES).read_bytes())
        return [Noted(str(note["name"]), int(note["pid"]), str(note["began"]), int(note["tier"])) for note in notes]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def tail(log: Path) -> str:
    """Give the last lines of a log file, each indented by two spaces."""
    with log.open("rb") as content:
        content.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = content.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (it is empty)"


def _end_left_behind(data_folder: Path) -> tuple[str, ...]:
    """End what an earlier run left behind, and give the names, the last started first."""
    left = [noted for noted in reversed(read_notes(data_folder)) if noted.runs()]
    _end_by_tiers([noted.running for noted in left])
    return tuple(noted.name for noted in left)


def _end_by_tiers(running: Sequence[_Running]) -> None:
    for tier in sorted({each.tier for each in running}, reverse=True):
        _end([each for each in running if each.tier == tier])


def _end(running: Sequence[_Running]) -> None:
    """End process groups together: ask, wait, and kill what has not ended then."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for each in running:
            if each.poll() is None:
                each.send(sent)
        deadline = time.monotonic() + STOP_SECONDS
        while any(each.poll() is None for each in running) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    # The leaders have ended; what they started may be slower.
    for each in running:
        each.send(signal.SIGKILL)


def _how(code: int) -> str:
    """Say how a process ended."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
