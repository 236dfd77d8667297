"""`credits up`, `down` and `status` on the real thing: every part is killed outright, and the books are there afterwards."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clickhouse import ClickHouseAddress, connect
from streams.embedded.folder_lock import holder_of
from streams.embedded.health import StackHealth, health_of
from streams.embedded.identity import began
from streams.embedded.kafka_jars import kafka_version, read_lock
from streams.embedded.ports import HOST, free_ports, with_free_ports
from streams.embedded.processes import read_notes
from streams.embedded.settings import PORTS, EmbeddedSettings
from streams.kafka.emit import emit
from tests.support.building import grant

CREDITS = Path(sys.executable).with_name("credits")
CHECKOUT = Path(__file__).resolve().parents[2]
PARTITION_COUNT = 4
PARTS = ["kafka", "clickhouse", "worker-1", "worker-2", "sink"]
SECONDS = 120


class Stack:
    """One data folder and its ports, used by the commands alone, as a person uses them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = with_free_ports(EmbeddedSettings())
        self.brokers = f"{HOST}:{settings.kafka_port}"
        self.clickhouse = ClickHouseAddress(HOST, settings.clickhouse_port)
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("CREDITS_")},
            **{name: str(getattr(settings, field)) for field, name in PORTS.items()},
            "CREDITS_DATA_FOLDER": str(folder),
            "CREDITS_CATALOG": str(CHECKOUT / "examples" / "catalog.toml"),
            "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
            "CREDITS_WEB_PORT": "0",
            "CREDITS_SINK_WEB_PORT": "0",
        }
        self.granted: set[str] = set()

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [CREDITS, *arguments],
            capture_output=True,
            env={**self.environment, **environment},
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )

    def up(self) -> str:
        """Start it and leave it running; gives what was printed."""
        ended = self.run("up", "--detach")
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def down(self) -> None:
        """End it by `credits down`, which says what it ended."""
        ended = self.run("down")
        assert ended.returncode == 0, ended.stderr
        found = re.fullmatch(rf"ended (.*); the data stays in {re.escape(str(self.folder))}\n", ended.stdout)
        assert sorted(found[1].split(", ")) == sorted(PARTS)

    def health(self) -> StackHealth:
        """Look at it as `credits status` does."""
        return health_of(self.folder)

    def pids(self) -> dict[str, int | None]:
        """Give the process numbers of the parts."""
        return {part.name: part.pid for part in self.health().parts}

    def kill(self, *names: str) -> None:
        """End parts as a power cut would."""
        pids = self.pids()
        for name in names:
            os.kill(pids[name], signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """End the process that watches, as a power cut would."""
        holder = holder_of(self.folder)
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        until(lambda: not holder.runs())

    def grant(self, grant_id: str) -> None:
        """Emit a grant, and await its acknowledgement."""
        events = [grant(grant_id, customer_id=f"customer-of-{grant_id}")]
        sending = emit(events, bootstrap_servers=self.brokers, partition_count=PARTITION_COUNT, on_acknowledged=lambda _: None)
        assert asyncio.run(sending) == 1
        self.granted.add(grant_id)

    def grant_and_see(self, grant_id: str) -> None:
        """Emit a grant, and wait until ClickHouse has it and every earlier one."""
        self.grant(grant_id)
        until(lambda: self.visible() >= self.granted)
        assert self.visible() == self.granted

    def visible(self) -> set[str]:
        """Give the grants that ClickHouse has."""
        client = connect(self.clickhouse)
        try:
            return {row[0] for row in client.query("SELECT grant_id FROM credits_1.grants FINAL").result_rows}
        finally:
            client.close()


def until(ready) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stack(data_folder: Path) -> Iterator[Stack]:
    """Give a stack that nothing of was started yet; whatever tests leave of it is ended."""
    stack = Stack(data_folder / "up")
    yield stack
    ended = stack.run("down")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def running(stack: Stack) -> Stack:
    """Give the stack, started where it does not run."""
    if holder_of(stack.folder) is None:
        said = stack.up()
        assert re.findall(r"^(\S+) at \S+$", said, re.MULTILINE) == PARTS
    return stack


def test_status_shows_each_part_and_ends_with_0_where_all_is_well(running):
    """State, process, restarts and address of each, in the order of the start."""
    until(lambda: running.health().is_well)
    ended = running.run("status")
    assert ended.returncode == 0
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert rows[0] == ["part", "state", "process", "since", "restarts", "address", "answers"]
    health = running.health()
    assert [row[:3] + row[-3:] for row in rows[1:6]] == [
        [part.name, "running", str(part.pid), "0", part.address, "yes"] for part in health.parts
    ]
    assert [part.name for part in health.parts] == PARTS


def test_a_second_up_says_that_it_runs_already(running):
    """One sentence with process and folder; the first one is left alone."""
    pids = running.pids()
    ended = running.run("up", "--detach")
    assert (ended.returncode, ended.stdout) == (2, "")
    holder = holder_of(running.folder)
    sentence = f"credits: the stack is already running: process {holder.pid} has the folder {running.folder}; 'credits status'"
    assert ended.stderr.startswith(sentence)
    assert ended.stderr.count("\n") == 1
    assert running.pids() == pids


def test_kafka_and_clickhouse_that_are_there_are_used(running, tmp_path):
    """A second stack with the addresses of the first starts neither, says so, and shares the work."""
    elsewhere = {
        "CREDITS_DATA_FOLDER": str(tmp_path),
        "CREDITS_KAFKA_BROKERS": running.brokers,
        "CREDITS_CLICKHOUSE_HOST": running.clickhouse.host,
        "CREDITS_CLICKHOUSE_PORT": str(running.clickhouse.port),
        "CREDITS_WORKERS": "1",
        "CREDITS_MEMBER_NAME": "guest",
        "CREDITS_SINK_MEMBER_NAME": "guest-sink",
    }
    ended = running.run("up", "--detach", **elsewhere)
    try:
        assert ended.returncode == 0, ended.stderr
        assert f"kafka at {running.brokers}, not started here but named by CREDITS_KAFKA_BROKERS\n" in ended.stdout
        assert re.findall(r"^(\S+) at \S+$", ended.stdout, re.MULTILINE) == ["guest-1", "sink"]
        until(lambda: health_of(tmp_path).is_well)
        parts = health_of(tmp_path).parts
        elsewhere_or_here = [("kafka", True), ("clickhouse", True), ("guest-1", False), ("sink", False)]
        assert [(part.name, part.pid is None) for part in parts] == elsewhere_or_here
        running.grant_and_see("with a guest")
    finally:
        assert running.run("down", **elsewhere).stdout == f"ended sink, guest-1; the data stays in {tmp_path}\n"


def test_every_part_that_is_killed_comes_back(running):
    """First all but Kafka, then Kafka: each is started again, what was emitted before is there, and more is acknowledged."""
    running.grant_and_see("before")
    killed = running.pids()
    running.kill("clickhouse", "worker-1", "worker-2", "sink")
    until(lambda: all(pid not in (None, killed[name]) for name, pid in running.pids().items() if name != "kafka"))
    until(lambda: running.health().is_well)
    assert running.pids()["kafka"] == killed["kafka"]
    running.grant_and_see("between")
    running.kill("kafka")
    until(lambda: running.pids()["kafka"] not in (None, killed["kafka"]))
    until(lambda: all(part.answers for part in running.health().parts))
    running.grant("after")
    assert running.visible() >= {"before", "between"}
    log = (running.folder / "logs" / "supervisor.log").read_text(encoding="utf-8")
    for name in PARTS:
        assert f"{name} ended by itself (signal SIGKILL)" in log
        assert f"{name} is started again, as process" in log


def test_a_supervisor_that_is_killed_leaves_what_down_ends_and_up_goes_on(running):
    """Status says so and is not 0; down ends the parts that were left; the next start, in the foreground, has the data."""
    running.grant("before the end")
    left = running.pids()
    running.kill_supervisor()
    ended = running.run("status")
    assert ended.returncode == 1
    assert ended.stdout.startswith("the supervisor has ended and left ")
    assert all(f"{name} (process {pid})" in ended.stdout for name, pid in left.items())
    running.down()
    assert all(began(pid) is None for pid in left.values())
    with subprocess.Popen([CREDITS, "up"], stdout=subprocess.PIPE, env=running.environment, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            assert any("Ctrl-C ends it all" in line for line in process.stdout)
            running.grant_and_see("after the end")
            pids = running.pids()
            running.down()
            assert process.wait(SECONDS) == 128 + signal.SIGTERM
        finally:
            process.kill()
    assert all(began(pid) is None for pid in pids.values())


def test_where_nothing_runs_down_and_status_say_so(tmp_path):
    """Down has nothing to do, which is no failure; status is not 0."""
    stack = Stack(tmp_path / "nothing")
    ended = stack.run("down")
    assert (ended.returncode, ended.stdout) == (0, f"nothing was running in {stack.folder}\n")
    ended = stack.run("status")
    assert (ended.returncode, ended.stdout) == (1, f"nothing runs in {stack.folder}; 'credits up' starts it\n")
    assert not stack.folder.exists()


def test_an_interrupted_start_leaves_nothing(tmp_path):
    """Ctrl-C while Kafka is starting ends what was started, also where it was to go on without its terminal."""
    stack = Stack(tmp_path)
    command = [CREDITS, "up", "--detach"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=stack.environment, encoding="utf-8") as process:
        until(lambda: any(noted.name == "kafka" for noted in read_notes(tmp_path)))
        started = read_notes(tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        assert process.stderr.read().strip() in ("", "credits: interrupted")
    assert not any(noted.runs() for noted in started)
    assert read_notes(tmp_path) == []
    assert holder_of(tmp_path) is None


def refused(folder: Path, *arguments: str | Path, **environment: str) -> str:
    """Give the one sentence with which `credits up` ends within seconds, and leaves nothing running."""
    begun = time.monotonic()
    ended = Stack(folder / "refused").run("up", *arguments, **environment)
    assert time.monotonic() - begun < 30
    assert (ended.returncode, ended.stdout.strip()) == (2, "")
    assert holder_of(folder / "refused") is None
    # Progress is shown there too, and may leave an empty line behind.
    line = ended.stderr.strip()
    assert line.startswith("credits: ")
    assert "\n" not in line
    return line.removeprefix("credits: ")


def test_a_port_in_use_is_said_with_its_setting(tmp_path):
    """Of a worker's pages, as of Kafka and ClickHouse."""
    with socket.create_server((HOST, 0)) as held:
        port = held.getsockname()[1]
        sentence = refused(tmp_path, CREDITS_WEB_PORT=str(port))
    assert sentence == f"port {port} is in use by another program; set CREDITS_WEB_PORT to a free one"


def test_a_wrong_address_is_said_with_its_setting(tmp_path):
    """Of a Kafka that should be there; nothing is started before."""
    (port,) = free_ports(1)
    sentence = refused(tmp_path, CREDITS_KAFKA_BROKERS=f"{HOST}:{port}")
    assert sentence.startswith(f"no Kafka answers at CREDITS_KAFKA_BROKERS ({HOST}:{port}: Connection refused); ")


def test_a_catalog_that_is_not_there_is_said(tmp_path):
    """The sentence names the setting."""
    assert refused(tmp_path, CREDITS_CATALOG="no.toml").startswith("there is no catalog no.toml; say with CREDITS_CATALOG")


def test_a_download_that_breaks_is_said_with_the_option_that_helps(tmp_path):
    """A jar of another content is deleted; one that is not to be had asks for the network, or for a folder that has it."""
    folder = tmp_path / "cache" / "kafka" / kafka_version(read_lock())
    folder.mkdir(parents=True)
    jar = folder / read_lock()[0].file_name
    jar.write_bytes(b"something else")
    sentence = refused(tmp_path, "--cache", tmp_path / "cache")
    assert sentence.startswith(f"the jar {jar.name} is not the locked one (SHA-256 ")
    assert sentence.endswith(
        "it was deleted, and the next start fetches it again; --cache chooses another folder for downloads"
    )
    assert not jar.exists()
    nowhere = f"http://{HOST}:{free_ports(1)[0]}"
    sentence = refused(tmp_path, "--cache", tmp_path / "cache", HTTPS_PROXY=nowhere, HTTP_PROXY=nowhere, NO_PROXY="")
    assert re.fullmatch(
        rf"the jar {re.escape(jar.name)} of Kafka could not be fetched \(\w+\); is the network there\? Without one, "
        "--cache may name a folder that holds the jars",
        sentence,
    )
