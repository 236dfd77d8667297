"""The commands on real parts: topics made and checked, events emitted and waited for, dead letters sent again, the clock."""

import asyncio
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from creditstream import sending as sending_module
from schemas import codec, topics
from schemas.events import CreditVoided, NameGiven, key_of
from schemas.instants import MICROSECONDS_PER_DAY, format_instant, parse_instant
from schemas.reading import hop_header, read_record
from schemas.records import Place, RawRecord
from streams.cli import main
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from streams.kafka.control import read_settlement
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import Outgoing, records_of, send
from streams.kafka.topics import CONTROL, TOPICS

CHECKOUT = Path(__file__).resolve().parents[2]
PARTITION_COUNT = 3
SECONDS = 60
AT = parse_instant("2026-05-15T12:00:00Z")
VOID = CreditVoided("v1", "o1", "c1", AT, AT, None, "g1", None)
HOME = topics.partition_of(b"o1|c1", partition_count=PARTITION_COUNT)
ELSEWHERE = (HOME + 1) % PARTITION_COUNT


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def stack(data_folder: Path) -> Iterator[Stack]:
    """Give Kafka and ClickHouse of this module's own, without any topic."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "commands", cache_folder=CHECKOUT / ".cache") as running:
        yield running


@pytest.fixture(scope="module")
def environment(stack: Stack) -> dict[str, str]:
    """Give the settings of commands, worker and sink."""
    return {
        "CREDITS_KAFKA_BROKERS": stack.bootstrap_servers,
        "CREDITS_CLICKHOUSE_HOST": stack.clickhouse_host,
        "CREDITS_CLICKHOUSE_PORT": str(stack.clickhouse_port),
        "CREDITS_CATALOG": str(CHECKOUT / "examples" / "catalog.toml"),
        "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
        "CREDITS_STATE_FOLDER": str(stack.data_folder / "state"),
        "CREDITS_CLOCK": "off",
        "CREDITS_WEB_PORT": "0",
        "CREDITS_SINK_WEB_PORT": "0",
    }


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> Run:
    """Give a function that runs `credits` within this process; `typed` is its standard input."""

    def run_credits(*arguments: object, typed: str = "", **different: str) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in {**environment, **different}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["credits", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(typed.encode()))))
            with pytest.raises(SystemExit) as ending:
                main()
        return Ended(int(ending.value.code or 0), out.getvalue(), err.getvalue())

    return run_credits


@pytest.fixture(scope="module")
def made(run: Run) -> dict[str, Ended]:
    """Make the topics; gives how the commands before, with and after that ended."""
    return {
        "check": run("topics", "check"),
        "emit": run("emit", "-"),
        "clock": run("clock", "hold"),
        "create": run("topics", "create"),
        "create again": run("topics", "create"),
        "check again": run("topics", "check"),
    }


@pytest.fixture(scope="module")
def visible(stack: Stack, environment: dict[str, str], run: Run, made: dict[str, Ended]) -> Callable[[], None]:
    """Start a worker and a sink, each once it was missed; gives a function that waits until everything is visible."""
    assert made
    name = NameGiven("n", "o1", AT, AT, None, "CUSTOMER", "c1", "C")
    records = records_of(name, partition_count=PARTITION_COUNT)
    asyncio.run(send(records, bootstrap_servers=stack.bootstrap_servers, on_acknowledged=lambda _: None))
    for part, done in (("worker", "applied"), ("sink", "carried into ClickHouse")):
        missed = f"records were not {done}, and for 1 s no more of them have been: no {part} is running ("
        once(lambda: run("wait", "--seconds", "1"), lambda ended: missed in ended.err)  # noqa: B023 -- called before the next
        stack.start_process(part, [sys.executable, "-m", "streams", part], environment=environment)

    def wait() -> None:
        assert run("wait", "--seconds", SECONDS) == Ended(0, "", "")

    return wait


def once(ask: Callable[[], Ended], is_so: Callable[[Ended], bool]) -> None:
    """Run a command until it ends as it should; the command itself takes its time."""
    deadline = time.monotonic() + SECONDS
    while not is_so(ended := ask()):
        assert time.monotonic() < deadline, ended


def lying(stack: Stack, *, topic: str) -> list[RawRecord]:
    """Give what lies in an input topic."""
    _, records = asyncio.run(read_input_topics(bootstrap_servers=stack.bootstrap_servers))
    return [record for record in records if record.topic == topic]


def test_topics_are_named_until_they_are_made(made):
    """Each that is missing is named, with what makes it; those that were made are named, and then all is well."""
    names = [spec.name for spec in TOPICS]
    missing = "".join(f"the topic {name} does not exist; 'credits topics create' makes what is missing\n" for name in names)
    assert made["check"] == Ended(1, missing, "")
    for command, topic in (("emit", topics.GRANTS), ("clock", CONTROL)):
        sentence = f"credits: the topic {topic} does not exist; 'credits topics create' makes what is missing\n"
        assert made[command] == Ended(2, "", sentence)
    assert made["create"] == Ended(0, "".join(f"{name}\n" for name in names), "")
    assert made["create again"] == Ended(0, f"all {len(names)} topics exist already\n", "")
    assert made["check again"] == Ended(0, f"all {len(names)} topics are as they have to be\n", "")


async def configure(stack: Stack, topic: str, **entries: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, entries)])
    finally:
        await admin.close()


def test_every_difference_is_named_and_nothing_is_made_beside_one(stack, run, made):
    """What `check` names is what a worker's start, which makes topics in the same way, refuses."""
    assert made
    declared = {spec.name: dict(spec.configuration) for spec in TOPICS}[topics.NAMES]
    asyncio.run(configure(stack, topics.NAMES, **{**declared, "retention.ms": "1000000000"}))
    try:
        difference = f"the topic {topics.NAMES} has retention.ms=1000000000; it must be -1\n"
        once(lambda: run("topics", "check"), lambda ended: ended == Ended(1, difference, ""))
        assert run("topics", "create") == Ended(2, "", f"credits: {difference}")
        four = run("topics", "check", CREDITS_PARTITION_COUNT="4")
        assert four.status == 1
        assert four.out.count(" has 3 partitions, and CREDITS_PARTITION_COUNT is 4; ") == len(TOPICS) - 1
        assert difference in four.out
        created = run("topics", "create", CREDITS_PARTITION_COUNT="4")
        assert created.status == 2
        assert created.err.endswith(f" ({len(TOPICS) - 1} more: 'credits topics check' lists all)\n")
    finally:
        asyncio.run(configure(stack, topics.NAMES, **declared))
    once(lambda: run("topics", "check"), lambda ended: ended.status == 0)


def test_nothing_is_sent_beside_a_bad_line_unless_asked(stack, run, made, tmp_path):
    """The line is named in both cases; an event that does not say when it was recorded is recorded now."""
    assert made
    file = tmp_path / "grants.jsonl"
    common = f'"organization_id": "o1", "customer_id": "c1", "occurred_at": "{format_instant(AT)}"'
    grant = f'{{"type": "CreditGranted", "event_id": "g1", {common}, "grant_id": "g1", "credit_type": "coins", "name": "n", '
    file.write_text(f'{grant}"cadence": "ONCE", "amount": "10"}}\n{grant}"cadence": "ONCE", "amount": 1}}\n', encoding="utf-8")
    name = '{"type": "NameGiven", "event_id": "n", "organization_id": "o1", "kind": "CUSTOMER", "named_id": "c1", "name": "C", '
    name += f'"occurred_at": "{format_instant(AT)}", "recorded_at": "{format_instant(AT)}"}}\n'
    named = f"{file}, line 2: invalid: amount must be a decimal"
    ended = run("emit", file, "-", typed=name)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(named)
    assert ended.err.endswith(
        "credits: 1 line is no event, so nothing was sent; repair them, or send the others with --keep-going\n"
    )
    assert lying(stack, topic=topics.GRANTS) == lying(stack, topic=topics.NAMES) == []

    before = time.time_ns() // 1000
    ended = run("emit", file, "-", "--keep-going", typed=name)
    assert (ended.status, ended.out) == (1, f"2 records sent: {topics.GRANTS} 1, {topics.NAMES} 1\n")
    assert ended.err.startswith(named)
    [granted], [given] = lying(stack, topic=topics.GRANTS), lying(stack, topic=topics.NAMES)
    assert (granted.key, granted.partition, given.timestamp) == (b"o1|c1", HOME, AT)
    event = read_record(granted, partition_count=PARTITION_COUNT).content
    assert before <= event.recorded_at <= time.time_ns() // 1000
    assert granted.timestamp == event.recorded_at // 1000 * 1000
    assert run("emit", file, typed="").out == ""
    assert run("emit", "-", "--type", "CreditVoided", typed="event_id\n").err.count("\n") == 1


async def test_an_emission_that_is_cut_off_tells_what_is_safe(stack, made, monkeypatch):
    """Whatever was acknowledged by then is told, and lies in the topic."""
    assert made
    monkeypatch.setattr(sending_module, "_IN_FLIGHT_MAX", 10)
    name = NameGiven("n", "cut", AT, AT, None, "CUSTOMER", "c1", "C")
    told: list[int] = []

    def records() -> Iterator[Outgoing]:
        for index in range(25):
            if index == 20:
                sending.cancel()
            yield from records_of(name._replace(named_id=f"c{index}"), partition_count=PARTITION_COUNT)

    sending = asyncio.create_task(send(records(), bootstrap_servers=stack.bootstrap_servers, on_acknowledged=told.append))
    with pytest.raises(asyncio.CancelledError):
        await sending
    _, lies = await read_input_topics(bootstrap_servers=stack.bootstrap_servers)
    found = [record for record in lies if record.key is not None and record.key.startswith(b"cut|")]
    assert 20 <= sum(told) <= len(found) <= 25


async def test_a_record_that_kafka_refuses_is_said(stack, made):
    """An hour and a minute ahead is more than a broker takes."""
    assert made
    ahead = Outgoing(topics.VOIDS, 0, None, b"", time.time_ns() // 1_000_000 + 61 * 60_000)
    with pytest.raises(Exception, match=r"^Kafka did not take a record: InvalidTimestampError"):
        await send([ahead], bootstrap_servers=stack.bootstrap_servers, on_acknowledged=lambda _: None)


def test_dead_letters_are_listed_shown_and_sent_again(stack, run, visible):
    """What was refused for its timestamp or for a hop is accepted the second time; its dead letter stays."""
    dated_at = AT - 401 * MICROSECONDS_PER_DAY
    early = VOID._replace(event_id="early", recorded_at=dated_at)
    hop = hop_header(Place(topics.VOIDS, 3 - HOME - ELSEWHERE, 99))
    refused = [
        Outgoing(topics.VOIDS, 0, None, b"no event", AT // 1000),
        Outgoing(topics.VOIDS, HOME, key_of(early), codec.encode(early), dated_at // 1000),
        Outgoing(topics.VOIDS, ELSEWHERE, key_of(VOID), codec.encode(VOID), AT // 1000, (hop, ("trace", b"7"))),
    ]
    asyncio.run(send(refused, bootstrap_servers=stack.bootstrap_servers, on_acknowledged=lambda _: None))
    visible()
    listed = run("dead-letters", "list")
    assert listed.status == 0
    assert listed.out.endswith("3 of 3 dead letters, 1 too_early, 1 undecodable, 1 wrong_key\n")
    letters = {letter["reason"]: letter for letter in json.loads(run("dead-letters", "list", "--json").out)}
    places = {reason: f"{one['topic']}/{one['partition']}/{one['offset']}" for reason, one in letters.items()}
    assert len(json.loads(run("dead-letters", "list", "--json", "--limit", "1").out)) == 1
    assert json.loads(run("dead-letters", "list", "--json", "--since", "2199-01-01T00:00:00Z").out) == []
    assert json.loads(run("dead-letters", "list", "--json", "--topic", topics.GRANTS).out) == []

    shown = run("dead-letters", "show", places["wrong_key"])
    assert shown.status == 0
    assert '"event_id": "v1"' in shown.out
    assert "header     trace: 7\n" in shown.out
    missing = run("dead-letters", "show", f"{topics.NAMES}/0/9999")
    assert missing.err.startswith(f"credits: there is no dead letter of {topics.NAMES}/0/9999; ")

    before = lying(stack, topic=topics.VOIDS)
    hopeless = run("dead-letters", "replay", "--reason", "undecodable", "--yes")
    assert (hopeless.status, hopeless.err) == (
        2, "credits: nothing was sent: no record that was refused as undecodable would be taken now\n"
    )  # fmt: skip
    two = ("dead-letters", "replay", places["too_early"], places["wrong_key"])
    assert run(*two, typed="n\n").status == 1
    assert run(*two).status == 2
    assert lying(stack, topic=topics.VOIDS) == before

    sent = run(*two, typed="y\n")
    assert sent.status == 0
    assert sent.out.endswith(
        f"2 records sent again: {topics.VOIDS} 2. Their dead letters stay; one that is refused again gets a new one.\n"
    )
    again = {record.value: record for record in lying(stack, topic=topics.VOIDS) if record not in before}
    hopped, dated = again[codec.encode(VOID)], again[codec.encode(early)]
    assert (hopped.key, hopped.partition, hopped.timestamp, hopped.headers) == (b"o1|c1", HOME, AT, (("trace", b"7"),))
    assert (dated.key, dated.partition, dated.headers) == (b"o1|c1", HOME, ())
    assert dated.timestamp > AT
    visible()
    assert run("dead-letters", "list").out.endswith("3 of 3 dead letters, 1 too_early, 1 undecodable, 1 wrong_key\n")
    assert run("dead-letters", "replay", places["undecodable"], "--yes").status == 0
    visible()
    assert run("dead-letters", "list").out.endswith("4 of 4 dead letters, 1 too_early, 2 undecodable, 1 wrong_key\n")


def test_the_clock_is_held_until_it_is_opened(stack, run, made):
    """What was said is what a worker reads; the boundary is shown once all topics with a clock tell it."""
    assert made
    brokers = stack.bootstrap_servers.split(",")
    assert asyncio.run(read_settlement(brokers)) == (False, None, None)
    status = run("clock", "status")
    assert status.out.startswith("History does not settle: nobody has opened the clock yet ('credits clock open').\n")
    assert status.out.count("not found") == 2 * PARTITION_COUNT + 1

    asked = run("clock", "open", typed="n\n")
    assert asked.status == 1
    assert "it cannot be reached any more" in asked.err
    assert not asyncio.run(read_settlement(brokers)).is_open
    before = time.time_ns() // 1000
    assert run("clock", "open", typed="y\n").status == 0
    settlement = asyncio.run(read_settlement(brokers))
    assert settlement.is_open
    assert before <= settlement.since <= time.time_ns() // 1000
    assert "@" in settlement.by

    run("emit", "-", typed='{"type": "TimeAdvanced", "as_of": "2026-05-15T12:00:00Z", "accept_from": "2020-01-01T00:00:00Z"}\n')
    status = run("clock", "status")
    assert status.out.startswith(f"History settles since {format_instant(settlement.since)}, as {settlement.by} said.\n")
    rows = [" ".join(line.split()) for line in status.out.splitlines()]
    assert [f"{number} 2026-05-15 12:00:00 2020-01-01" in rows for number in range(PARTITION_COUNT)] == [True] * PARTITION_COUNT
    assert "not found" not in status.out
    assert run("clock", "hold").status == 0
    assert not asyncio.run(read_settlement(brokers)).is_open


def test_a_dump_that_cannot_be_completed_leaves_no_file(run, made, tmp_path):
    """Half a log must not be taken for a whole one."""
    assert made
    file = tmp_path / "dump.jsonl"
    ended = run("topics", "dump", "--output", file, CREDITS_KAFKA_BROKERS="127.0.0.1:1")
    assert ended.status == 2
    assert not file.exists()
    assert run("topics", "dump", "--output", file).status == 0
    assert file.read_text(encoding="utf-8").startswith(f'{{"credits_dump": 1, "partition_count": {PARTITION_COUNT}}}\n')
