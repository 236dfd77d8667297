"""A ledger under one worker: a broker, the worker's settings, and the books read on as they grow and held against the fold."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from creditstream.wall_clock import now_microseconds
from projections.books import Books
from projections.times import times_of
from schemas import topics
from streams.embedded import stack as embedded
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.kafka.topics import CHANGELOG, OUTPUT_TOPICS
from streams.worker.store import StoreMemory, open_store
from streams.worker.worker_keys import read_commit
from tests.support import upstream
from tests.support.committed_logs import (
    CommittedStates,
    Logs,
    PublishedRows,
    books_part,
    ends_of,
    has_open_transaction,
    reader_of_committed,
)
from tests.support.differences import assert_same_rows, assert_same_state
from tests.support.feed_of_months import CATALOG, CATALOG_TEXT, records_between
from tests.support.going_fold import GoingFold
from tests.support.worker_processes import WorkerProcess, wait_for, worker_running

PARTITION_COUNT = 2
NUMBERS = range(PARTITION_COUNT)
COMPACTS_AT_ONCE = ("log.roll.ms=100", "log.cleaner.backoff.ms=100", "log.cleaner.min.cleanable.ratio=0.01")
_CHECKOUT = Path(__file__).resolve().parents[2]
_SECONDS = 60


class Ledger:
    """A broker, the settings of its one worker, and its books, read on as they grow: fold, committed state, published rows."""

    def __init__(self, servers: str, folder: Path) -> None:
        self.servers = servers
        self.state_folder = folder / "state"
        self.fold = GoingFold(partition_count=PARTITION_COUNT, catalog=CATALOG)
        self.committed = CommittedStates(partition_count=PARTITION_COUNT)
        self.published = PublishedRows(partition_count=PARTITION_COUNT)
        (folder / "catalog.toml").write_text(CATALOG_TEXT, encoding="utf-8")
        self._environment = {
            "CREDITS_KAFKA_BROKERS": servers,
            "CREDITS_CATALOG": str(folder / "catalog.toml"),
            "CREDITS_PARTITION_COUNT": str(PARTITION_COUNT),
            "CREDITS_MEMBER_NAME": "settler",
            "CREDITS_STATE_FOLDER": str(self.state_folder),
            "CREDITS_CLOCK": "off",
            "CREDITS_WEB_PORT": "0",
        }

    def worker_running(self, log: Path, settings: dict[str, str]) -> contextlib.AbstractContextManager[WorkerProcess]:
        """Run the worker until the block is left, then end it by SIGKILL."""
        return worker_running({**self._environment, **settings}, log)

    async def send(self, begin: int, end: int) -> None:
        """Send what the feed has between two instants."""
        await upstream.send(records_between(begin, end, partition_count=PARTITION_COUNT), servers=self.servers)

    async def until_applied(self, worker: WorkerProcess) -> None:
        """Wait until all that lies in the inputs, and all that is due by then, is committed; then hold it against the fold."""
        async with reader_of_committed(self.servers) as reader:

            async def is_applied() -> bool:
                await self.committed.read_on(reader)
                ends = await ends_of(reader, topics.INPUT_TOPICS, partition_count=PARTITION_COUNT)
                return ends == self.committed.positions() and not self._has_due()

            async def is_visible() -> bool:
                return not await has_open_transaction(self.servers, OUTPUT_TOPICS, partition_count=PARTITION_COUNT)

            await wait_for(is_applied, seconds=_SECONDS, workers=[worker])
            await wait_for(is_visible, seconds=_SECONDS, workers=[worker])
            await self.fold.read_on(reader)
            await self.published.read_on(reader)
        for number in NUMBERS:
            expected, found = self.fold.states[number], self.committed.states[number]
            assert_same_state(books_part(expected), books_part(found), f"the state of partition number {number}")
        assert_same_rows(self.fold.rows, self.published.rows, "the output topics")

    async def until_boundary(self, boundary: int, worker: WorkerProcess) -> None:
        """Wait until any partition number has committed a boundary, whatever of what is due by then is done already."""
        async with reader_of_committed(self.servers) as reader:

            async def has_boundary() -> bool:
                await self.committed.read_on(reader)
                return any((times_of(state).boundary or 0) >= boundary for state in self.committed.states)

            await wait_for(has_boundary, seconds=_SECONDS, workers=[worker])

    async def until_compacted(self) -> None:
        """Wait until the broker has removed from the changelog most of what was written over later."""
        async with reader_of_committed(self.servers) as reader:

            async def is_compacted() -> bool:
                left = await Logs([CHANGELOG], partition_count=PARTITION_COUNT).read_on(reader)
                return len(left) < 1.25 * len({(record.partition, record.key) for record in left})

            await wait_for(is_compacted, seconds=_SECONDS)

    def commit_count(self) -> int:
        """Give how many commits all partition numbers have come to."""
        commits = [read_commit(state) for state in self.committed.states]
        return sum(commit.number for commit in commits if commit is not None)

    def boundary(self) -> int:
        """Give the boundary, which is the same in all partition numbers."""
        [boundary] = {times_of(state).boundary for state in self.committed.states}
        assert boundary is not None
        return boundary

    def stored(self, number: int) -> dict[bytes, bytes]:
        """Give all that the local store of a partition number holds, while no worker has it."""
        memory = StoreMemory(cache_bytes=8 << 20, write_bytes=8 << 20)
        folder = self.state_folder / "generation-1" / f"partition-{number}"
        store, rebuild = open_store(folder, memory, now=now_microseconds())
        assert rebuild is None
        found = dict(store.scan(b""))
        store.close()
        return found

    def _has_due(self) -> bool:
        return any(Books(state, catalog=CATALOG).has_due() for state in self.committed.states)


@contextlib.contextmanager
def kafka_running(data_folder: Path) -> Iterator[str]:
    """Run a Kafka, whose cleaner does not wait, until the block is left; gives its address."""
    settings = with_free_ports(read_settings(os.environ))
    with embedded.held_stack(settings, data_folder=data_folder, environment=os.environ) as stack:
        kafka = embedded._kafka_part(stack, cache_folder=_CHECKOUT / ".cache", console=Console(stderr=True))
        overrides = [argument for entry in COMPACTS_AT_ONCE for argument in ("--override", entry)]
        stack.start_part(kafka._replace(command=(*kafka.command, *overrides)))
        stack.wait_for_parts()
        yield stack.bootstrap_servers
