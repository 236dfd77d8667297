"""`credits demo`: the examples through Kafka, the worker and ClickHouse, twice, and what it says when it cannot start."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streams.embedded.ports import HOST, with_free_ports
from streams.embedded.settings import PORTS, EmbeddedSettings

CREDITS = Path(sys.executable).with_name("credits")
CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = 120
SAME = (
    r"216 records sent now, (\d+) in the topics, (\d+) of them duplicates\. As of 2026-05-15T12:00:00Z ClickHouse holds "
    r"(.*), (\d+) refusals: the same, field by field, as a fold of the topics\.\n"
)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Give an environment in which the demo finds free ports."""
    settings = with_free_ports(EmbeddedSettings())
    return {**os.environ, **{name: str(getattr(settings, field)) for field, name in PORTS.items()}}


@pytest.fixture(scope="module")
def folder(data_folder: Path) -> Path:
    return data_folder / "demo"


@pytest.fixture(scope="module")
def first(environment: dict[str, str], folder: Path) -> str:
    """Give what the demo prints when it is run for the first time."""
    ended = subprocess.run(
        [CREDITS, "demo", "--exit", "--data", folder],
        capture_output=True,
        cwd=CHECKOUT,
        env=environment,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    refused = [line for line in ended.stderr.splitlines() if ", line " in line]  # progress is shown there as well
    assert len(refused) == 7
    assert refused[0] == "examples/coworking/grants.csv, line 13: invalid: expires_at must lie after effective_at"
    return ended.stdout


@pytest.fixture
def second(environment: dict[str, str], folder: Path, first: str, tmp_path: Path) -> tuple[str, str]:
    """Give what it printed the first time, and what it prints the second time, elsewhere, until it is interrupted."""
    command = [CREDITS, "demo", "--data", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C ends it" in line:
                    break
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=SECONDS) == 0
        finally:
            process.kill()
    return first, "".join(lines)


def test_the_figures_are_true_and_stay_the_same(second):
    """Both times ClickHouse holds what a fold gives; the second time there are more duplicates, and the same figures."""
    first, again = second
    sent, duplicates, counts, refusals = re.search(SAME, first).groups()
    assert (sent, duplicates) == ("216", "5")
    more_sent, more_duplicates, same_counts, more_refusals = re.search(SAME, again).groups()
    assert int(more_sent) == 2 * int(sent)
    assert int(more_duplicates) > int(duplicates)
    assert same_counts == counts
    assert int(more_refusals) == 2 * int(refusals)
    reports = first[: re.search(SAME, first).start()]
    assert again.startswith(reports)
    assert [title for title in ("Coworking: ", "Salons: ", "Care: ", "Cloud: ") if title not in reports] == []
    assert "nothing yet" not in reports


def failed(environment, *arguments) -> str:
    ended = subprocess.run(
        [CREDITS, "demo", "--exit", *arguments],
        capture_output=True,
        env=environment,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout.strip() == ""
    assert ended.stderr.startswith("credits: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr.removeprefix("credits: ").rstrip("\n")


@pytest.mark.parametrize("setting", PORTS.values())
def test_a_port_in_use_is_said_with_its_setting(setting, environment, tmp_path):
    """The sentence names the port and the setting that chooses another."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        held.listen()
        port = held.getsockname()[1]
        sentence = failed({**environment, setting: str(port)}, "--data", tmp_path)
    assert sentence == f"port {port} is in use by another program; set {setting} to a free one"


def test_a_setting_or_folder_that_cannot_be_used_is_said(environment, tmp_path):
    """The sentence names the setting or the option."""
    sentence = failed({**environment, "CREDITS_KAFKA_PORT": "many"}, "--data", tmp_path)
    assert sentence.startswith("CREDITS_KAFKA_PORT is 'many'; ")
    (tmp_path / "file").touch()
    for option in ("--data", "--cache"):
        sentence = failed(environment, "--data", tmp_path, option, tmp_path / "file" / "below")
        assert (
            sentence
            == f"the folder {tmp_path / 'file' / 'below'} cannot be used (Not a directory); choose another with {option}"
        )
