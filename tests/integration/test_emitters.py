"""The client library on a real Kafka: what it sends lies where it belongs, and what is not acknowledged is said in time."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

import creditstream as cs
from creditstream.wall_clock import now_microseconds
from schemas.checks import RECORDING_AHEAD_MAX
from schemas.codec import decode
from schemas.events import TOPICS_OF_TYPE, Event, TimeAdvanced, key_of
from schemas.records import RawRecord
from schemas.topics import partition_of
from streams.embedded import stack as embedded
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import held_stack
from streams.kafka.dump import read_input_topics
from streams.kafka.topics import ensure_topics
from tests.support.worker_ledger import kafka_running

CHECKOUT = Path(__file__).resolve().parents[2]
PARTITION_COUNT = 3
CUSTOMERS = 20


@pytest.fixture(scope="module")
def servers(data_folder: Path) -> Iterator[str]:
    """Give the address of a Kafka of this module's own, with our topics."""
    with kafka_running(data_folder / "emitter-stack") as address:
        asyncio.run(ensure_topics([address], partition_count=PARTITION_COUNT, replication_factor=1))
        yield address


def events_of(run: str) -> list[Event]:
    """Give one event of each type for each customer."""
    events: list[Event] = []
    for number in range(CUSTOMERS):
        common = {"organization_id": run, "customer_id": f"c{number}", "occurred_at": "2026-03-10T12:00:00Z"}
        events += [
            cs.credit_granted(
                **common, event_id=f"g{number}", grant_id=f"g{number}", credit_type="coins", name="gift", cadence=cs.ONCE,
                amount=100,
            ),
            cs.credit_consumed(
                **common, event_id=f"e{number}", credit_type="coins", amount="2.5", activity=cs.Booking("b1"),
                recorded_at="2026-03-10T12:00:00.123456Z",
            ),
            cs.consumption_reversed(
                **common, event_id=f"r{number}", consumption_event_id=f"e{number}", consumed_at="2026-03-10T12:00:00Z"
            ),
            cs.credit_voided(**common, event_id=f"v{number}", grant_id=f"g{number}"),
        ]  # fmt: skip
    given = {"organization_id": run, "occurred_at": "2026-03-10T12:00:00Z"}
    events.append(cs.name_given(**given, event_id="n", kind="CUSTOMER", named_id="c1", name="Ada"))
    return events


def check_lies(servers: str, events: list[Event], positions: list[cs.Position]) -> None:
    """Check that each event lies at its position, with its own key and timestamp, on its own partition."""
    records = {(record.topic, record.partition, record.offset): record for record in records_in(servers)}
    for event, position in zip(events, positions, strict=True):
        record, key = records[position], key_of(event)
        assert key is not None
        assert decode(record.value) == event
        assert record.key == key
        assert position.topic in TOPICS_OF_TYPE[type(event)]
        assert position.partition == partition_of(key, partition_count=PARTITION_COUNT)
        assert record.timestamp == event.recorded_at // 1000 * 1000


def records_in(servers: str) -> list[RawRecord]:
    partition_count, records = asyncio.run(read_input_topics(bootstrap_servers=servers))
    assert partition_count == PARTITION_COUNT
    return records


def test_events_lie_where_the_emitter_says(servers):
    """From asyncio: all at once, and one by one from many tasks; in the order in which they were given."""
    events = events_of("tasks")

    async def send() -> tuple[list[cs.Position], list[cs.Position]]:
        async with cs.Emitter(servers) as emitter:
            together = await emitter.emit_all(events)
            alone = await asyncio.gather(*(emitter.emit(event) for event in events))
        return together, alone

    together, alone = asyncio.run(send())
    check_lies(servers, events, together)
    check_lies(servers, events, alone)
    assert len({*together, *alone}) == 2 * len(events)
    by_log: dict[tuple[str, int], list[int]] = {}
    for position in together:
        by_log.setdefault(position[:2], []).append(position.offset)
    assert all(offsets == sorted(offsets) for offsets in by_log.values())


def test_threads_share_one_emitter(servers):
    """Without asyncio, from many threads at a time: each gets the positions of its own events."""
    events = events_of("threads")
    positions: dict[int, cs.Position] = {}
    with cs.SyncEmitter(servers) as emitter:

        def send(begin: int) -> None:
            for index in range(begin, len(events), 4):
                positions[index] = emitter.emit(events[index])

        threads = [threading.Thread(target=send, args=(begin,)) for begin in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        more = emitter.emit_all(events)
    check_lies(servers, events, [positions[index] for index in range(len(events))])
    check_lies(servers, events, more)
    assert not [thread for thread in threading.enumerate() if thread.name == "credits-emitter"]


def test_an_event_that_is_sent_twice_is_the_same_record(servers):
    """A retry writes the same key, value and timestamp, which the ledger knows for a duplicate."""
    lines = [cs.InvoiceLine("1", "ADDON", "seats", 5), cs.InvoiceLine("2", "ADDON", "sms", 7)]
    invoice = {"organization_id": "twice", "customer_id": "c1", "credit_type": "usd", "invoiced_at": "2026-03-31T00:00:00Z"}

    def made() -> list[cs.CreditConsumed]:
        return cs.invoice_lines(**invoice, invoice_id="i1", lines=lines, recorded_at="2026-04-01T00:00:00Z")

    with cs.SyncEmitter(servers) as emitter:
        first, second = emitter.emit_all(made()), emitter.emit_all(made())
    records = {(record.topic, record.partition, record.offset): record for record in records_in(servers)}
    assert [records[one][3:] for one in first] == [records[one][3:] for one in second]
    assert len({*first, *second}) == 4


def test_nothing_is_sent_where_one_is_no_event(servers):
    """All are checked before the first is sent: also what was changed by hand, lies ahead, or is the workers' to say."""
    before = len(records_in(servers))
    good = cs.name_given(
        event_id="n", organization_id="none", occurred_at="2026-03-10T12:00:00Z", kind="ZONE", named_id="z", name="Z"
    )
    ahead = now_microseconds() + RECORDING_AHEAD_MAX + 60_000_000
    bad = [
        (good._replace(name=""), "name"),
        (good._replace(recorded_at=ahead), "recorded_at"),
        (TimeAdvanced(now_microseconds(), None), "type"),
        ({"type": "NameGiven"}, "type"),
    ]
    with cs.SyncEmitter(servers) as emitter:
        for event, field in bad:
            with pytest.raises(cs.InvalidEvent) as caught:
                emitter.emit_all([good, event])
            assert caught.value.field == field
    assert len(records_in(servers)) == before


def test_an_emitter_that_is_not_open_says_so(servers):
    """Before it is started and after it is closed; closing twice is harmless."""
    event = events_of("closed")[0]
    emitter = cs.SyncEmitter(servers)
    with pytest.raises(cs.EmitterClosed):
        emitter.emit(event)
    emitter.start()
    emitter.start()
    assert emitter.emit(event).offset >= 0
    emitter.close()
    emitter.close()
    with pytest.raises(cs.EmitterClosed):
        emitter.emit(event)

    async def unopened() -> None:
        await cs.Emitter(servers).emit(event)

    with pytest.raises(cs.EmitterClosed):
        asyncio.run(unopened())


def test_a_topic_that_is_missing_is_named(data_folder):
    """Kafka without our topics is no outage, and the topic is not made by asking for it."""
    event = events_of("missing")[0]
    with kafka_running(data_folder / "empty-stack") as address, cs.SyncEmitter(address) as emitter:
        for _ in range(2):
            with pytest.raises(cs.SettingsError, match=r"^the topic credits.grants does not exist at 127.0.0.1:"):
                emitter.emit(event)


async def killed_under_an_emitter(servers: str, event: Event, pid: int) -> float:
    """Kill a broker while an emitter of asyncio is open, which leaves nothing behind in the loop; gives when it was killed."""
    async with cs.Emitter(servers, acknowledgement_seconds=1) as emitter:
        await emitter.emit(event)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(cs.NotAcknowledged, match=r"^Kafka has acknowledged nothing more for 1 s$"):
            await emitter.emit(event)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return began


def test_a_broker_that_is_gone_is_said_in_time(data_folder):
    """Killed while an emitter is open: a clear error within its limit; back again it goes on; a close within seconds."""
    event = events_of("gone")[0]
    settings = with_free_ports(read_settings(os.environ))
    with held_stack(settings, data_folder=data_folder / "killed-stack", environment=os.environ) as stack:
        kafka = stack.start_part(embedded._kafka_part(stack, cache_folder=CHECKOUT / ".cache", console=Console(stderr=True)))
        stack.wait_for_parts()
        servers = stack.bootstrap_servers
        asyncio.run(ensure_topics([servers], partition_count=PARTITION_COUNT, replication_factor=1))
        emitter = cs.SyncEmitter(servers, acknowledgement_seconds=2)
        emitter.start()
        emitter.emit(event)
        os.kill(kafka.process.pid, signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(cs.NotAcknowledged, match=r"^Kafka has acknowledged nothing more for 2 s$"):
            emitter.emit(event)
        assert time.monotonic() - began < 10
        stack.stop_process("kafka")
        kafka = stack.start_part(stack.parts["kafka"])
        stack.wait_for_parts()
        assert emitter.emit(event).offset > 0, "the same emitter goes on when brokers are back"
        began = asyncio.run(killed_under_an_emitter(servers, event, kafka.process.pid))
        with pytest.raises(cs.NotAcknowledged):
            emitter.emit(event)
        emitter.close()
        assert time.monotonic() - began < 40
        with pytest.raises(cs.TransientError, match=rf"^Kafka at {servers} does not answer"):
            cs.SyncEmitter(servers).start()


def test_the_example_runs(servers):
    """`examples/emit.py` sends four events, says where each lies, and may be run again."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "examples/emit.py", servers],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"credits\.grants/\d at \d+\n(credits\.consumption/\d at \d+\n){3}", done.stdout)
