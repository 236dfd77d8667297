"""What is said when nothing answers: one readable sentence that names the address, and never a traceback."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import TransientError
from schemas.events import TimeAdvanced
from streams.clickhouse import ClickHouseAddress, connect, one_line
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import emit
from streams.kafka.waiting import wait_until_visible

SECONDS = 30


@pytest.fixture
def port() -> int:
    """Give a port at which nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nothing(*_: object) -> None:
    """Take what is told, and do nothing."""


@pytest.mark.parametrize("command", ["emit", "wait", "dump"])
def test_a_broker_that_does_not_answer_is_an_outage(command, port):
    """Each command of Kafka says which address it asked."""
    servers = f"127.0.0.1:{port}"
    work = {
        "emit": lambda: emit([TimeAdvanced(0, None)], bootstrap_servers=servers, partition_count=1, on_acknowledged=nothing),
        "wait": lambda: wait_until_visible(bootstrap_servers=servers, seconds=1, check=nothing, on_progress=nothing),
        "dump": lambda: read_input_topics(bootstrap_servers=servers),
    }[command]
    with pytest.raises(TransientError, match=rf"^Kafka at {servers} (does not answer|did not take an event): [^\n]+$"):
        asyncio.run(work())


def test_an_engine_that_does_not_answer_is_an_outage(port):
    """The sentence names host and port, and what the system says."""
    with pytest.raises(TransientError, match=rf"^ClickHouse does not answer at 127.0.0.1:{port}: Connection refused$"):
        connect(ClickHouseAddress("127.0.0.1", port))


def test_a_long_error_becomes_a_short_line():
    """Whatever a client says, it is one line, short enough to read."""
    assert one_line(ValueError("a\n  b\tc")) == "a b c"
    assert len(one_line(ValueError("long " * 1000))) == 300


def sink(log: Path, **settings: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", "streams", "sink"], stderr=output, env={**os.environ, **settings})


def test_a_sink_waits_for_its_engine_until_it_is_asked_to_end(port, tmp_path):
    """While ClickHouse is away the sink says so, tries again, and ends in order when it is asked to."""
    log = tmp_path / "sink.log"
    with sink(log, CREDITS_CLICKHOUSE_PORT=str(port)) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while log.read_text(encoding="utf-8").count("trying again in") < 2:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=SECONDS) == 0
        finally:
            process.kill()
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [
        line
        for line in lines
        if f"streams.sink: ClickHouse does not answer at 127.0.0.1:{port}: Connection refused; try" not in line
    ] == []


def test_a_setting_of_the_sink_that_cannot_be_used_is_said(tmp_path):
    """The sentence names the setting, its value and what would be right."""
    log = tmp_path / "sink.log"
    with sink(log, CREDITS_SINK_ROWS="many") as process:
        assert process.wait(timeout=SECONDS) == 2
    assert log.read_text(encoding="utf-8") == (
        "credits: CREDITS_SINK_ROWS is 'many'; it must be a whole number from 1 to 1000000 "
        "(rows of an insert at which it does not wait)\n"
    )
