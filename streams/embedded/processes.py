"""Child processes that are logged, watched and ended: also those that an earlier run, killed outright, left behind.

Each child leads a process group of its own, so that its children end with it and an interrupt typed at the terminal
reaches only the parent, which ends them in order. The children are noted in a file beside their data; the next start
that finds the data folder unlocked ends what is still running of them.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from schemas.errors import SettingsError, TransientError

STOP_SECONDS = 15
_POLL_SECONDS = 0.05
_TAIL_LINES = 12
_TAIL_BYTES = 16_384
_LOG_BYTES_KEPT = 8 * 1024 * 1024
_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Names this run of the machine, where the system is Linux."""


@dataclass(frozen=True)
class Child:
    """A running child process: what it is called, the process and the file it logs to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Noted(NamedTuple):
    """A child as it is noted for the next start: process id and the instant it began, which tells it from a namesake."""

    name: str
    pid: int
    began: str


class Processes:
    """The children of one data folder, which it locks; leaving the context ends them, the last started first.

    Raises `SettingsError` when another running process holds the folder. Not for use from several threads.
    """

    def __init__(self, data_folder: Path) -> None:
        self.data_folder = data_folder
        self._notes = data_folder / "processes.json"
        self._children: list[Child] = []
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.data_folder.mkdir(parents=True, exist_ok=True)
        (self.data_folder / "logs").mkdir(exist_ok=True)
        self._lock.enter_context(_locked(self.data_folder))
        for noted in _read_notes(self._notes):
            _end_left_behind(noted)
        self._note()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            for child in reversed(self._children):
                _end(child.process.pid, poll=child.process.poll)
        except BaseException:
            # A second interrupt while they are being ended means: now.
            for child in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
            raise
        else:
            self._children.clear()
            self._note()
        finally:
            self._lock.close()

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> Child:
        """Start a child in `folder` with exactly this environment; it logs to `logs/<name>.log` in the data folder."""
        log = self.data_folder / "logs" / f"{name}.log"
        _roll(log)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - the commands are built by this package and by its callers' code
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        self._note()
        return child

    def stop(self, name: str) -> None:
        """End one child by name and wait until it is gone."""
        for child in [child for child in self._children if child.name == name]:
            _end(child.process.pid, poll=child.process.poll)
            self._children.remove(child)
        self._note()

    def check(self) -> None:
        """Raise `TransientError` with the last lines of its log when a child has ended by itself."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise TransientError(
                    f"{child.name} ended by itself ({_ending(code)}); its log {child.log} ends:\n{tail(child.log)}"
                )

    def _note(self) -> None:
        """Write the running children down for the next start; a rename, so that the note is never half."""
        notes = [Noted(child.name, child.process.pid, _began(child.process.pid) or "") for child in self._children]
        half = self._notes.with_suffix(".half")
        half.write_text(json.dumps([note._asdict() for note in notes]), encoding="utf-8")
        half.replace(self._notes)


def tail(log: Path) -> str:
    """Give the last lines of a log file, each indented by two spaces."""
    with log.open("rb") as content:
        content.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = content.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (it is empty)"


@contextlib.contextmanager
def _locked(data_folder: Path) -> Iterator[None]:
    """Hold the lock of a data folder; the kernel releases it however the process ends."""
    with (data_folder / "stack.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise SettingsError(
                f"the data folder {data_folder} is in use by the running process {holder}; stop it, or choose another folder"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _read_notes(path: Path) -> list[Noted]:
    """Read what an earlier run noted; a file that is missing or broken says nothing."""
    try:
        return [Noted(str(note["name"]), int(note["pid"]), str(note["began"])) for note in json.loads(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _end_left_behind(noted: Noted) -> None:
    """End a process that an earlier run left behind, if it is still that one and no other with the same number."""
    if noted.began and _began(noted.pid) == noted.began:
        # It is nobody's child any more, so its ending is seen by its number alone.
        _end(noted.pid, poll=lambda: None if _began(noted.pid) == noted.began else 0)


def _began(pid: int) -> str | None:
    """Tell when a process began, in words that are the same each time, or None where it does not run."""
    if _BOOT.exists():
        try:
            # The name in parentheses may hold anything; the 20th field after it counts ticks since the machine started.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        # A zombie has ended; only its number is still there.
        return None if fields[0] == "Z" else f"{_BOOT.read_text(encoding='utf-8').strip()} {fields[19]}"
    answer = subprocess.run(  # noqa: S603 - a number is all that varies
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - where there is no /proc, ps is part of the system
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or None


def _end(pid: int, *, poll: Callable[[], int | None]) -> None:
    """End a process group: ask, wait, and kill what has not ended then."""
    for sent, patience_seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, sent)
        deadline = time.monotonic() + patience_seconds
        while poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if poll() is not None:
            break
    # The leader has ended; what it started may be slower.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _ending(code: int) -> str:
    """Say how a process ended."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _roll(log: Path) -> None:
    """Keep a log from growing for ever: at a start, a long one becomes the one before."""
    if log.exists() and log.stat().st_size > _LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".log.1"))
