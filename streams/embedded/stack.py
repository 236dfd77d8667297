"""The embedded stack as a whole: `with running_stack(settings, data_folder=..., cache_folder=...) as stack:`.

Inside the block Kafka answers at `stack.bootstrap_servers` and ClickHouse at `stack.clickhouse_host` and
`stack.clickhouse_port` (for `clickhouse_connect.get_client(host=..., port=...)`). Worker and sink are started beside them
with `stack.start_part(part)` or `stack.start_process(name, command)`; `stack.wait_until(ready, ...)` waits for anything and
fails at once when a child has died, `stack.check()` only looks. Leaving the block ends the children, Kafka and ClickHouse
last; so does SIGINT, SIGTERM or SIGHUP of this process, and the next start ends those that a killed one left behind.
Starting again what has ended is the business of `supervisor`.
"""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from schemas.errors import SettingsError, TransientError
from streams.embedded.addresses import Address, Kind
from streams.embedded.elsewhere import NOTHING, Elsewhere, check_elsewhere, refuse_secured
from streams.embedded.java import find_java
from streams.embedded.kafka import LOCALE, fetch_runtime, kafka_command
from streams.embedded.ports import HOST, check_ports_free
from streams.embedded.processes import Child, Processes
from streams.embedded.settings import EmbeddedSettings
from streams.embedded.signals import ending_by_signal
from streams.settings import with_whole_path

_POLL_SECONDS = 0.05
_KAFKA_PORTS = ("kafka_port", "kafka_controller_port")
_CLICKHOUSE_PORTS = ("clickhouse_port",)


class Part(NamedTuple):
    """A process that belongs to the stack: how it is started, and where it answers when it is ready.

    `environment` is added to the stack's own. Parts of a lower tier end after those of a higher one, which rest on them.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    address: Address
    tier: int = 1


@dataclass(frozen=True)
class Stack:
    """A running stack: where to reach it, and the processes beside it."""

    settings: EmbeddedSettings
    data_folder: Path
    environment: Mapping[str, str]
    processes: Processes
    elsewhere: Elsewhere = NOTHING
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of Kafka, separated by commas."""
        return ",".join(self.elsewhere.brokers or (f"{HOST}:{self.settings.kafka_port}",))

    @property
    def clickhouse_host(self) -> str:
        """The host of ClickHouse's HTTP interface."""
        return HOST if self.elsewhere.clickhouse is None else self.elsewhere.clickhouse.host

    @property
    def clickhouse_port(self) -> int:
        """The port of ClickHouse's HTTP interface."""
        return self.settings.clickhouse_port if self.elsewhere.clickhouse is None else self.elsewhere.clickhouse.port

    def start_part(self, part: Part) -> Child:
        """Start a part, or start it again; raises OSError where that fails."""
        whole = {**self.environment, **part.environment}
        child = self.processes.start(part.name, part.command, environment=whole, folder=self.data_folder, tier=part.tier)
        self.parts[part.name] = part
        return child

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

    def wait_for_parts(self) -> None:
        """Wait until every part that was started answers, each as long as CREDITS_START_SECONDS says; raises likewise."""
        parts = list(self.parts.values())
        for part in parts:
            self.wait_until(part.address.answers, what=part.name, seconds=self.settings.start_seconds)
        # One that joins a group may take something from one that was ready before.
        self.wait_until(
            lambda: all(part.address.answers() for part in parts), what="the whole of it", seconds=self.settings.start_seconds
        )


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

    Downloads lie in `cache_folder`, which is made where it is missing; progress is shown on `console` (default: standard
    error). For the rest, see `held_stack` and `start_kafka_and_clickhouse`.
    """
    with held_stack(settings, data_folder=data_folder, environment=environment) as stack:
        start_kafka_and_clickhouse(stack, cache_folder=cache_folder, console=console or Console(stderr=True))
        yield stack


@contextlib.contextmanager
def held_stack(
    settings: EmbeddedSettings, *, data_folder: Path, environment: Mapping[str, str], elsewhere: Elsewhere = NOTHING
) -> Iterator[Stack]:
    """Hold a data folder, in which nothing runs yet, until the block is left; then everything that was started ends.

    The folder is made where it is missing; data and logs lie in it. `environment` is what the children get and where a Java
    is looked for. Raises `SettingsError` when the folder is in use or cannot be used, or its disk is too full.
    """
    data_folder = data_folder.resolve()
    with ending_by_signal(), Processes(data_folder) as processes:
        check_disk(settings, data_folder)
        yield Stack(settings, data_folder, with_whole_path(environment), processes, elsewhere)


def start_kafka_and_clickhouse(stack: Stack, *, cache_folder: Path, console: Console) -> None:
    """Start both, where they do not run elsewhere, and wait until both answer.

    Raises `SettingsError` for what the user can put right (a port in use, no Java, foreign data, nothing that answers
    elsewhere), `TransientError` where a download fails or a child ends or takes too long.
    """
    check_elsewhere(stack.elsewhere)
    starts_kafka, starts_clickhouse = stack.elsewhere.brokers is None, stack.elsewhere.clickhouse is None
    if starts_kafka:
        refuse_secured(stack.environment)
    check_ports_free(stack.settings, fields=(*_KAFKA_PORTS * starts_kafka, *_CLICKHOUSE_PORTS * starts_clickhouse))
    parts = []
    if starts_kafka:
        parts.append(_kafka_part(stack, cache_folder=cache_folder, console=console))
    if starts_clickhouse:
        parts.append(_clickhouse_part(stack))
    with console.status("starting Kafka and ClickHouse ..."):
        for part in parts:
            stack.start_part(part)
        stack.wait_for_parts()


def check_disk(settings: EmbeddedSettings, data_folder: Path) -> None:
    """Raise `SettingsError` when the disk of the data folder has less left than a start asks for."""
    free_megabytes = shutil.disk_usage(data_folder).free >> 20
    if free_megabytes < settings.disk_megabytes:
        raise SettingsError(
            f"the disk of {data_folder} has {free_megabytes} megabytes left, and CREDITS_DISK_MEGABYTES asks for "
            f"{settings.disk_megabytes}; make room, ask for less, or choose another folder with --data"
        )


def _kafka_part(stack: Stack, *, cache_folder: Path, console: Console) -> Part:
    """Find a Java, fetch the jars, format the storage: all that comes before a broker can be started."""
    settings = stack.settings
    java = find_java(stack.environment, chosen=settings.java)
    runtime = fetch_runtime(java, cache_folder=cache_folder.resolve(), console=console)
    command = kafka_command(settings, runtime, data_folder=stack.data_folder, environment=stack.environment)
    return Part("kafka", tuple(command), LOCALE, Address(Kind.KAFKA, HOST, settings.kafka_port), tier=0)


def _clickhouse_part(stack: Stack) -> Part:
    command = gateway_command(stack.settings, stack.data_folder)
    address = Address(Kind.CLICKHOUSE, HOST, stack.settings.clickhouse_port)
    return Part("clickhouse", tuple(command), {"TZ": "UTC"}, address, tier=0)


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
    return Address(Kind.CLICKHOUSE, HOST, port).answers()
