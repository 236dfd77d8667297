"""The worker on a real broker: it is fenced, one of its sends fails, it is started wrongly."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.fold import fold
from schemas import topics
from schemas.catalog import parse_catalog
from schemas.errors import InvariantViolation
from schemas.events import (
    Booking,
    CampaignDefined,
    CampaignSend,
    ConsumptionReversed,
    CreditConsumed,
    CreditGranted,
    CreditVoided,
    NameGiven,
    TimeAdvanced,
)
from schemas.instants import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, parse_instant
from schemas.records import Reroute
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import running_stack
from streams.kafka.messages import Message
from streams.kafka.topics import GROUP, MESSAGE_BYTES_MAX
from streams.kafka.transaction import FencedProducer
from tests.support.worker_processes import Broker, PublishedBooks, Sent, WorkerProcess, sent, wait_for, worker_running

CHECKOUT = Path(__file__).resolve().parents[2]
PARTITION_COUNT = 3
CATALOG = """
[credit_types.coins]
[credit_types.messages]
[organizations.o1]
time_zone = "Europe/Lisbon"
"""
BEGINNING = parse_instant("2026-03-01T00:00:00Z")
AS_OF = parse_instant("2026-05-15T12:00:00Z")
CATCH_UP_SECONDS = 60


@pytest.fixture(scope="module")
def broker(data_folder: Path) -> Iterator[Broker]:
    """Give a broker of this module's own: other tests count what lies in the topics."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "worker-stack", cache_folder=CHECKOUT / ".cache") as running:
        yield Broker(running.bootstrap_servers, PARTITION_COUNT)


@pytest.fixture
def environment(broker: Broker, tmp_path: Path) -> dict[str, str]:
    """Give the settings of a worker that commits often, so that much happens between its commits."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(CATALOG, encoding="utf-8")
    return {
        "CREDITS_KAFKA_BROKERS": broker.servers,
        "CREDITS_CATALOG": str(catalog),
        "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
        "CREDITS_BATCH_RECORDS": "20",
        "CREDITS_COMMIT_MILLISECONDS": "5",
        "CREDITS_MEMBER_NAME": "w1",
        "CREDITS_STATE_FOLDER": str(tmp_path / "state"),
        "CREDITS_CLOCK": "off",
        "CREDITS_WEB_PORT": "0",
    }


def events_of(seed: int, *, count: int) -> list[Sent]:
    """Make records as upstreams send them: many late, some twice, some broken, some on a foreign partition."""
    choice = random.Random(seed)  # noqa: S311 - the same records for the same seed
    records = [
        sent(topics.CAMPAIGNS, CampaignDefined("d", "o1", BEGINNING, BEGINNING, None, "k1", f"Spring {seed}", "SCHEDULED",
             "CENTER", None, 10, "SMS", "gift", "LIVE"), at=BEGINNING),
        sent(topics.NAMES, NameGiven("n", "o1", BEGINNING, BEGINNING, None, "CUSTOMER", "c1", f"Ada {seed}"), at=BEGINNING),
    ]  # fmt: skip
    for index in range(count):
        record = choice.choice((_grant, _consumption, _consumption, _consumption, _send, _reversal, _void))(choice, seed, index)
        records.extend([record] * choice.choice((1, 1, 1, 2)))
        if choice.random() < 0.1:
            records.append(record._replace(partition=choice.randrange(PARTITION_COUNT)))
        if choice.random() < 0.05:
            records.append(record._replace(value=b"no event"))
    return records


def _common(choice: random.Random, name: str) -> tuple[str, str, str, int, int, None]:
    occurred_at = BEGINNING + choice.randrange(70 * 24) * MICROSECONDS_PER_HOUR
    return name, "o1", f"c{choice.randrange(9)}", occurred_at, occurred_at, None


def _grant(choice: random.Random, seed: int, index: int) -> Sent:
    common = _common(choice, f"g{seed}-{index}")
    expires_at = common[3] + choice.randrange(5, 90) * MICROSECONDS_PER_DAY
    cadence = choice.choice(("ONCE", "MONTHLY"))
    grant = CreditGranted(*common, f"g{seed}-{index}", "coins", "gift", cadence, choice.randrange(1, 40) * 500_000, 50,
                          common[3], expires_at, (), None, None)  # fmt: skip
    return sent(topics.GRANTS, grant, at=common[3])


def _consumption(choice: random.Random, seed: int, index: int) -> Sent:
    common = _common(choice, f"e{seed}-{index}")
    amount_micro = choice.randrange(1, 20) * 250_000
    event = CreditConsumed(*common, "coins", amount_micro, Booking(f"b{index}", None, None), None, None)
    return sent(topics.CONSUMPTION, event, at=common[3])


def _send(choice: random.Random, seed: int, index: int) -> Sent:
    common = _common(choice, f"s{seed}-{index}")
    activity = CampaignSend("k1", "center", "SMS", "gift", choice.randrange(5))
    return sent(topics.CONSUMPTION, CreditConsumed(*common, "messages", 1_000_000, activity, None, None), at=common[3])


def _reversal(choice: random.Random, seed: int, index: int) -> Sent:
    common = _common(choice, f"r{seed}-{index}")
    event = ConsumptionReversed(*common, f"e{seed}-{choice.randrange(index + 1)}", common[3], None, None)
    return sent(topics.CONSUMPTION, event, at=common[3])


def _void(choice: random.Random, seed: int, index: int) -> Sent:
    common = _common(choice, f"v{seed}-{index}")
    return sent(topics.VOIDS, CreditVoided(*common, f"g{seed}-{choice.randrange(index + 1)}", None), at=common[3])


async def caught_up(broker: Broker, books: PublishedBooks, worker: WorkerProcess) -> None:
    """Wait until the published books are equal to the fold of the input topics, list by list, and each reroute was made once.

    No list is empty, so that the books are not equal for want of content.
    """
    catalog = parse_catalog(CATALOG)

    async def equal() -> bool:
        await books.read_on()
        records = await broker.records()
        expected = fold(records, catalog=catalog)
        foreign = [record.place for record in records if isinstance(record.content, Reroute)]
        rerouted = [record.first_place for record in records if record.first_place != record.place]
        assert all(expected.values())
        assert foreign
        return sorted(foreign) == sorted(rerouted) and books.results(like=expected, catalog=catalog, as_of=AS_OF) == expected

    await wait_for(equal, seconds=CATCH_UP_SECONDS, workers=[worker])


async def test_a_fenced_worker_restores_and_goes_on(broker, environment, tmp_path):
    """When another producer takes the numbers over, the worker lets go, restores, and the books come out right."""
    with worker_running(environment, tmp_path / "worker.log") as worker:
        async with broker.books() as books:
            await _is_open(worker)
            await broker.send_clock(TimeAdvanced(AS_OF, None))
            await broker.send(events_of(4, count=50))
            await caught_up(broker, books, worker)
            for number in range(PARTITION_COUNT):
                async with FencedProducer([broker.servers], transactional_id=f"{GROUP}-{number}"):
                    await broker.send(events_of(5 + number, count=40))
            await caught_up(broker, books, worker)
            assert "another worker has taken over" in worker.log_text()
            assert worker.terminate() == 0


async def _is_open(worker: WorkerProcess) -> None:
    async def restored() -> bool:
        return worker.log_text().count(": restored from") >= PARTITION_COUNT

    await wait_for(restored, seconds=CATCH_UP_SECONDS, workers=[worker])


async def test_a_transaction_of_which_one_record_fails_is_not_committed(broker, environment, tmp_path):
    """Every result is looked at before the commit: what went through beside a record that did not stays invisible."""
    with worker_running(environment, tmp_path / "worker.log") as worker:
        await _is_open(worker)
    async with broker.books() as books:
        await books.read_on()
        before = books.row_count
        small, large = (Message(topics.LOTS, 0, b"k", bytes(size)) for size in (1, MESSAGE_BYTES_MAX + 1))
        async with FencedProducer([broker.servers], transactional_id="test") as producer:
            with pytest.raises(InvariantViolation, match="larger than its topic takes"):
                await producer.commit(iter([small._replace(topic=topics.SNAPSHOTS), large]))
        await books.read_on()
        assert books.row_count == before


async def test_a_worker_says_what_stops_its_start(environment, tmp_path):
    """Another number of partitions, and a Python without assertions, end the start with a sentence and an exit code."""
    with worker_running(environment, tmp_path / "worker.log") as worker:
        await _is_open(worker)
    for setting, sentence in (
        ({"CREDITS_PARTITION_COUNT": "4"}, "has 3 partitions, and CREDITS_PARTITION_COUNT is 4"),
        ({"PYTHONOPTIMIZE": "1"}, "Python runs with -O or PYTHONOPTIMIZE"),
        ({"CREDITS_BATCH_RECORDS": "many"}, "CREDITS_BATCH_RECORDS is 'many'"),
    ):
        refused = WorkerProcess({**environment, **setting}, tmp_path / "refused.log")
        assert refused.wait() == 2
        assert sentence in refused.log_text()
        assert "Traceback" not in refused.log_text()
