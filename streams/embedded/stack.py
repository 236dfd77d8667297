"""The embedded stack as a whole: `with running_stack(settings, data_folder=..., cache_folder=...) as stack:`.

Inside the block Kafka answers at `stack.bootstrap_servers` and ClickHouse at `stack.clickhouse_host` and
`stack.clickhouse_port` (for `clickhouse_connect.get_client(host=..., port=...)`). Worker and sink are started beside them
with `stack.start_process(name, command)`; `stack.wait_until(ready, ...)` waits for anything and fails at once when a
child has died, `stack.check()` only looks. Leaving the block ends the children, the last started first; so does SIGINT,
SIGTERM or SIGHUP of this process, and the next start ends those that a killed one left behind.
"""

import contextlib
import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from schemas.errors import TransientError
from streams.embedded.java import find_java
from streams.embedded.kafka import LOCALE, fetch_runtime, kafka_answers, kafka_command
from streams.embedded.ports import HOST, check_ports_free
from streams.embedded.processes import Child, Processes
from streams.embedded.settings import EmbeddedSettings

_POLL_SECONDS = 0.05
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Stack:
    """A running stack: where to reach it, and the processes beside it."""

    settings: EmbeddedSettings
    data_folder: Path
    environment: Mapping[str, str]
    processes: Processes

    @property
    def bootstrap_servers(self) -> str:
        """The address of the Kafka broker."""
        return f"{HOST}:{self.settings.kafka_port}"

    @property
    def clickhouse_host(self) -> str:
        """The host of ClickHouse's HTTP interface."""
        return HOST

    @property
    def clickhouse_port(self) -> int:
        """The port of ClickHouse's HTTP interface."""
        return self.settings.clickhouse_port

    def start_process(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> Child:
        """Start another process beside the stack; it logs to `logs/<name>.log` and ends with the stack.

        `environment` is added to the stack's own; `folder` is the working directory, by default the data folder.
        """
        whole = {**self.environment, **(environment or {})}
        return self.processes.start(name, command, environment=whole, folder=folder or self.data_folder)

    def stop_process(self, name: str) -> None:
        """End a process that `start_process` started, and wait until it is gone."""
        self.processes.stop(name)

    def check(self) -> None:
        """Raise `TransientError` with the last lines of its log when any process of the stack has ended by itself."""
        self.processes.check()

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Wait until `ready()`; raises `TransientError` when it takes longer, or as soon as a child has ended by itself."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise TransientError(f"{what} was not ready after {seconds:.0f} s; its log is in {self.data_folder / 'logs'}")
            time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def running_stack(
    settings: EmbeddedSettings,
    *,
    data_folder: Path,
    cache_folder: Path,
    environment: Mapping[str, str] = os.environ,
    console: Console | None = None,
) -> Iterator[Stack]:
    """Run Kafka and ClickHouse until the block is left; both answer when it is entered.

    Data and logs lie in `data_folder` (one stack at a time), downloads in `cache_folder`; both are made where they are
    missing. `environment` is what the children get and where a Java is looked for; progress is shown on `console`
    (default: standard error). Raises `SettingsError` for what the user can put right (a port or the folder in use, no
    Java, foreign data), `TransientError` where a download fails or a child ends or takes too long.
    """
    shown = console or Console(stderr=True)
    data_folder = data_folder.resolve()
    with contextlib.ExitStack() as entered:
        entered.enter_context(ending_by_signal())
        processes = entered.enter_context(Processes(data_folder))
        check_ports_free(settings)
        java = find_java(environment, chosen=settings.java)
        runtime = fetch_runtime(java, cache_folder=cache_folder.resolve(), console=shown)
        kafka = kafka_command(settings, runtime, data_folder=data_folder, environment=environment)
        stack = Stack(settings, data_folder, dict(environment), processes)
        with shown.status("starting Kafka and ClickHouse ..."):
            stack.start_process("kafka", kafka, environment=LOCALE)
            stack.start_process("clickhouse", gateway_command(settings, data_folder), environment={"TZ": "UTC"})
            stack.wait_until(lambda: gateway_answers(stack.clickhouse_port), what="ClickHouse", seconds=settings.start_seconds)
            stack.wait_until(lambda: kafka_answers(settings.kafka_port), what="Kafka", seconds=settings.start_seconds)
        yield stack


def gateway_command(settings: EmbeddedSettings, data_folder: Path) -> list[str]:
    """Give the command that runs ClickHouse's engine behind its HTTP interface."""
    return [
        sys.executable,
        "-m",
        "streams.embedded.gateway",
        f"--port={settings.clickhouse_port}",
        f"--data={data_folder / 'clickhouse'}",
        f"--error-log={data_folder / 'logs' / 'clickhouse-errors.log'}",
        f"--query-memory-megabytes={settings.query_memory_megabytes}",
        f"--query-seconds={settings.query_seconds}",
    ]


def gateway_answers(port: int) -> bool:
    """Say whether ClickHouse's HTTP interface on this port is ready for queries."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().read() == b"Ok.\n"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def ending_by_signal() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an ordinary exit, which ends the children (SIGINT is one already)."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set handlers; whoever starts a stack elsewhere ends it by leaving the block.
        yield
        return
    before = {number: signal.signal(number, _leave) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    """End this process the ordinary way, with the exit code that shells give to a signal."""
    raise SystemExit(128 + number)
