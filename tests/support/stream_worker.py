"""A worker of a test's stream: a process that is started, ended, killed and frozen, and a log that tells what it was doing."""

import signal
import sys
from collections.abc import Mapping

from streams.embedded.processes import Child
from streams.embedded.stack import Stack
from tests.support.worker_phases import FollowedLog

_COMMAND = (sys.executable, "-m", "streams", "worker")
_OPEN_SECONDS = 60


class StreamWorker:
    """One worker with a state folder of its own; every start of it has a log of its own."""

    def __init__(self, stack: Stack, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.state_folder = stack.data_folder / "state" / name
        self._stack = stack
        self._environment = {**environment, "CREDITS_STATE_FOLDER": str(self.state_folder)}
        self._start_count = 0
        self._child: Child | None = None
        self._log: FollowedLog | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._child is not None

    @property
    def log(self) -> FollowedLog:
        """The log since its last start."""
        assert self._log is not None, f"{self.name} was never started"
        return self._log

    def start(self) -> None:
        """Start it, or start it again."""
        assert self._child is None, f"{self.name} runs already"
        self._start_count += 1
        name = f"{self.name}.{self._start_count}"
        self._child = self._stack.start_process(name, _COMMAND, environment=self._environment)
        self._log = FollowedLog(self._child.log)

    def wait_until_open(self) -> None:
        """Wait until it works on a partition number."""
        self._stack.wait_until(
            lambda: bool(self.log.read_on().open_numbers), what=f"{self.name} with a partition number", seconds=_OPEN_SECONDS
        )

    def kill(self) -> None:
        """End it as a power cut would."""
        child = self._running()
        child.process.kill()
        child.process.wait()
        self._forget(child)

    def stop(self) -> None:
        """Ask it to end, and wait until it has ended well."""
        child = self._running()
        self._forget(child)
        assert child.process.returncode == 0, f"{self.name} ended with {child.process.returncode}: {self.log.text()[-3000:]}"

    def freeze(self) -> None:
        """Let it stand still where it is."""
        self._running().process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood still."""
        self._running().process.send_signal(signal.SIGCONT)

    def _running(self) -> Child:
        assert self._child is not None, f"{self.name} does not run"
        return self._child

    def _forget(self, child: Child) -> None:
        self._stack.stop_process(child.name)
        self._child = None
