"""What is said when nothing answers: one readable sentence that names the address, and never a traceback."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError

from schemas.errors import SettingsError, TransientError
from schemas.events import TimeAdvanced
from streams.clickhouse import ClickHouseAddress, connect, one_line
from streams.clickhouse.troubles import UNREACHABLE, OutageError, RefusedError, trouble_of, trouble_of_insert
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import emit
from streams.kafka.waiting import wait_until_visible
from tests.support.expected_figures import EXAMPLES

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


@contextlib.contextmanager
def refusing(code: int, words: str) -> Iterator[int]:
    """Answer every statement as ClickHouse answers one that it refuses, on a free port, which is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = f"Code: {code}. DB::Exception: {words} (version 26.9.2.1)".encode()
            self.send_response(500)
            self.send_header("X-ClickHouse-Exception-Code", str(code))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


def test_a_user_who_is_not_let_in_is_told_by_which_settings():
    """This is no outage, which would pass by itself; the words are ClickHouse's, and the password is not shown."""
    with refusing(516, "me: Authentication failed. (AUTHENTICATION_FAILED)") as port, pytest.raises(SettingsError) as raised:
        connect(ClickHouseAddress("127.0.0.1", port, "me", "the-secret"))
    assert str(raised.value) == (
        f"ClickHouse at 127.0.0.1:{port} does not let the user 'me' in: me: Authentication failed. (AUTHENTICATION_FAILED) "
        "(CREDITS_CLICKHOUSE_USER and CREDITS_CLICKHOUSE_PASSWORD say as whom)"
    )


def test_an_engine_that_is_busy_is_an_outage():
    """Whatever else it answers to the first question passes by itself, in its own words."""
    with refusing(202, "Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)") as port:
        sentence = f"^ClickHouse does not answer at 127.0.0.1:{port}: Too many simultaneous queries. [^\n]+$"
        with pytest.raises(TransientError, match=sentence):
            connect(ClickHouseAddress("127.0.0.1", port))


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (DatabaseError("busy", code=202), OutageError, "202"),
        (OperationalError("gone"), OutageError, UNREACHABLE),
        (ConnectionResetError(104, "Connection reset by peer"), OutageError, UNREACHABLE),
        (DatabaseError("no such table", code=60), OutageError, "60"),
        (DatabaseError("not yours", code=497), OutageError, "497"),
        (DatabaseError("not parsed", code=27), RefusedError, "27"),
        (DatabaseError("violated", code=469), RefusedError, "469"),
        (DatabaseError("unheard of", code=9999), RefusedError, "9999"),
        (DataError("does not fit"), RefusedError, "refused"),
    ],
)
def test_only_what_a_row_may_be_the_cause_of_is_a_refusal(error, kind, reason):
    """Of an insert, an outage is what has no code, a code that passes, and a code that no row is the cause of."""
    trouble = trouble_of_insert(error, "take 1 rows")
    assert type(trouble) is kind
    assert trouble.reason == reason
    assert str(trouble).startswith("ClickHouse did not take 1 rows: ")


def test_what_no_row_is_the_cause_of_is_a_refusal_elsewhere():
    """A statement on a table that is missing is wrong, and does not come right by itself."""
    assert isinstance(trouble_of(DatabaseError("no such table", code=60), "make the tables"), RefusedError)


def sink(log: Path, **settings: str) -> subprocess.Popen[bytes]:
    whole = {**os.environ, "CREDITS_CATALOG": str(EXAMPLES / "catalog.toml"), "CREDITS_SINK_WEB_PORT": "0", **settings}
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-m", "streams", "sink"], stderr=output, env=whole)


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
    where, *tries = log.read_text(encoding="utf-8").splitlines()
    assert "streams.sink: metrics are at http://127.0.0.1:" in where
    for line in tries:
        assert f"streams.sink: ClickHouse does not answer at 127.0.0.1:{port}: Connection refused; trying again in" in line


def test_a_setting_of_the_sink_that_cannot_be_used_is_said(tmp_path):
    """The sentence names the setting, its value and what would be right."""
    log = tmp_path / "sink.log"
    with sink(log, CREDITS_SINK_BYTES="many") as process:
        assert process.wait(timeout=SECONDS) == 2
    assert log.read_text(encoding="utf-8") == (
        "credits: CREDITS_SINK_BYTES is 'many'; it must be a whole number from 1024 to 1073741824 "
        "(size at which a batch is inserted)\n"
    )


def test_a_sink_whose_port_is_taken_says_so(port, tmp_path):
    """It ends at once, before it has asked anybody anything."""
    log = tmp_path / "sink.log"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        web_port = taken.getsockname()[1]
        with sink(log, CREDITS_CLICKHOUSE_PORT=str(port), CREDITS_SINK_WEB_PORT=str(web_port)) as process:
            assert process.wait(timeout=SECONDS) == 2
    assert log.read_text(encoding="utf-8").startswith(
        f"credits: CREDITS_WEB_HOST and CREDITS_SINK_WEB_PORT are 127.0.0.1:{web_port}, where nobody can listen: "
    )
