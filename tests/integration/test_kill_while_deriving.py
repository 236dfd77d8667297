"""An account whose payments all come out otherwise is derived step by step, and its worker is killed meanwhile, three times."""

from projections import keys
from projections.progress import count_in_progress, read_progress
from projections.state import ReadableState
from projections.stored import customer_of, find_use
from projections.usage import identity_of
from schemas import topics
from schemas.events import CreditConsumed, CreditGranted
from streams.kafka.clients import admin_of, reader_of
from streams.kafka.topics import ensure_topics
from streams.kafka.waiting import STAGES, StageWait
from tests.support.building import at, consume, grant
from tests.support.committed_logs import reader_of_committed
from tests.support.worker_ledger import PARTITION_COUNT, Ledger, kafka_running
from tests.support.worker_processes import Broker, WorkerProcess, sent, wait_for

BEGIN = at("2025-03-01")
SECOND = 1_000_000
USE_COUNT = 20_000
KILL_COUNT = 3
SECONDS = 60
SETTINGS = {"CREDITS_COMMIT_MILLISECONDS": "5"}
ORGANIZATION = "brightcare"
BUSY = keys.AccountKey(ORGANIZATION, "busy", "coins")


def uses(name: str, customer_id: str, count: int) -> list[CreditConsumed]:
    """Give so many uses of one credit, a second after the other."""
    return [
        consume(f"{name}{number:06}", "1", BEGIN + number * SECOND, customer_id=customer_id, organization_id=ORGANIZATION)
        for number in range(count)
    ]


def lot(name: str, amount: str, customer_id: str, *, priority: int = 50) -> CreditGranted:
    return grant(name, amount, BEGIN, customer_id=customer_id, organization_id=ORGANIZATION, priority=priority)


def neighbour_of(account: keys.AccountKey) -> str:
    """Give a customer whose events lie in the same partition number."""
    wanted = number_of(account.customer_id)
    return next(name for name in (f"neighbour-{number}" for number in range(100)) if number_of(name) == wanted)


def number_of(customer_id: str) -> int:
    return topics.partition_of(keys.Customer(ORGANIZATION, customer_id).key, partition_count=PARTITION_COUNT)


async def test_a_worker_that_is_killed_while_it_derives_goes_on_from_its_cursor(data_folder, tmp_path):
    """It goes on from where it was, a neighbour is paid meanwhile, and in the end all is as in the fold."""
    with kafka_running(data_folder / "deriving") as servers:
        await ensure_topics([servers], partition_count=PARTITION_COUNT, replication_factor=1)
        ledger, broker = Ledger(servers, tmp_path), Broker(servers, PARTITION_COUNT)
        neighbour = neighbour_of(BUSY)
        with ledger.worker_running(tmp_path / "worker.log", SETTINGS) as worker:
            await send(broker, lot("first", "30000", BUSY.customer_id), lot("other", "10", neighbour))
            await send(broker, *uses("u", BUSY.customer_id, USE_COUNT))
            await ledger.until_applied(worker)
            await send(broker, lot("before-all", "15000", BUSY.customer_id, priority=1))
            steps = [await until_further(ledger, worker, 0)]
        for kill in range(1, KILL_COUNT):
            with ledger.worker_running(tmp_path / "worker.log", SETTINGS) as worker:
                [at_the_neighbour] = uses(f"n{kill}", neighbour, 1)
                await send(broker, *uses(f"k{kill}", BUSY.customer_id, 3), at_the_neighbour)
                steps.append(await until_further(ledger, worker, steps[-1], paid=at_the_neighbour))
        assert steps == sorted(set(steps)), "it goes on from where it was"
        with ledger.worker_running(tmp_path / "worker.log", SETTINGS) as worker:
            assert await told_by_wait(servers) == [(0, 1), (1, 1)]
            await ledger.until_applied(worker)
        assert not any(count_in_progress(state) for state in ledger.committed.states)


async def told_by_wait(servers: str) -> list[tuple[int, int]]:
    """Wait until no account is being derived; gives how many were derived, of how many, each time that this was another."""
    told: list[tuple[int, int]] = []

    def tell(_: str, done: int, total: int) -> None:
        if (done, total) not in told:
            told.append((done, total))

    async with admin_of(servers) as admin, reader_of(servers) as reader:
        await StageWait(STAGES[0], admin, reader).until_derived(seconds=SECONDS, check=lambda: None, on_progress=tell)
    return told


async def send(broker: Broker, *events: CreditConsumed | CreditGranted) -> None:
    topic_of = {CreditGranted: topics.GRANTS, CreditConsumed: topics.CONSUMPTION}
    await broker.send([sent(topic_of[type(event)], event, at=event.recorded_at) for event in events])


async def until_further(ledger: Ledger, worker: WorkerProcess, steps: int, *, paid: CreditConsumed | None = None) -> int:
    """Wait until further steps of the busy account, which is not at its end, and a neighbour's payment are committed.

    Gives how many steps were done by then.
    """
    state = ledger.committed.states[number_of(BUSY.customer_id)]
    async with reader_of_committed(ledger.servers) as reader:

        async def is_further() -> bool:
            await ledger.committed.read_on(reader)
            progress = read_progress(state, BUSY)
            assert progress is not None or steps == 0, "the busy account was at its end before it was killed"
            return progress is not None and progress.steps > steps and (paid is None or is_paid(state, paid))

        await wait_for(is_further, seconds=SECONDS, workers=[worker])
    progress = read_progress(state, BUSY)
    assert progress is not None
    return progress.steps


def is_paid(state: ReadableState, event: CreditConsumed) -> bool:
    use = find_use(state, customer_of(event), identity_of(event))
    return use is not None and use.allocation is not None
