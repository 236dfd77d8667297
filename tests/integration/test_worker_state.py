"""What a worker keeps on its own disk: read on from where it stood, thrown away when in doubt, and never needed."""

import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditstream.wall_clock import now_microseconds
from projections.fold import fold_rows
from projections.results import results_of
from schemas import topics
from schemas.catalog import parse_catalog
from schemas.events import Booking, CreditConsumed, CreditGranted, TimeAdvanced
from schemas.instants import parse_instant
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import running_stack
from streams.kafka.control import Settlement, say_settlement
from streams.worker.store import StoreMark, StoreMemory, open_store
from tests.support.worker_processes import Broker, WorkerProcess, sent, wait_for, worker_running

CHECKOUT = Path(__file__).resolve().parents[2]
PARTITION_COUNT = 2
CATALOG = "[credit_types.coins]\n"
NOON = parse_instant("2026-03-10T12:00:00Z")
SECONDS = 60
CUSTOMERS = 40


@pytest.fixture(scope="module")
def broker(data_folder: Path) -> Iterator[Broker]:
    """Give a broker of this module's own."""
    settings = with_free_ports(read_settings(os.environ))
    with running_stack(settings, data_folder=data_folder / "state-stack", cache_folder=CHECKOUT / ".cache") as running:
        yield Broker(running.bootstrap_servers, PARTITION_COUNT)


@pytest.fixture(scope="module")
def environment(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the settings of the one worker of this module, whose state folder outlives its restarts."""
    folder = tmp_path_factory.mktemp("worker")
    (folder / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    return {
        "CREDITS_KAFKA_BROKERS": broker.servers,
        "CREDITS_CATALOG": str(folder / "catalog.toml"),
        "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
        "CREDITS_COMMIT_MILLISECONDS": "5",
        "CREDITS_MEMBER_NAME": "keeper",
        "CREDITS_STATE_FOLDER": str(folder / "state"),
        "CREDITS_CLOCK": "off",
        "CREDITS_WEB_PORT": str(with_free_ports(read_settings({})).clickhouse_port),
    }


def store_folder(environment: dict[str, str], number: int) -> Path:
    return Path(environment["CREDITS_STATE_FOLDER"]) / "generation-1" / f"partition-{number}"


def number_of(customer_id: str) -> int:
    return topics.partition_of(f"o1|{customer_id}".encode(), partition_count=PARTITION_COUNT)


async def use(broker: Broker, name: str, *, customers: int = CUSTOMERS) -> None:
    """Let each customer be granted something and use a part of it."""
    records = []
    for number in range(customers):
        customer_id = f"c{number}"
        grant = CreditGranted(f"g-{name}-{number}", "o1", customer_id, NOON, NOON, None, f"g-{name}-{number}", "coins", "gift",
                              "ONCE", 9_000_000, 50, NOON, None, (), None, None)  # fmt: skip
        consumption = CreditConsumed(f"e-{name}-{number}", "o1", customer_id, NOON + 1, NOON + 1, None, "coins", 4_000_000,
                                     Booking("b", None, None), None, None)  # fmt: skip
        records += [sent(topics.GRANTS, grant, at=NOON), sent(topics.CONSUMPTION, consumption, at=NOON)]
    await broker.send(records)


async def caught_up(broker: Broker, worker: WorkerProcess) -> None:
    """Wait until what is published is the fold of the topics."""
    catalog = parse_catalog(CATALOG)
    async with broker.books() as books:

        async def equal() -> bool:
            await books.read_on()
            folded = fold_rows(await broker.records(), catalog=catalog)
            expected = results_of(folded.rows, catalog=catalog, as_of=folded.as_of, duplicates=folded.duplicates)
            return books.results(like=expected, catalog=catalog, as_of=folded.as_of) == expected

        await wait_for(equal, seconds=SECONDS, workers=[worker])


def restored(log: Path) -> list[int]:
    """Give from how many records each partition number was restored, in the order of the log."""
    return [int(count) for count in re.findall(r": restored from (\d+) records", log.read_text(encoding="utf-8"))]


async def until_open(worker: WorkerProcess, log: Path) -> None:
    async def is_open() -> bool:
        return len(restored(log)) == PARTITION_COUNT

    await wait_for(is_open, seconds=SECONDS, workers=[worker])


async def run_once(broker: Broker, environment: dict[str, str], log: Path, name: str) -> list[int]:
    """Run a worker until everything is published, then kill it; gives from how many records its numbers were restored."""
    with worker_running(environment, log) as worker:
        await until_open(worker, log)
        await use(broker, name)
        await caught_up(broker, worker)
    return restored(log)


async def test_a_restart_reads_on_from_its_own_position(broker, environment, tmp_path):
    """The second start reads the last commit once more, and not what was before it."""
    assert await run_once(broker, environment, tmp_path / "first.log", "first") == [0, 0]
    whole = sum(await run_once(broker, environment, tmp_path / "second.log", "second"))
    shutil.rmtree(environment["CREDITS_STATE_FOLDER"])
    rebuilt = sum(await run_once(broker, environment, tmp_path / "third.log", "third"))
    assert 0 < whole < rebuilt


async def test_stores_that_cannot_be_trusted_are_read_anew(broker, environment, tmp_path):
    """One that is damaged, and one that is another number's, are thrown away by name, and the books come out the same."""
    for path in store_folder(environment, 0).glob("MANIFEST-*"):
        path.write_bytes(b"cut")
    shutil.rmtree(store_folder(environment, 1))
    await run_once(broker, environment, tmp_path / "damaged.log", "damaged")
    assert "partition number 0: the local store was thrown away: damaged" in (tmp_path / "damaged.log").read_text()
    exchanged = store_folder(environment, 0).with_name("exchanged")
    store_folder(environment, 0).rename(exchanged)
    store_folder(environment, 1).rename(store_folder(environment, 0))
    exchanged.rename(store_folder(environment, 1))
    await run_once(broker, environment, tmp_path / "foreign.log", "foreign")
    text = (tmp_path / "foreign.log").read_text(encoding="utf-8")
    reasons = set(re.findall(r"the local store was thrown away: (\w+)", text))
    assert reasons <= {"foreign", "ahead"}
    assert text.count("the local store was thrown away") == PARTITION_COUNT


async def test_a_broken_invariant_parks_its_number_and_no_other(broker, environment, tmp_path):
    """A state that holds what is no lot stops its number: log, page and metric name it; the other number goes on."""
    broken = number_of("c0")
    store, _ = open_store(
        store_folder(environment, broken), StoreMemory(cache_bytes=8 << 20, write_bytes=8 << 20), now=now_microseconds()
    )
    mark = store.mark
    [(key, value), *_] = store.scan(b"Lo1|c0\x00")
    store.write({key: value[:-4]}, StoreMark(*mark))
    store.close()
    log = tmp_path / "parked.log"
    with worker_running(environment, log) as worker:
        await until_open(worker, log)
        await use(broker, "parked")

        async def is_parked() -> bool:
            return f"partition number {broken} is parked" in worker.log_text()

        await wait_for(is_parked, seconds=SECONDS, workers=[worker])
        assert "the state holds what is no lot" in worker.log_text()
        assert re.search(rf"credits\.\w+/{broken}, records \d+ up to \d+", worker.log_text())
        status, ready = page(environment, "readyz")
        assert (status, json.loads(ready)["reasons"]) == (
            503,
            [f"partition number {broken} is parked: a law is broken, see the log"],
        )

        async def is_told() -> bool:
            _, metrics = page(environment, "metrics")
            return 'credits_partitions{phase="parked"} 1.0' in metrics and 'credits_partitions{phase="open"} 1.0' in metrics

        await wait_for(is_told, seconds=SECONDS, workers=[worker])
    shutil.rmtree(store_folder(environment, broken))
    await run_once(broker, environment, tmp_path / "mended.log", "mended")


async def test_a_state_folder_is_of_one_worker(environment, tmp_path):
    """A second worker with the same folder is refused, and told what to do."""
    log = tmp_path / "first.log"
    with worker_running(environment, log) as worker:
        await until_open(worker, log)
        status, _ = page(environment, "readyz")
        assert status == 200
        second = WorkerProcess(
            {**environment, "CREDITS_WEB_PORT": "0", "CREDITS_MEMBER_NAME": "other"}, tmp_path / "second.log"
        )
        assert second.wait() == 2
        assert "another worker keeps its state; give each worker a folder of its own" in second.log_text()
        assert "Traceback" not in second.log_text()


async def test_a_worker_says_the_time_once_it_has_read_to_the_end(broker, environment, tmp_path):
    """Each clocked topic partition is told at the start; without settlement nothing says from when on events are accepted."""
    before = [record.place for record in await broker.records()]
    with worker_running({**environment, "CREDITS_CLOCK": "on"}, tmp_path / "clock.log") as worker:

        async def is_said() -> bool:
            said = [record for record in await broker.records() if isinstance(record.content, TimeAdvanced)]
            return len(said) >= len(topics.CLOCKED_TOPICS) * PARTITION_COUNT

        await wait_for(is_said, seconds=SECONDS, workers=[worker])
        await caught_up(broker, worker)
    new = [record for record in await broker.records() if record.place not in before]
    assert sorted((record.place.topic, record.place.partition) for record in new) == sorted(
        (topic, number) for topic in topics.CLOCKED_TOPICS for number in range(PARTITION_COUNT)
    )
    for record in new:
        assert abs(record.content.as_of - record.timestamp) < 1000
        assert abs(record.content.as_of - now_microseconds()) < SECONDS * 1_000_000
        assert record.content.accept_from is None


async def test_settlement_begins_when_an_operator_says_so(broker, environment, tmp_path):
    """From the next word of the clock on, what lies more than 62 days back is too late, and the books still are the fold."""
    await say_settlement([broker.servers], Settlement(is_open=True, since=now_microseconds(), by="a test"))
    with worker_running({**environment, "CREDITS_CLOCK": "on"}, tmp_path / "open.log") as worker:

        async def is_settling() -> bool:
            said = [record.content for record in await broker.records() if isinstance(record.content, TimeAdvanced)]
            return sum(event.accept_from is not None for event in said) == len(topics.CLOCKED_TOPICS) * PARTITION_COUNT

        await wait_for(is_settling, seconds=SECONDS, workers=[worker])
        await use(broker, "too-late", customers=4)
        await caught_up(broker, worker)
    folded = fold_rows(await broker.records(), catalog=parse_catalog(CATALOG))
    results = results_of(folded.rows, catalog=parse_catalog(CATALOG), as_of=folded.as_of, duplicates=folded.duplicates)
    assert [entry["reason"] for entry in results["refusals"]] == ["too_late"] * 8


def page(environment: dict[str, str], name: str) -> tuple[int, str]:
    """Give status and body of a page of the worker."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{environment['CREDITS_WEB_PORT']}/{name}", timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
