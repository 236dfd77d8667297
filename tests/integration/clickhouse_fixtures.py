"""What tests of ClickHouse share: an engine of their own behind its HTTP interface, without a Kafka beside it."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from streams.clickhouse import ClickHouseAddress
from streams.embedded.ports import HOST, with_free_ports
from streams.embedded.processes import Processes
from streams.embedded.settings import EmbeddedSettings
from streams.embedded.stack import gateway_answers, gateway_command

_NAME = "clickhouse"
_START_SECONDS = 30
_POLL_SECONDS = 0.02


class Gateway:
    """An engine in a process of its own; stopped and started again it has the same data and the same port."""

    def __init__(self, processes: Processes, settings: EmbeddedSettings) -> None:
        self._processes = processes
        self._settings = settings
        self.address = ClickHouseAddress(HOST, settings.clickhouse_port)

    def start(self) -> None:
        """Start it and wait until it answers."""
        folder = self._processes.data_folder
        command = gateway_command(self._settings, folder)
        self._processes.start(_NAME, command, environment={**os.environ, "TZ": "UTC"}, folder=folder)
        deadline = time.monotonic() + _START_SECONDS
        while not gateway_answers(self.address.port):
            self._processes.check()
            assert time.monotonic() < deadline, "the engine took too long"
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self._processes.stop(_NAME)


@contextlib.contextmanager
def gateway_running(folder: Path) -> Iterator[Gateway]:
    """Run an engine on a free port until the block is left."""
    with Processes(folder) as processes:
        gateway = Gateway(processes, with_free_ports(EmbeddedSettings()))
        gateway.start()
        yield gateway
