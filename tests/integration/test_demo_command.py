"""`credits demo`: examples and feed through Kafka, workers and ClickHouse, again and broken off, and why it does not start."""

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

from projections.fold import fold
from schemas.errors import CreditsError
from schemas.events import Event, TimeAdvanced
from schemas.instants import format_instant
from schemas.refusals import Refusal
from streams.cli.demo import FEEDS
from streams.cli.demo_books import fingerprint
from streams.demo.accounting import number_of
from streams.demo.feed import Feed, make_feed
from streams.demo.kept import choose_feed
from streams.demo.outcomes import Outcome
from streams.demo.sending import Lying, expected_first, expected_now, plan
from streams.embedded.ports import HOST, with_free_ports
from streams.embedded.settings import PORTS, EmbeddedSettings
from streams.files import read_feed, read_log
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import records_of
from tests.support.demo_topics import CATALOG, DemoTopics
from tests.support.expected_figures import EXAMPLES

CREDITS = Path(sys.executable).with_name("credits")
CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = 120
PARTITION_COUNT = 8
EVENT_COUNT = 500
EXAMPLE_COUNT = 216
CLOCK_COUNT = 3 * PARTITION_COUNT
SAME = (
    r"([\d,]+) records sent now, ([\d,]+) in the topics, ([\d,]+) of them duplicates, ([\d,]+) refused\. "
    r"As of (\S+) ClickHouse holds (.*): the same, field by field, as a fold of the topics\. "
    r"The books have the fingerprint (\w+)\.\n"
)
LINE = re.compile(r"^([a-z_ ]+?) +([\d,]+) +([\d,]+)( .*)?$", re.MULTILINE)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Give an environment in which the demo finds free ports."""
    settings = with_free_ports(EmbeddedSettings())
    ports = {name: str(getattr(settings, field)) for field, name in PORTS.items()}
    return {**os.environ, **ports, "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT)}


@pytest.fixture(scope="module")
def folder(data_folder: Path) -> Path:
    return data_folder / "demo"


def run_to_its_end(environment, folder, *arguments) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [CREDITS, "demo", "--exit", "--data", folder, *arguments],
        capture_output=True,
        cwd=CHECKOUT,
        env=environment,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.fixture(scope="module")
def first(environment: dict[str, str], folder: Path) -> str:
    """Give what the demo prints when it is run for the first time."""
    ended = run_to_its_end(environment, folder, "--events", str(EVENT_COUNT))
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


def feed_in(folder: Path) -> Feed:
    """Make the feed that a folder was filled with."""
    chosen = choose_feed(folder, record_count=None, seed=None, now=0)
    return make_feed(anchor=chosen.anchor, seed=chosen.seed, record_count=chosen.record_count, partition_count=PARTITION_COUNT)


def fingerprint_of(feed: Feed) -> str:
    """Give the fingerprint of the books that follow from the examples and a feed, told once and without any stream."""
    topics = DemoTopics(partition_count=PARTITION_COUNT)
    for event in example_events():
        topics.send(records_of(event, partition_count=PARTITION_COUNT))
    topics.run(feed)
    return fingerprint(fold(topics.records, catalog=CATALOG))


def example_events() -> Iterator[Event]:
    feeds = [read_feed(EXAMPLES / name / "feed.toml") for name in FEEDS]
    for feed in feeds:
        for record in read_log(feed.sources).records:
            if not isinstance(record.content, Refusal):
                yield record.content
    yield TimeAdvanced(as_of=max(feed.as_of for feed in feeds), accept_from=None)


def counts_of(printed: str) -> dict[str, tuple[int, int]]:
    """Read the account out of what was printed: expected and found, by outcome."""
    account = printed[printed.index("Demo feed: what became of") :]
    return {name: (int(wanted.replace(",", "")), int(had.replace(",", ""))) for name, wanted, had, _ in LINE.findall(account)}


def sum_of(figures: str) -> int:
    return int(figures.replace(",", ""))


def test_every_record_is_accounted_for(first, folder):
    """The first time each outcome is there, as often as the feed says, and the books are those that the feed comes to."""
    feed = feed_in(folder)
    expected = list(expected_first(feed).values())
    counts = counts_of(first)
    assert counts.pop("all") == (EVENT_COUNT, EVENT_COUNT)
    assert counts == {outcome.value: (expected.count(outcome), expected.count(outcome)) for outcome in Outcome}
    assert min(found for _, found in counts.values()) >= 1
    sent, lying, duplicates, refused, as_of, _, books = re.search(SAME, first).groups()
    assert sum_of(sent) == EXAMPLE_COUNT + EVENT_COUNT + CLOCK_COUNT
    assert sum_of(lying) == sum_of(sent) + expected.count(Outcome.MISROUTED)
    assert sum_of(duplicates) == 5 + expected.count(Outcome.DUPLICATE)
    assert sum_of(refused) == 4 + sum(outcome.is_refused for outcome in expected)
    assert as_of == format_instant(feed.anchor)
    assert books == fingerprint_of(feed)
    assert [title for title in ("Coworking: ", "Salons: ", "Care: ", "Cloud: ", "Demo feed: coins") if title not in first] == []
    assert "nothing yet" not in first
    assert "known" not in first[first.index("too_early") :]


def test_the_second_time_all_of_it_is_known(second, folder):
    """Reports, account and books stay the same; what is sent once more is said, and what came of it."""
    first, again = second
    feed = feed_in(folder)
    unchanged = first[: re.search(SAME, first).start()].rstrip("\n")
    assert again.startswith(unchanged)
    lying = Lying(frozenset(record.number for record in feed.records), is_open=True, ends={})
    sending = plan(feed, lying)
    found = list(expected_now(sending, lying).values())
    parts = ", ".join(f"{found.count(outcome)} {outcome.value}" for outcome in Outcome if outcome in found)
    assert "\nAll of it is known: the 500 records of the feed lay in the topics already.\n" in again
    assert f"\nSent now were {len(found)}: {parts}. Left alone were {len(sending.left)} from before " in again
    sent, _, _, refused, *same = re.search(SAME, again).groups()
    assert sum_of(sent) == len(found) + CLOCK_COUNT
    *_, refused_before, _, _, _ = re.search(SAME, first).groups()
    assert sum_of(refused) == sum_of(refused_before) + sum(outcome.is_refused for outcome in found)
    assert tuple(same) == re.search(SAME, first).groups()[4:]


def test_a_run_that_was_killed_is_completed(environment, data_folder):
    """Killed while its history was being applied, the demo is run again: it says so, and comes to the same books."""
    folder = data_folder / "killed"
    command = [CREDITS, "demo", "--data", folder, "--events", str(EVENT_COUNT), "--seed", "3"]
    # So slow a sink keeps the demo waiting for its history, and the clock is not opened.
    slow = {**environment, "CREDITS_SINK_MILLISECONDS": "60000"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=CHECKOUT, env=slow) as process:
        try:
            wait_until_half_of_it_lies_there(f"{HOST}:{environment[PORTS['kafka_port']]}", process)
        finally:
            process.kill()
    printed = run_to_its_end(environment, folder).stdout
    feed = feed_in(folder)
    known = re.search(r"\nThe run before was broken off: (\d+) of 500 records lay in the topics already\.\n", printed)
    assert known is not None, printed
    assert EVENT_COUNT // 2 <= int(known[1]) <= len(feed.history)
    assert counts_of(printed)["all"] == (EVENT_COUNT, EVENT_COUNT)
    assert re.search(SAME, printed)[7] == fingerprint_of(feed)


def wait_until_half_of_it_lies_there(servers: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _, raw = asyncio.run(read_input_topics(bootstrap_servers=servers))
        except CreditsError:  # Kafka does not answer yet, or the topics are not made
            time.sleep(0.2)
            continue
        if len({number_of(record) for record in raw}) > EVENT_COUNT // 2:
            return
    raise AssertionError("half of the feed was never there")


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


def test_a_folder_with_another_feed_is_refused(environment, folder, first):
    """The sentence says what the folder has, and what can be done."""
    assert first
    sentence = failed(environment, "--data", folder, "--events", "501")
    assert sentence == (
        f"{folder} was filled with the feed of --events 500 --seed 1; ask for that one, choose another folder with --data, or "
        "remove this one"
    )


def test_one_partition_is_too_few(environment, tmp_path):
    """Where there is no foreign partition, nothing can be sent to one."""
    sentence = failed({**environment, "CREDITS_PARTITION_COUNT": "1"}, "--data", tmp_path)
    assert sentence == "the demo sends records to foreign partitions, so CREDITS_PARTITION_COUNT must be 2 or more"
