"""The four books of a stream, and whether they are the same: fold, workers' state, output topics, ClickHouse."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer

from projections.fold import fold_rows
from schemas import topics
from schemas.catalog import Catalog
from schemas.dump import read_dump, write_dump
from schemas.records import ReadRecord
from streams.clickhouse import ClickHouseAddress, connect, read_rows
from streams.kafka.dump import read_input_topics
from streams.kafka.topics import GENERATION
from tests.support.committed_logs import CommittedStates, PublishedRows, books_part, ends_of, reader_of_committed
from tests.support.differences import assert_same_rows, assert_same_state
from tests.support.going_fold import GoingFold, check_sent_on


class StreamBooks:
    """Reads the books of a stream on as they grow, and holds them against each other."""

    def __init__(self, servers: str, clickhouse: ClickHouseAddress, *, partition_count: int, catalog: Catalog) -> None:
        self._servers = servers
        self._clickhouse = clickhouse
        self._partition_count = partition_count
        self._catalog = catalog
        self._fold = GoingFold(partition_count=partition_count, catalog=catalog)
        self._committed = CommittedStates(partition_count=partition_count)
        self._published = PublishedRows(partition_count=partition_count)

    @property
    def records(self) -> Sequence[ReadRecord]:
        """The records of the input topics that were folded so far."""
        return self._fold.records

    async def is_applied(self, consumer: AIOKafkaConsumer) -> bool:
        """Say whether the committed state has applied the input topics to their ends, with all that was sent on meanwhile."""
        await self._committed.read_on(consumer)
        # Asked after the state was read: what is sent on lies in the topics before the state says so.
        ends = await ends_of(consumer, topics.INPUT_TOPICS, partition_count=self._partition_count)
        return ends == self._committed.positions() and not self._committed.is_anything_due(self._catalog)

    async def compare(self) -> None:
        """Read everything on, when all is visible, and hold it against the fold."""
        async with reader_of_committed(self._servers) as consumer:
            for books in (self._fold, self._committed, self._published):
                await books.read_on(consumer)
        check_sent_on(self._fold.records)
        for number, (expected, found) in enumerate(zip(self._fold.states, self._committed.states, strict=True)):
            assert_same_state(books_part(expected), books_part(found), f"the state of partition number {number}")
        assert_same_rows(self._fold.rows, self._published.rows, "the output topics")
        with connect(self._clickhouse) as client:
            assert_same_rows(self._fold.rows, read_rows(client, generation=GENERATION), "ClickHouse")

    async def compare_from_the_beginning(self) -> None:
        """Fold a raw dump of the whole log at once, and hold it against the fold in batches, which all else is held against."""
        partition_count, raw = await read_input_topics(bootstrap_servers=self._servers)
        folded = fold_rows(read_dump(write_dump(raw, partition_count=partition_count)), catalog=self._catalog)
        assert_same_rows(folded.rows, self._fold.rows, "the fold in batches")
