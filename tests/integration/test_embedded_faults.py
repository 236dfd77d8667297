"""The embedded stack under faults: killed, stopped, started twice; what was acknowledged stays, and nothing is left running."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.errors import SettingsError, TransientError
from streams.embedded.ports import with_free_ports
from streams.embedded.processes import STOP_SECONDS, Processes
from streams.embedded.settings import EmbeddedSettings
from streams.embedded.stack import gateway_answers, gateway_command, running_stack


def wait_until(ready: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def start_gateway(processes: Processes, settings: EmbeddedSettings, name: str) -> int:
    environment = {**os.environ, "TZ": "UTC"}
    command = gateway_command(settings, processes.data_folder)
    child = processes.start(name, command, environment=environment, folder=processes.data_folder)
    wait_until(lambda: gateway_answers(settings.clickhouse_port))
    return child.process.pid


def test_rows_that_were_acknowledged_outlive_a_kill(data_folder):
    """After kill -9 in the middle of inserts every acknowledged batch is there, whole."""
    settings = with_free_ports(EmbeddedSettings())
    with Processes(data_folder / "killed") as processes:
        pid = start_gateway(processes, settings, "first")
        address = {"host": "127.0.0.1", "port": settings.clickhouse_port, "query_retries": 0}
        with clickhouse_connect.get_client(**address) as client:
            client.command("CREATE TABLE kept (id UInt64) ENGINE = MergeTree ORDER BY id")
            acknowledged: list[int] = []

            def insert() -> None:
                for batch in range(100_000):
                    try:
                        client.insert("kept", [list(range(batch * 100, batch * 100 + 100))], ["id"], column_oriented=True)
                    except (DatabaseError, OSError):
                        return
                    acknowledged.append(batch)

            inserting = threading.Thread(target=insert)
            inserting.start()
            wait_until(lambda: len(acknowledged) > 20)
            os.kill(pid, signal.SIGKILL)
            inserting.join()
        start_gateway(processes, settings, "second")
        with clickhouse_connect.get_client(**address) as client:
            stored = dict(client.query("SELECT intDiv(id, 100) AS batch, count() FROM kept GROUP BY batch").result_rows)
        with pytest.raises(TransientError, match=r"first ended by itself .signal SIGKILL"):
            processes.check()
    assert {batch: stored.get(batch) for batch in acknowledged} == dict.fromkeys(acknowledged, 100)


def test_a_stop_does_not_wait_for_a_long_query(data_folder):
    """SIGTERM ends the gateway within its patience, a query that would run on notwithstanding."""
    settings = with_free_ports(EmbeddedSettings())
    with Processes(data_folder / "busy") as processes:
        start_gateway(processes, settings, "busy")
        connection = http.client.HTTPConnection("127.0.0.1", settings.clickhouse_port, timeout=60)
        connection.request("POST", "/", body=b"SELECT sum(sleepEachRow(1)) FROM numbers(60) SETTINGS max_block_size = 1")
        begun = time.monotonic()
        processes.stop("busy")
        assert time.monotonic() - begun < STOP_SECONDS
        connection.close()
        log = (data_folder / "busy" / "logs" / "busy.log").read_text()
    assert "Traceback" not in log


def test_a_folder_that_is_open_is_refused_in_a_sentence(stack):
    """A second engine on the same folder says so and exits; it does not wait or write."""
    other = with_free_ports(EmbeddedSettings())
    ended = subprocess.run(gateway_command(other, stack.data_folder), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "cannot be opened; another process has it open" in ended.stderr.splitlines()[-1]


def test_a_second_stack_on_the_same_data_is_refused(stack):
    """One stack a data folder: the sentence names the folder and the process that has it."""
    other = with_free_ports(EmbeddedSettings())
    refused = pytest.raises(SettingsError, match=f"in use by the running process {os.getpid()}")
    with refused, running_stack(other, data_folder=stack.data_folder, cache_folder=stack.data_folder):
        pass


def test_a_killed_stack_is_cleared_away_by_the_next_start(data_folder):
    """Kill -9 of the parent leaves its children; the next start on the same data and ports ends them, and data stands."""
    settings = with_free_ports(EmbeddedSettings())
    checkout = Path(__file__).resolve().parents[2]
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from streams.embedded.settings import read_settings\n"
        "from streams.embedded.stack import running_stack\n"
        "with running_stack(read_settings(os.environ), data_folder=Path(sys.argv[1]), cache_folder=Path(sys.argv[2])):\n"
        "    print('running', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    folder = data_folder / "left"
    environment = os.environ | {
        "CREDITS_KAFKA_PORT": str(settings.kafka_port),
        "CREDITS_KAFKA_CONTROLLER_PORT": str(settings.kafka_controller_port),
        "CREDITS_CLICKHOUSE_PORT": str(settings.clickhouse_port),
    }
    command = [sys.executable, "-c", program, str(folder), str(checkout / ".cache")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "running\n"
        with clickhouse_connect.get_client(host="127.0.0.1", port=settings.clickhouse_port) as client:
            client.command("CREATE TABLE stays (id UInt64) ENGINE = MergeTree ORDER BY id")
        parent.kill()
    assert gateway_answers(settings.clickhouse_port), "the children outlive a parent that is killed outright"
    with running_stack(settings, data_folder=folder, cache_folder=checkout / ".cache") as stack:
        with clickhouse_connect.get_client(host="127.0.0.1", port=stack.clickhouse_port) as client:
            assert client.command("EXISTS TABLE stays") == 1
        stack.start_process("restless", [sys.executable, "-c", "import sys; sys.exit('it cannot go on')"])
        with pytest.raises(TransientError, match=r"restless ended by itself .exit code 1.; its log .*\n  it cannot go on"):
            stack.wait_until(lambda: False, what="nothing", seconds=30)
    assert not gateway_answers(settings.clickhouse_port)


def test_a_terminated_stack_ends_its_children(data_folder):
    """SIGTERM ends the parent and everything that it started, in order, with the exit code of the signal."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from streams.embedded.processes import Processes\n"
        "from streams.embedded.stack import ending_by_signal\n"
        "with Processes(Path(sys.argv[1])) as processes, ending_by_signal():\n"
        "    child = processes.start('sleeper', ['sleep', '600'], environment=os.environ, folder=Path('/'))\n"
        "    print(child.process.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(data_folder / "terminated")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.terminate()
        assert parent.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
